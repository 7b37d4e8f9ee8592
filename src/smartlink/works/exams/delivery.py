"""The life of one exam on its way to one PACS, as a table and one pure step (requirements, part 3.5).

What the gateway tells is told per instance; `verdict` says what the instances together mean for the whole.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from smartlink.ui.translations import marked


class State(StrEnum):
    """Where a delivery stands."""

    PREPARING = "preparing"
    QUEUED = "queued"
    WITH_GATEWAY = "with_gateway"
    DELIVERED = "delivered"
    PARTIAL = "partial"
    OUTBOX = "outbox"
    CANCELLED = "cancelled"
    REPLACED = "replaced"

    @property
    def words(self) -> str:
        """The words that a person reads for this state."""
        return SCREEN_WORDS[self]


class Event(StrEnum):
    """What happens to a delivery."""

    ORDERED = "ordered"
    ACKNOWLEDGED = "acknowledged"
    ALL_SENT = "all_sent"
    STUCK = "stuck"
    RETURNED = "returned"
    RESUMED = "resumed"
    CANCELLED = "cancelled"
    SENT_ANEW = "sent_anew"


class Reason(StrEnum):
    """Why a delivery is in the Outbox."""

    EXHAUSTED = "exhausted"
    REFUSED = "refused"
    GATEWAY_REPLACED = "gateway_replaced"
    CONNECTION_DELETED = "connection_deleted"
    NO_GATEWAY = "no_gateway"


class Item(StrEnum):
    """Where one instance of a delivery stands; from `waiting` on these are the words of the link."""

    PREPARING = "preparing"
    QUEUED = "queued"
    WAITING = "waiting"
    SENT = "sent"
    PARKED = "parked"
    EXHAUSTED = "exhausted"
    SYNTAX_REFUSED = "syntax_refused"
    CANCELLED = "cancelled"

    @property
    def words(self) -> str:
        """The words that a person reads for this state."""
        return ITEM_WORDS[self]


class IllegalMove(Exception):
    """The event cannot happen to a delivery in this state: a mistake in the program."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"A delivery that is {state} cannot be {event}.")
        self.state = state
        self.event = event


MOVES: Final[Mapping[tuple[State, Event], State]] = MappingProxyType(
    {
        (State.PREPARING, Event.ORDERED): State.QUEUED,
        # No object can be made for any of its instances, its PACS was deleted, or there is no gateway.
        (State.PREPARING, Event.RETURNED): State.OUTBOX,
        (State.PREPARING, Event.CANCELLED): State.CANCELLED,
        (State.QUEUED, Event.ACKNOWLEDGED): State.WITH_GATEWAY,
        # A report may overtake the acknowledgement, whose answer was lost.
        (State.QUEUED, Event.ORDERED): State.QUEUED,
        (State.QUEUED, Event.ALL_SENT): State.DELIVERED,
        (State.QUEUED, Event.STUCK): State.PARTIAL,
        (State.QUEUED, Event.RETURNED): State.OUTBOX,
        (State.QUEUED, Event.CANCELLED): State.CANCELLED,
        # Derived objects were made for instances whose Transfer Syntax was refused.
        (State.WITH_GATEWAY, Event.ORDERED): State.WITH_GATEWAY,
        (State.WITH_GATEWAY, Event.ALL_SENT): State.DELIVERED,
        (State.WITH_GATEWAY, Event.STUCK): State.PARTIAL,
        (State.WITH_GATEWAY, Event.RETURNED): State.OUTBOX,
        (State.WITH_GATEWAY, Event.CANCELLED): State.CANCELLED,
        # Somebody pressed Retry at the gateway.
        (State.PARTIAL, Event.RESUMED): State.WITH_GATEWAY,
        (State.PARTIAL, Event.ALL_SENT): State.DELIVERED,
        (State.PARTIAL, Event.RETURNED): State.OUTBOX,
        (State.PARTIAL, Event.CANCELLED): State.CANCELLED,
        (State.PARTIAL, Event.SENT_ANEW): State.REPLACED,
        (State.OUTBOX, Event.RESUMED): State.WITH_GATEWAY,
        (State.OUTBOX, Event.STUCK): State.PARTIAL,
        (State.OUTBOX, Event.ALL_SENT): State.DELIVERED,
        (State.OUTBOX, Event.CANCELLED): State.CANCELLED,
        (State.OUTBOX, Event.SENT_ANEW): State.REPLACED,
    }
)

FINAL: Final = frozenset({State.DELIVERED, State.CANCELLED, State.REPLACED})
UNDER_WAY: Final = frozenset({State.PREPARING, State.QUEUED, State.WITH_GATEWAY})
NEEDS_A_PERSON: Final = frozenset({State.PARTIAL, State.OUTBOX})
LIVE_ITEMS: Final = frozenset({Item.PREPARING, Item.QUEUED, Item.WAITING, Item.SYNTAX_REFUSED})

SCREEN_WORDS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.PREPARING: "Preparing",
        State.QUEUED: "Waiting for gateway",
        State.WITH_GATEWAY: "Sending",
        State.DELIVERED: "Sent",
        State.PARTIAL: "Needs attention",
        State.OUTBOX: "In Outbox",
        State.CANCELLED: "Cancelled",
        State.REPLACED: "Sent again",
    }
)

ITEM_WORDS: Final[Mapping[Item, str]] = MappingProxyType(
    {
        Item.PREPARING: "Preparing",
        Item.QUEUED: "Waiting for gateway",
        Item.WAITING: "Waiting",
        Item.SENT: "Sent",
        Item.PARKED: "Needs attention",
        Item.EXHAUSTED: "In Outbox",
        Item.SYNTAX_REFUSED: "Preparing",
        Item.CANCELLED: "Cancelled",
    }
)

REASON_WORDS: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.EXHAUSTED: marked("The PACS did not take it within the days of Continue Retry Until."),
        Reason.REFUSED: marked("The PACS refused every image."),
        Reason.GATEWAY_REPLACED: marked("The SmartLink that was sending it was replaced."),
        Reason.CONNECTION_DELETED: marked("The PACS connection was deleted."),
        Reason.NO_GATEWAY: marked("The facility has no active SmartLink."),
    }
)


def step(state: State, event: Event) -> State:
    """Return the state that follows, or raise IllegalMove."""
    try:
        return MOVES[state, event]
    except KeyError:
        raise IllegalMove(state, event) from None


def is_open(state: State, reason: Reason | None) -> bool:
    """Whether the gateway still has a say: it works on it, or a person there may retry what was refused."""
    return state in {State.QUEUED, State.WITH_GATEWAY, State.PARTIAL} or (
        state is State.OUTBOX and reason is Reason.REFUSED
    )


def verdict(state: State, items: Collection[Item]) -> tuple[Event, Reason | None] | None:
    """What the instances of a delivery in `state` together mean for it; None when nothing changes."""
    if not items:
        return None
    present = set(items)
    if present & LIVE_ITEMS:
        return (Event.RESUMED, None) if state in NEEDS_A_PERSON else None
    found = _ended(present)
    same = MOVES.get((state, found[0])) in {None, state}
    return None if same else found


def _ended(present: set[Item]) -> tuple[Event, Reason | None]:
    """The event when nothing is under way any more."""
    if present == {Item.SENT}:
        return Event.ALL_SENT, None
    if Item.EXHAUSTED in present:
        return Event.RETURNED, Reason.EXHAUSTED
    if Item.PARKED in present:
        return (Event.STUCK, None) if Item.SENT in present else (Event.RETURNED, Reason.REFUSED)
    return Event.CANCELLED, None
