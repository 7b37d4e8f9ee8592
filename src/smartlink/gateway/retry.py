"""When a failed delivery is tried again: a returned decision, no clock and no dice inside (R106-R112)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

JITTER: Final = 0.1
"""The share of the interval by which attempts are spread, each way (R112)."""

PROBE_FIRST: Final = timedelta(seconds=1)
PROBE_LONGEST: Final = timedelta(seconds=30)


def next_attempt(ended: datetime, interval: timedelta, luck: float) -> datetime:
    """Return when to try again: one interval after the attempt `ended`, spread by 10 % each way.

    `luck` is a number from 0 up to 1; 0.5 means no spread. The caller throws the dice.
    """
    if not 0.0 <= luck <= 1.0:
        raise ValueError(f"luck is a number from 0 to 1, not {luck}")
    return ended + interval * (1.0 + JITTER * (2.0 * luck - 1.0))


def latest_attempt(now: datetime, interval: timedelta) -> datetime:
    """Return the latest moment for which `next_attempt` puts off what failed until `now`.

    Whatever waits for longer was put off when the interval was a longer one (R111).
    """
    return now + interval * (1.0 + JITTER)


def probe_pause(failures: int) -> timedelta:
    """Return the rest before the next probe of a destination after `failures` probes in a row have failed.

    It doubles from a second and ends at half a minute, so that a short outage costs seconds
    and a long one costs the destination next to nothing.
    """
    doubled = PROBE_FIRST * (1 << min(max(failures, 0), 10))
    return min(doubled, PROBE_LONGEST)


class Outage:
    """Decides when a lasting failure is told again: at its start, and then once per interval."""

    def __init__(self, interval: Callable[[], timedelta]) -> None:
        """`interval` is asked each time: an administrator may change it during an outage (R111)."""
        self._interval = interval
        self._told_at: datetime | None = None
        self.since: datetime | None = None
        """When the failure that lasts was noted first; None when all is well."""

    @property
    def is_on(self) -> bool:
        """Whether the failure lasts."""
        return self._told_at is not None

    def should_be_told(self, now: datetime) -> bool:
        """Note a failure; True when it is to be told."""
        self.since = self.since or now
        if self._told_at is not None and now - self._told_at < self._interval():
            return False
        self._told_at = now
        return True

    def is_over(self, asked_at: datetime | None = None) -> None:
        """Note a success; one that was asked for before the failure was noted says nothing about now."""
        if asked_at is None or self.since is None or asked_at >= self.since:
            self._told_at = self.since = None


class Breaker:
    """Keeps one destination's failures from being repeated for each item.

    Closed: items go. Open: nothing goes until a probe succeeds. Then one item is let through, and only
    its success closes the breaker.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._next_probe: datetime | None = None
        self._trial = False

    @property
    def is_open(self) -> bool:
        """Whether a probe has to come before anything else."""
        return self._next_probe is not None and not self._trial

    def may_probe(self, now: datetime) -> bool:
        """Whether the rest after the last failure is over."""
        return self._next_probe is not None and now >= self._next_probe

    def limit(self, most: int) -> int:
        """How many items may go now."""
        if self.is_open:
            return 0
        return 1 if self._trial else most

    def probed(self) -> None:
        """A probe succeeded: one item may go."""
        self._trial = True

    def succeeded(self) -> None:
        """An item went through: all may go."""
        self._failures = 0
        self._next_probe = None
        self._trial = False

    def failed(self, now: datetime) -> None:
        """The destination failed, under an item or a probe."""
        self._next_probe = now + probe_pause(self._failures)
        self._failures += 1
        self._trial = False
