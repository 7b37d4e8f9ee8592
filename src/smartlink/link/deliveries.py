"""What became of ordered instances at the PACS, told instance by instance (F6)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from smartlink.link.message import Message, Moment, UIDText

MOST_REPORTS: Final = 200

Sentence = Annotated[str, StringConstraints(max_length=500)]
"""For a person, without patient data."""


class ItemState(StrEnum):
    """How far one ordered instance is."""

    WAITING = "waiting"
    """Tried without success, and tried again by itself."""
    SENT = "sent"
    PARKED = "parked"
    """Needs a person: cause and remedy say why and what to do."""
    EXHAUSTED = "exhausted"
    """Not within Continue Retry Until: the gateway is done with it, it belongs into the Outbox (R144)."""
    SYNTAX_REFUSED = "syntax_refused"
    """The PACS does not accept the Transfer Syntax, but accepts those named: derive, and order again."""
    CANCELLED = "cancelled"


class ItemReport(Message):
    """The latest about one ordered instance. A later report replaces an earlier one; repeats are harmless."""

    item_id: UUID
    state: ItemState
    at: Moment
    attempts: Annotated[int, Field(ge=0)] = 0
    status: Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{4}$")] | None = None
    """The C-STORE Status as on the wire, when there was a response."""
    cause: Sentence | None = None
    remedy: Sentence | None = None
    accepted_transfer_syntaxes: Annotated[tuple[UIDText, ...], Field(max_length=16)] = ()
    """For `syntax_refused`: what the PACS accepted for this SOP Class."""


class DeliveryReport(Message):
    """A batch of reports, of any deliveries of this gateway."""

    items: Annotated[tuple[ItemReport, ...], Field(min_length=1, max_length=MOST_REPORTS)]


class DeliveryReported(Message):
    """Works has them, also those that it does not know or want any more: none need be told again."""

    item_ids: tuple[UUID, ...]
