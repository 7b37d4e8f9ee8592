"""Tidies up: files go when their receipt is old enough, ended leases are returned. Nothing undelivered is touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.store import deliveries, instances

if TYPE_CHECKING:
    from datetime import datetime

    from smartlink.gateway.store.database import Database, Transaction
    from smartlink.gateway.store.spool import Spool

log = structlog.get_logger()

_AT_ONCE: Final = 100


class Janitor:
    """The loop's tick."""

    def __init__(self, database: Database, spool: Spool, retention: Callable[[], timedelta]) -> None:
        self._database = database
        self._spool = spool
        self._retention = retention

    def tick(self, now: datetime) -> bool:
        """Return ended leases and remove some files that nobody needs any more; True when there may be more."""
        expired = self._database.write(lambda tx: deliveries.expire_leases(tx, now))
        if expired:
            log.error("leases_expired", count=expired)
        before = now - self._retention()
        found = self._database.read(lambda tx: instances.purgeable(tx, before, _AT_ONCE))
        # The file first: a crash in between leaves a row without a file, which the next tick finishes.
        gone = [instance_id for instance_id, name in found if self._remove(name)]

        def write(tx: Transaction) -> None:
            for instance_id in gone:
                instances.purged(tx, instance_id, now)

        if gone:
            self._database.write(write)
            log.info("purged", count=len(gone))
        return len(gone) == _AT_ONCE

    def _remove(self, name: str) -> bool:
        try:
            self._spool.remove(name)
        except OSError as error:
            # On Windows another program may hold the file for a moment; the next tick tries again.
            log.error("purge_failed", spool_name=name, why=type(error).__name__)
            return False
        return True
