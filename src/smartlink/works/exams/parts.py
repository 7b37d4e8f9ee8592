"""Large objects in parts: tickets for parts, the join, and Works' own reading of the whole before its receipt.

The store verifies each part but says nothing of the whole, so custody begins only when a job has read the object and
found the digest that was offered. Every step may be repeated: the store knows which parts it has, and an object that
was joined before a crash is found to be whole.
"""

import hashlib
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from smartlink.link import uploads as link
from smartlink.link.problems import ProblemType
from smartlink.works.access import Access, Site
from smartlink.works.blobs.store import (
    MULTIPART,
    Blob,
    BlobMissing,
    JoinedPart,
    SignedPut,
    StoredPart,
    Stream,
    chunks,
)
from smartlink.works.errors import LinkRefused, TryAgain
from smartlink.works.exams.custody import conflict
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import upload_parts, uploads
from smartlink.works.store.upload_parts import Part
from smartlink.works.store.uploads import Upload

log = structlog.get_logger(__name__)

TICKET_LIFETIME: Final = timedelta(minutes=15)
KEPT: Final = timedelta(days=7)
"""How long parts stay in storage after the gateway last asked about them."""
MOST_MISMATCHES: Final = 3


class Storage(Protocol):
    """What parts need of the object store."""

    def begin(self, key: str) -> str:
        """The name under which parts of `key` are put."""

    def presign_part(
        self, key: str, multipart_id: str, number: int, *, size: int, sha256: bytes, lifetime: timedelta, now: datetime
    ) -> SignedPut:
        """A permission to put one part."""

    def parts(self, key: str, multipart_id: str) -> Mapping[int, StoredPart]:
        """The parts that are there, by number. Raises BlobMissing."""

    def join(self, key: str, multipart_id: str, parts: Sequence[JoinedPart]) -> None:
        """The object stands under `key`."""

    def abandon(self, key: str) -> None:
        """There are no parts of `key` any more."""

    def head(self, key: str) -> Blob | None:
        """What the store knows of the object; None if there is none."""

    def open(self, key: str) -> AbstractContextManager[Stream]:
        """The object's bytes, streamed. Raises BlobMissing."""

    def delete(self, key: str) -> None:
        """There is no such object any more."""


class Later(Protocol):
    """Who does what takes longer, once the transaction is committed."""

    def ingest(self, site: Site, upload_ids: Sequence[uuid.UUID]) -> None:
        """Take confirmed uploads into their exams."""

    def abandon(self, site: Site, upload_id: uuid.UUID, at: datetime) -> None:
        """Look at `at` whether the upload was given up."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The use cases, given their parts."""

    access: Access
    storage: Storage
    later: Later
    clock: Callable[[], datetime]
    ending: threading.Event = field(default_factory=threading.Event)
    """Set when the program ends: reading stops and is done again later."""

    def tickets(self, caller: Caller, upload_id: uuid.UUID, wanted: Sequence[link.Part]) -> link.Parts:
        """Tickets for those of the wanted parts that are not there, and the numbers of those that are."""
        with self.access.organisation(caller.organisation_id) as site:
            found = uploads.of_gateway(site, caller.gateway_id, [upload_id])
        everything = tuple(part.number for part in wanted)
        if not found or not in_parts(found[0]):
            return link.Parts(tickets=(), unknown=True)
        upload = found[0]
        if upload.state != "offered":
            return link.Parts(tickets=(), stored=everything)
        _check(upload, wanted)
        begun = self._begun(caller.organisation_id, upload)
        if begun is None:
            return link.Parts(tickets=(), stored=everything)
        multipart_id, there = begun
        parts = [Part(part.number, part.size, bytes.fromhex(part.sha256)) for part in wanted]
        now = self.clock()
        with self.access.organisation(caller.organisation_id) as site:
            expected = {part.number: part for part in upload_parts.of(site, upload.id)}
            missing = [part for part in parts if part != expected.get(part.number) or not _is_there(part, there)]
            upload_parts.expect(site, upload.id, missing)
            upload_parts.seen(site, upload.id, now=now, expires_at=now + KEPT)
        return link.Parts(
            tickets=tuple(self._ticket(upload, multipart_id, part, now) for part in missing),
            stored=tuple(part.number for part in parts if part not in missing),
        )

    def join(self, organisation_id: uuid.UUID, upload: Upload) -> str | None:
        """Make one object of the parts; None when that is done, else why it cannot be."""
        if upload.state != "offered":
            return None
        if upload.multipart_id is None:
            return "There is no part in storage: ask for tickets."
        with self.access.organisation(organisation_id) as site:
            expected = upload_parts.of(site, upload.id)
        try:
            there = self.storage.parts(upload.object_key, upload.multipart_id)
            if sum(part.size for part in expected) != upload.size or not all(_is_there(p, there) for p in expected):
                return "Not all parts are in storage: ask for tickets for those that are missing."
            joined = [JoinedPart(part.number, there[part.number].mark, part.sha256) for part in expected]
            self.storage.join(upload.object_key, upload.multipart_id, joined)
        except BlobMissing:
            return None if self._is_whole(upload) else "The parts are not in storage any more: ask for tickets."
        return None

    def verify(self, organisation_id: uuid.UUID, upload_id: uuid.UUID) -> None:
        """Read a joined object; take custody if it is what was offered, else let everything be put again."""
        with self.access.organisation(organisation_id) as site:
            upload = uploads.get(site, upload_id)
        if upload is None or upload.state != "verifying":
            return
        if self._is_as_offered(upload):
            now = self.clock()
            with self.access.organisation(organisation_id) as site:
                told = conflict(site, upload)
                if uploads.confirm(site, upload.id, conflict=told, now=now, since="verifying"):
                    upload_parts.forget(site, upload.id)
                    self.later.ingest(site, [upload.id])
            log.info("upload_verified", upload_id=str(upload_id), size=upload.size)
            return
        self.storage.delete(upload.object_key)
        why = "The joined parts are not the object that was offered."
        with self.access.organisation(organisation_id) as site:
            upload_parts.mismatched(site, upload.id, why=why)
        log.error("upload_mismatched", upload_id=str(upload_id), why=why)

    def abandon(self, organisation_id: uuid.UUID, upload_id: uuid.UUID) -> None:
        """Free the storage of an upload that its gateway gave up; look again later when it did not."""
        now = self.clock()
        with self.access.organisation(organisation_id) as site:
            upload = uploads.get(site, upload_id)
            if upload is None:
                return
            given_up = upload_parts.abandon(site, upload_id, before=now - KEPT)
            if not given_up and upload.state == "offered":
                self.later.abandon(site, upload_id, upload.offered_at + KEPT)
                return
        # Also for a finished upload: two calls that began at once leave the parts of one behind.
        self.storage.abandon(upload.object_key)
        if given_up:
            self.storage.delete(upload.object_key)
            log.info("upload_abandoned", upload_id=str(upload_id))

    def _begun(self, organisation_id: uuid.UUID, upload: Upload) -> tuple[str, Mapping[int, StoredPart]] | None:
        """The store's name for the parts and what it has of them; None when they were joined already."""
        if upload.multipart_id is not None:
            try:
                return upload.multipart_id, self.storage.parts(upload.object_key, upload.multipart_id)
            except BlobMissing:
                if self._is_whole(upload):
                    return None
        fresh = self.storage.begin(upload.object_key)
        with self.access.organisation(organisation_id) as site:
            if not upload_parts.begun(site, upload.id, fresh, instead_of=upload.multipart_id):
                message = "Another call began the same upload just now: ask again."
                raise TryAgain(message)
            self.later.abandon(site, upload.id, self.clock() + KEPT)
        return fresh, {}

    def _is_whole(self, upload: Upload) -> bool:
        blob = self.storage.head(upload.object_key)
        return blob is not None and blob.size == upload.size

    def _is_as_offered(self, upload: Upload) -> bool:
        digest, size = hashlib.sha256(), 0
        try:
            with self.storage.open(upload.object_key) as stream:
                for piece in chunks(stream):
                    if self.ending.is_set():
                        message = "Works ends; the object is read again later."
                        raise TryAgain(message)
                    digest.update(piece)
                    size += len(piece)
        except BlobMissing:
            return False
        return size == upload.size and digest.digest() == upload.object_sha256

    def _ticket(self, upload: Upload, multipart_id: str, part: Part, now: datetime) -> link.PartTicket:
        signed = self.storage.presign_part(
            upload.object_key,
            multipart_id,
            part.number,
            size=part.size,
            sha256=part.sha256,
            lifetime=TICKET_LIFETIME,
            now=now,
        )
        return link.PartTicket(
            number=part.number, url=signed.url, headers=dict(signed.headers), expires_at=signed.expires_at
        )


def in_parts(upload: Upload) -> bool:
    """Whether this upload comes in parts: its key says so, whatever its size."""
    return upload.object_key.startswith(f"{MULTIPART}/")


def _is_there(part: Part, there: Mapping[int, StoredPart]) -> bool:
    stored = there.get(part.number)
    return stored is not None and stored.size == part.size


def _check(upload: Upload, wanted: Sequence[link.Part]) -> None:
    """Every part is one of the upload's, and as long as its place says. Raises LinkRefused."""
    count = -(-upload.size // link.PART_SIZE)
    for part in wanted:
        size = link.PART_SIZE if part.number < count else upload.size - (count - 1) * link.PART_SIZE
        if part.number > count or part.size != size:
            raise LinkRefused(ProblemType.REQUEST_INVALID, "A part is not one of this upload, or not of its length.")
