"""How long an acceptor waits for its peer: whole waits, so that bytes sent one by one buy nobody time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_NEARLY_WHOLE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long we wait for a peer, in seconds."""

    artim: float = 30.0
    """For the whole request once connected, TLS and all, and for the close after the end (PS3.8 section 9.1.5)."""
    idle: float = 600.0
    """Between two messages: scanners keep an Association open while they examine."""
    stall: float = 60.0
    """Between two pieces of one message, and for a response to be taken."""
    slowest: int = 1024
    """Bytes a second that a message has to bring, taken over `stall`."""


class Wait(Enum):
    """What a peer is waited for."""

    REQUEST = "the request for an Association"
    MESSAGE = "the next message"
    REST = "the rest of a message"
    CLOSE = "the close of the connection"


class Patience:
    """One Association's waits: tell it what arrives and what is done, and ask how long to wait for more."""

    def __init__(self, timeouts: Timeouts, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to wait for the request."""
        self._timeouts = timeouts
        self._clock = clock
        self._wait = Wait.REQUEST
        self._since = clock()
        self._arrived = 0

    def arrived(self, count: int) -> None:
        """So many bytes came."""
        self._arrived += count

    def begin(self) -> None:
        """What was waited for came whole: the next wait begins."""
        self._since = self._clock()
        self._arrived = 0

    def left(self, wait: Wait) -> float:
        """Return how many seconds to wait for the next bytes; none are left when it is not above zero.

        Where it can it returns the same number again, because changing a socket's time-out is a system call.
        """
        if wait is not self._wait:
            self._wait = wait
            self.begin()
        if wait is Wait.REST:
            return self._left_of_message()
        whole = self._timeouts.idle if wait is Wait.MESSAGE else self._timeouts.artim
        left = whole - (self._clock() - self._since)
        return whole if left > whole * _NEARLY_WHOLE else left

    def _left_of_message(self) -> float:
        """A message may take as long as it has to while it moves: each stretch of time has to bring its share."""
        stall = self._timeouts.stall
        if self._clock() - self._since >= stall:
            if self._arrived < self._timeouts.slowest * stall:
                return 0.0
            self.begin()
        return stall
