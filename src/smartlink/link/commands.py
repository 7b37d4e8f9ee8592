"""The command channel: what Works asks of a gateway, fetched by one long poll and repeated until acknowledged (F6).

A command is leased to the poll that fetched it and comes again when the lease ends unacknowledged, or as soon as a
poll says `again=true`: the gateway has started, or an answer was lost, and it holds nothing. Acknowledging says
"written down for good", so a command may be carried out twice and must be harmless the second time.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from smartlink.link.message import Digest, Message, UIDText
from smartlink.link.uploads import LARGEST_OBJECT

MOST_COMMANDS: Final = 16
MOST_ITEMS: Final = 500
"""Instances of one `deliver`; a larger exam is ordered in several commands of one delivery."""
LONGEST_WAIT_SECONDS: Final = 25


class OrderedInstance(Message):
    """One instance to be stored in the PACS, exactly with these bytes."""

    item_id: UUID
    """Names this instance within its delivery in tickets and reports."""
    sop_class_uid: UIDText
    sop_instance_uid: UIDText
    study_instance_uid: UIDText
    transfer_syntax_uid: UIDText
    size: Annotated[int, Field(gt=0, le=LARGEST_OBJECT)]
    """Bytes of the whole Part 10 file."""
    object_sha256: Digest
    dataset_sha256: Digest


class Deliver(Message):
    """Store these instances of an exam in this PACS."""

    kind: Literal["deliver"] = "deliver"
    command_id: UUID
    delivery_id: UUID
    connection_id: UUID
    """The PACS, by its id at Works."""
    instances: Annotated[tuple[OrderedInstance, ...], Field(min_length=1, max_length=MOST_ITEMS)]
    resend: bool = False
    """A person asked for it to be sent again, whatever was sent before."""


class Cancel(Message):
    """What was not sent yet of this delivery is no longer wanted."""

    kind: Literal["cancel"] = "cancel"
    command_id: UUID
    delivery_id: UUID


class Synchronise(Message):
    """Fetch the configuration now."""

    kind: Literal["synchronise"] = "synchronise"
    command_id: UUID


class RefreshWorklists(Message):
    """Ask the worklist servers now: somebody waits for the list."""

    kind: Literal["refresh_worklists"] = "refresh_worklists"
    command_id: UUID


class UnknownCommand(Message):
    """A command of a newer Works: not acknowledged, so that it waits for the newer gateway."""

    kind: Annotated[str, StringConstraints(max_length=64)]
    command_id: UUID


Command = Annotated[
    Annotated[Deliver | Cancel | Synchronise | RefreshWorklists, Field(discriminator="kind")] | UnknownCommand,
    Field(union_mode="left_to_right"),
]


class Commands(Message):
    """What is to be done, the oldest first; empty when nothing came up while waiting."""

    commands: Annotated[tuple[Command, ...], Field(max_length=MOST_COMMANDS)]


class Acknowledge(Message):
    """These commands are written down: they need not come again."""

    command_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MOST_COMMANDS)]


class Acknowledged(Message):
    """The commands of this gateway that are now acknowledged."""

    command_ids: tuple[UUID, ...]
