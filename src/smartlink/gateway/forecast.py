"""When the disk will be full, as the last week went: free space once an hour, and the straight line through it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from smartlink.gateway.store import disk_samples
from smartlink.gateway.store.disk_samples import Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from smartlink.gateway.intake import DiskSpace
    from smartlink.gateway.store.database import Database

HORIZON: Final = timedelta(days=3)
"""People are warned when less than this is left (design 1.2)."""
WINDOW: Final = timedelta(days=7)
EVERY: Final = timedelta(hours=1)
_LEAST: Final = timedelta(hours=24)
"""A line through less than a day shows the hours of the day, not where it goes."""
_FAR: Final = 3650.0


def forecast(samples: Sequence[Sample], disk: DiskSpace, reserve: int) -> float | None:
    """Return in how many days only `reserve` bytes are left, or None when that cannot be told or is not so.

    `samples` of the last week, the oldest first; at least a day of them is needed.
    """
    if len(samples) < 2 or samples[-1].at - samples[0].at < _LEAST:  # noqa: PLR2004  a line has two ends
        return None
    days = [(one.at - samples[0].at) / timedelta(days=1) for one in samples]
    mean_day = sum(days) / len(days)
    mean_free = sum(one.free for one in samples) / len(samples)
    above = sum((day - mean_day) * (one.free - mean_free) for day, one in zip(days, samples, strict=True))
    below = sum((day - mean_day) ** 2 for day in days)
    bytes_per_day = -above / below
    if bytes_per_day <= 0:
        return None
    left = max(0, disk.free - reserve) / bytes_per_day
    return left if left < _FAR else None


class Gauge:
    """The loop's tick: reads the disk once an hour and keeps what it saw for a week."""

    def __init__(self, database: Database, disk: Callable[[], DiskSpace]) -> None:
        self._database = database
        self._disk = disk
        self._next: datetime | None = None

    def tick(self, now: datetime) -> bool:
        """Keep a sample if the last one is an hour old."""
        if self._next is None:
            last = self._database.read(disk_samples.last)
            self._next = now if last is None or last > now else last + EVERY
        if now >= self._next:
            sample = Sample(now, self._disk().free)
            self._database.write(lambda tx: disk_samples.add(tx, sample, now - WINDOW))
            self._next = now + EVERY
        return False
