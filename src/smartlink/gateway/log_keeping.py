"""Log files are kept for the days that were set, then removed (R121)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from smartlink.gateway.log import part_of

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

log = structlog.get_logger()


class LogKeeper:
    """The loop's tick. Files that are not ours, whatever they are called, stay."""

    def __init__(self, folder: Path, days: int) -> None:
        self._folder = folder
        self._days = days
        self._looked_on: object = None

    def tick(self, now: datetime) -> bool:
        """Once a day, remove the log files older than so many days; never more to do at once."""
        today = now.date()
        if today == self._looked_on or not self._folder.is_dir():
            return False
        last_kept = today - timedelta(days=self._days)
        gone = 0
        for path in list(self._folder.glob("*.log")):
            named = part_of(path.name)
            if named is None or named[1] >= last_kept:
                continue
            try:
                path.unlink()
                gone += 1
            except OSError as error:
                log.error("log_not_removed", file=path.name, why=type(error).__name__)
        if gone:
            log.info("logs_removed", count=gone, kept_days=self._days)
        self._looked_on = today
        return False
