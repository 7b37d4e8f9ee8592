"""The life of one delivery (one instance on its way to one destination), as a table and one pure step."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """Where a delivery stands."""

    HELD = "held"
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    PARKED = "parked"
    EXHAUSTED = "exhausted"
    CANCELLED = "cancelled"

    @property
    def words(self) -> str:
        """The words that a person reads for this state."""
        return SCREEN_WORDS[self]

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in FINAL


class Event(StrEnum):
    """What happens to a delivery."""

    RELEASED = "released"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    FAILED = "failed"
    REFUSED = "refused"
    GAVE_UP = "gave_up"
    LEASE_EXPIRED = "lease_expired"
    RETRIED = "retried"
    WITHHELD = "withheld"
    CANCELLED = "cancelled"
    LOST = "lost"


class IllegalMove(Exception):
    """The event cannot happen to a delivery in this state: a mistake in the program, never of a peer."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"A delivery that is {state} cannot be {event}.")
        self.state = state
        self.event = event


MOVES: Final[Mapping[tuple[State, Event], State]] = MappingProxyType(
    {
        (State.HELD, Event.RELEASED): State.WAITING,
        (State.HELD, Event.CANCELLED): State.CANCELLED,
        (State.WAITING, Event.CLAIMED): State.SENDING,
        # The destination does not take anything from this origin for now (R66, R67).
        (State.WAITING, Event.WITHHELD): State.HELD,
        # The retry window closed while nothing could be tried (R144).
        (State.WAITING, Event.GAVE_UP): State.EXHAUSTED,
        (State.WAITING, Event.CANCELLED): State.CANCELLED,
        (State.SENDING, Event.ACCEPTED): State.SENT,
        (State.SENDING, Event.FAILED): State.WAITING,
        (State.SENDING, Event.REFUSED): State.PARKED,
        (State.SENDING, Event.LEASE_EXPIRED): State.WAITING,
        (State.SENDING, Event.WITHHELD): State.HELD,
        (State.SENDING, Event.GAVE_UP): State.EXHAUSTED,
        (State.SENDING, Event.CANCELLED): State.CANCELLED,
        # The destination said that it had it, and has it not: a reconciliation found that.
        (State.SENT, Event.LOST): State.WAITING,
        (State.PARKED, Event.RETRIED): State.WAITING,
        (State.PARKED, Event.CANCELLED): State.CANCELLED,
    }
)

FINAL: Final = frozenset({State.SENT, State.EXHAUSTED, State.CANCELLED})

SCREEN_WORDS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.HELD: "Held",
        State.WAITING: "Waiting",
        State.SENDING: "Sending",
        State.SENT: "Sent",
        State.PARKED: "Needs attention",
        State.EXHAUSTED: "In Outbox",
        State.CANCELLED: "Cancelled",
    }
)


def step(state: State, event: Event) -> State:
    """Return the state that follows, or raise IllegalMove."""
    try:
        return MOVES[state, event]
    except KeyError:
        raise IllegalMove(state, event) from None
