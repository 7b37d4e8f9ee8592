"""A large image goes to Works in parts: a few at a time, each put once, whatever breaks in between.

Which parts are in storage is what Works says when it is asked for tickets. What it said, and what was put since, is
noted, so that a long upload does not ask for everything again and again; when in doubt the note is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from smartlink.gateway.errors import GiveUp, TryAgain
from smartlink.gateway.messages import Message
from smartlink.gateway.store import parts as table
from smartlink.gateway.store.spool import Spool, SpoolDamaged
from smartlink.link.uploads import MOST_PARTS_AT_ONCE, PART_SIZE, Part, Parts, PartsRequest, PartTicket, Ticket

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor
    from uuid import UUID

    from smartlink.gateway.digests import Readable
    from smartlink.gateway.store.database import Database
    from smartlink.gateway.store.instances import Instance

log = structlog.get_logger()

DAMAGED: Final = (
    "Send the image again from the ultrasound system. If this happens more than once, have the disk checked."
)


class Put(Enum):
    """How a PUT ended well, or in a way that only a new ticket mends."""

    STORED = auto()
    ALREADY_THERE = auto()
    TICKET_EXPIRED = auto()


class Works(Protocol):
    """Works, as far as parts need it. May raise TryAgain, GiveUp or LicenceRevoked."""

    def parts(self, request: PartsRequest) -> Parts:
        """Ask for tickets for parts."""


class Objects(Protocol):
    """Object storage. May raise TryAgain or GiveUp."""

    @property
    def most_at_once(self) -> int:
        """How many bytes of tickets to ask for at once."""

    def put(self, ticket: Ticket | PartTicket, file: Readable, size: int) -> Put:
        """Put the next `size` bytes of a file where the ticket says."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of an image's parts are in storage."""

    stored: int
    of: int

    @property
    def is_complete(self) -> bool:
        """Whether Works can join them."""
        return self.stored == self.of

    def __str__(self) -> str:
        """Say it to a person."""
        return f"{self.stored} of {self.of} parts are in storage."


class PartsUpload:
    """Puts the parts of one image after the other, on the lanes that all uploads share."""

    def __init__(
        self, database: Database, spool: Spool, works: Works, objects: Objects, lanes: Executor, at_once: int
    ) -> None:
        self._database = database
        self._spool = spool
        self._works = works
        self._objects = objects
        self._lanes = lanes
        self._at_once = at_once

    def is_under_way(self, instance: Instance, upload_id: UUID) -> bool:
        """Whether parts of this upload are known to be missing still."""
        return any(part.upload_id != upload_id for part in self._parts(instance))

    def doubt(self, instance: Instance) -> None:
        """Forget which parts are in storage: Works did not find them."""
        self._database.write(lambda tx: table.doubted(tx, instance.id))

    def carry(self, instance: Instance, upload_id: UUID) -> Progress:
        """Put the next few parts of an image. Raises TryAgain, GiveUp or LicenceRevoked; what was put stays put."""
        parts = self._parts(instance)
        missing = [part for part in parts if part.upload_id != upload_id]
        if missing:
            answer = self._tickets(upload_id, [_part(instance, part) for part in missing[:MOST_PARTS_AT_ONCE]])
            if answer.unknown:
                self.doubt(instance)
                raise TryAgain("Works does not know the upload that it just gave permission for.")
            self._database.write(lambda tx: table.stored(tx, instance.id, answer.stored, upload_id))
            self._put_all(instance, upload_id, answer.tickets[: self._how_many()])
            parts = self._parts(instance)
        return Progress(sum(part.upload_id == upload_id for part in parts), len(parts))

    def _parts(self, instance: Instance) -> list[table.Part]:
        return self._database.read(lambda tx: table.of(tx, instance.id))

    def _how_many(self) -> int:
        """Return how many parts to put at once: all begin while their tickets are fresh, however slow the line is."""
        return max(1, min(self._at_once, self._objects.most_at_once // PART_SIZE))

    def _tickets(self, upload_id: UUID, wanted: Sequence[Part]) -> Parts:
        try:
            answer = self._works.parts(PartsRequest(upload_id=upload_id, parts=tuple(wanted)))
        except TryAgain as error:
            log.error("parts_failed", **Message.NO_UPLOAD_URL.fields, why=str(error))
            raise
        if not (answer.tickets or answer.stored or answer.unknown):
            raise TryAgain("Works did not answer for the parts.")
        return answer

    def _put_all(self, instance: Instance, upload_id: UUID, tickets: Sequence[PartTicket]) -> None:
        """Put these parts; a failure of one lets the others finish first."""
        outcomes = list(self._lanes.map(lambda ticket: self._put(instance, upload_id, ticket), tickets))
        for kind in (GiveUp, TryAgain):
            for outcome in outcomes:
                if isinstance(outcome, kind):
                    raise outcome
        if outcomes and all(outcome is Put.TICKET_EXPIRED for outcome in outcomes):
            raise TryAgain("Object storage does not take the tickets of Works.", status=403)

    def _put(self, instance: Instance, upload_id: UUID, ticket: PartTicket) -> Put | TryAgain | GiveUp:
        try:
            outcome = self._put_once(instance, ticket)
        except (TryAgain, GiveUp) as error:
            return error
        if outcome is not Put.TICKET_EXPIRED:
            self._database.write(lambda tx: table.stored(tx, instance.id, [ticket.number], upload_id))
        return outcome

    def _put_once(self, instance: Instance, ticket: PartTicket) -> Put:
        begin = (ticket.number - 1) * PART_SIZE
        size = min(PART_SIZE, instance.size - begin)
        if size <= 0:
            raise TryAgain("Works gave a ticket for a part that does not exist.")
        try:
            with self._spool.part10_parts(instance.spool_name) as file:
                file.seek(begin)
                return self._objects.put(ticket, file, size)
        except (OSError, SpoolDamaged) as error:
            raise GiveUp(f"The stored file cannot be read ({type(error).__name__}).", DAMAGED) from error


def _part(instance: Instance, part: table.Part) -> Part:
    begin = (part.number - 1) * PART_SIZE
    return Part(number=part.number, size=min(PART_SIZE, instance.size - begin), sha256=part.sha256)
