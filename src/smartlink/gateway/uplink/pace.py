"""How fast bytes may go: one bucket for all uploads and downloads, and their prompt end when the program ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from smartlink.gateway.errors import Stopping

if TYPE_CHECKING:
    from smartlink.gateway.loop import Clock

LARGEST_PIECE: Final = 1024**2
_SMALLEST_PIECE: Final = 4096
_PIECES_A_SECOND: Final = 4
_GRACE: Final = timedelta(seconds=10)
_TOO_FAR: Final = timedelta(minutes=1)
"""No piece waits that long: the clock was set back."""


def no_limit() -> int | None:
    """Set no limit."""
    return None


class Pace:
    """Hands out the right to send or take bytes; any thread. Bytes per second come from `rate`, asked each time."""

    def __init__(
        self,
        rate: Callable[[], int | None],
        now: Clock,
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self._rate = rate
        self._now = now
        self._wait = wait
        self._lock = threading.Lock()
        self._free_at: datetime | None = None
        self._ending = threading.Event()
        self._ended_at: datetime | None = None

    @property
    def piece(self) -> int:
        """The size of the pieces in which bytes best go: small on a slow line, so that it never stands still."""
        rate = self._rate()
        if rate is None:
            return LARGEST_PIECE
        return min(max(rate // _PIECES_A_SECOND, _SMALLEST_PIECE), LARGEST_PIECE)

    def take(self, size: int) -> None:
        """Return as soon as `size` bytes may go. Raises Stopping when the program ends meanwhile."""
        rate = self._rate()
        self._go_on(limited=rate is not None)
        if rate is None:
            return
        pause = self._reserve(size, rate)
        if pause > 0:
            self._wait(self._ending, pause)
            self._go_on(limited=True)

    def within(self, duration: timedelta) -> int | None:
        """Return how many bytes may go in `duration`; None means as many as the line takes."""
        rate = self._rate()
        return None if rate is None else int(rate * duration.total_seconds())

    def end(self) -> None:
        """Let what goes at full speed finish within seconds, and end what would take longer."""
        self._ended_at = self._now()
        self._ending.set()

    def _reserve(self, size: int, rate: int) -> float:
        """Book the time that `size` bytes need, behind what others booked; return the seconds until it begins."""
        with self._lock:
            now = self._now()
            start = now if self._free_at is None else max(self._free_at, now)
            if start - now > _TOO_FAR:
                start = now
            self._free_at = start + timedelta(seconds=size / rate)
            return (start - now).total_seconds()

    def _go_on(self, *, limited: bool) -> None:
        ended_at = self._ended_at
        if ended_at is not None and (limited or self._now() - ended_at > _GRACE):
            raise Stopping("SmartLink ends; the transfer goes on at the next start.")
