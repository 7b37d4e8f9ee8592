"""Where log lines go: JSON, one file per type and UTC day, three levels, never patient data (R115-R121).

`smartlink run` writes `SmartLink-service-DATE.log`; the command line and the console write
`ExoClient-configuration-DATE.log`. Other modules say `structlog.get_logger()` and know nothing of this.
"""

from __future__ import annotations

import re
import threading
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TextIO

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from datetime import datetime
    from pathlib import Path

    from smartlink.gateway.loop import Clock


class LogKind(StrEnum):
    """The two types of log file, named as the manual names them."""

    SERVICE = "SmartLink-service"
    CONFIGURATION = "ExoClient-configuration"


_NAME: Final = re.compile(r"(?P<kind>.+)-(?P<day>\d{4}-\d\d-\d\d)(\.(?P<part>\d{1,6}))?\.log")

LEVELS: Final = {"info": "info", "error": "error", "critical": "fatal", "fatal": "fatal"}
"""structlog's names on the left, the manual's on the right."""

LARGEST_FILE: Final = 64 * 1024**2
"""Bytes; a day that brings more goes on in a further part, `…-DATE.2.log`, so that no file is too large to send."""

PATIENT_FIELDS: Final = frozenset(
    {"patient_name", "patient_id", "birth_date", "patient_birth_date", "accession_number", "patient_sex"}
)


class DailyFile:
    """A text file for each UTC day, in parts when it grows large; lines are whole even when several threads write."""

    def __init__(self, folder: Path, kind: LogKind, now: Clock, largest: int = LARGEST_FILE) -> None:
        """`largest`: how many bytes a file may have before the next part begins."""
        self._folder = folder
        self._largest = largest
        self._size = 0
        self._kind = kind
        self._now = now
        self._day: date | None = None
        self._file: TextIO | None = None
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        """Append one line. A log that cannot be written stops nothing: images matter more."""
        with self._lock:
            try:
                file = self._file_of(self._now())
                file.write(line + "\n")
                file.flush()
                self._size += len(line) + 1
            except OSError:
                self._forget()

    # structlog calls the method named after the level.
    info = error = critical = fatal = msg

    def close(self) -> None:
        """Let go of the file; a further line opens it again."""
        with self._lock:
            self._forget()

    def _file_of(self, moment: datetime) -> TextIO:
        day = moment.date()
        if self._file is None or day != self._day or self._size >= self._largest:
            self._forget()
            self._folder.mkdir(parents=True, exist_ok=True)
            path, self._size = self._place(day)
            self._file = path.open("a", encoding="utf-8")
            self._day = day
        return self._file

    def _place(self, day: date) -> tuple[Path, int]:
        """Where the next line goes, and how large that is. Nothing is renamed: another program may write there, too."""
        path = newest_path(self._folder, self._kind, day)
        size = path.stat().st_size if path.exists() else 0
        if size < self._largest:
            return path, size
        named = part_of(path.name)
        assert named is not None  # noqa: S101  `newest_path` made the name
        return log_path(self._folder, self._kind, day, named[2] + 1), 0

    def _forget(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def log_path(folder: Path, kind: LogKind, day: date, part: int = 1) -> Path:
    """Return the path of one day's file, or of a further part of it."""
    return folder / f"{kind}-{day.isoformat()}{'' if part == 1 else f'.{part}'}.log"


def part_of(name: str) -> tuple[LogKind, date, int] | None:
    """Return type, day and part of a log file by its name, or None when it is none of ours."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        return LogKind(found["kind"]), date.fromisoformat(found["day"]), int(found["part"] or 1)
    except ValueError:
        return None


def newest_path(folder: Path, kind: LogKind, day: date) -> Path:
    """Return the path of the part of a day's file that is being written."""
    parts = [named[2] for path in folder.glob(f"{kind}-{day.isoformat()}*.log") if (named := part_of(path.name))]
    return log_path(folder, kind, day, max(parts, default=1))


def configure(folder: Path, kind: LogKind, now: Clock, component: str) -> DailyFile:
    """Send all log lines of this process to the day's file in `folder`; returns the file to close at the end."""

    def stamp(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
        return {"time": now().isoformat(timespec="milliseconds"), "component": component, **event}

    target = DailyFile(folder, kind, now)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _manual_level,
            _without_patient_data,
            stamp,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
        logger_factory=lambda *_args: target,
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return target


def _manual_level(_logger: object, method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    return {"level": LEVELS.get(method, "error"), **event}


def _without_patient_data(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """Drop what must never be in a log. A check of the source forbids such fields; this is the belt to its braces."""
    for name in PATIENT_FIELDS & event.keys():
        del event[name]
    return event
