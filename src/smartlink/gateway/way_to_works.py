"""How the way to Works does, for one loop that uses it: closed while it fails, told of once per outage and interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smartlink.gateway.errors import TryAgain
from smartlink.gateway.retry import Breaker, Outage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from smartlink.gateway.loop import Clock


class WayToWorks:
    """A breaker that asks Works how it is, and the outage that it has. One loop, one thread."""

    def __init__(
        self,
        health: Callable[[], None],
        now: Clock,
        interval: Callable[[], timedelta],
        tell: Callable[[str], None],
    ) -> None:
        """`health` returns if Works is well and raises TryAgain if not; `interval` is R107's; `tell` is told why."""
        self._health = health
        self._now = now
        self._tell = tell
        self._breaker = Breaker()
        self._outage = Outage(interval)
        self._problem = ""

    @property
    def failing(self) -> tuple[datetime, str] | None:
        """Since when nothing goes through, and why; None when all is well."""
        return None if self._outage.since is None else (self._outage.since, self._problem)

    def is_open(self, now: datetime) -> bool:
        """Whether anything may go now. While it fails, Works is asked first, no more often than the breaker allows."""
        if not self._breaker.is_open:
            return True
        if not self._breaker.may_probe(now):
            return False
        try:
            self._health()
        except TryAgain as error:
            self.failed(str(error))
            return False
        self._breaker.probed()
        return True

    def limit(self, most: int) -> int:
        """How many items may go now."""
        return self._breaker.limit(most)

    def failed(self, problem: str) -> None:
        """Note a failure of Works or of the way there, under an item or a probe."""
        at = self._now()
        self._breaker.failed(at)
        self._problem = problem
        if self._outage.should_be_told(at):
            self._tell(problem)

    def is_well(self) -> bool:
        """Note that something went through; whether that ended an outage."""
        self._breaker.succeeded()
        ended = self._outage.is_on
        self._outage.is_over()
        return ended
