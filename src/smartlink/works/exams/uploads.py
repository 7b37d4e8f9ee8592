"""Offer, ticket, confirmation, receipt: how custody of an instance passes from a gateway to Works (F4).

Works answers *held* only for bytes that it has itself seen: the same file in verified storage, or a Data Set whose
digest it computed at ingest. The gateway's word on a digest never makes another gateway throw an image away.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import structlog

from smartlink.link import uploads as link
from smartlink.link.problems import ProblemType
from smartlink.works import audit
from smartlink.works.access import Access, Site
from smartlink.works.blobs.store import SignedPut, multipart_key, object_key
from smartlink.works.exams import custody, parts
from smartlink.works.exams.parts import TICKET_LIFETIME, Parts, in_parts
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import connections, deletions, upload_parts, uploads
from smartlink.works.store.uploads import Upload

log = structlog.get_logger(__name__)

_CUSTODY: Final = frozenset({"confirmed", "ingested", "failed", "withheld"})
_MISMATCHED: Final = "What was put is not the file that was offered, on three attempts."

Answer = link.Held | link.Ticket | link.Multipart | link.Refused
Outcome = link.Stored | link.Missing | link.Verifying


class Storage(parts.Storage, Protocol):
    """What uploads need of the object store."""

    def presign_put(self, key: str, *, size: int, sha256: bytes, lifetime: timedelta, now: datetime) -> SignedPut:
        """A permission to write `key` once."""


class Later(parts.Later, Protocol):
    """Who takes uploads further, once the transaction is committed."""

    def verify(self, site: Site, upload_id: uuid.UUID) -> None:
        """Read a joined object and compare its digest."""


@dataclass(frozen=True, slots=True)
class Uploads:
    """The three calls of the link, given their parts."""

    access: Access
    storage: Storage
    later: Later
    clock: Callable[[], datetime]

    @property
    def parts(self) -> Parts:
        """The calls about parts."""
        return Parts(self.access, self.storage, self.later, self.clock)

    def offer(self, caller: Caller, instances: Sequence[link.OfferedInstance]) -> tuple[Answer, ...]:
        """One answer for each instance: held, a ticket, or refused. Offering again is harmless."""
        now = self.clock()
        with self.access.organisation(caller.organisation_id) as site:
            answers = tuple(self._answer(site, caller, offered, now) for offered in instances)
        log.info(
            "uploads_offered",
            gateway_id=str(caller.gateway_id),
            held=sum(isinstance(answer, link.Held) for answer in answers),
            tickets=sum(isinstance(answer, link.Ticket | link.Multipart) for answer in answers),
            refused=sum(isinstance(answer, link.Refused) for answer in answers),
        )
        return answers

    def confirm(self, caller: Caller, upload_ids: Sequence[uuid.UUID]) -> tuple[Outcome, ...]:
        """One outcome for each upload. Custody, its row and the deferred work are one transaction."""
        now = self.clock()
        with self.access.organisation(caller.organisation_id) as site:
            known = {upload.id: upload for upload in uploads.of_gateway(site, caller.gateway_id, upload_ids)}
        # The store is asked outside of any transaction: a slow store must not hold database connections.
        absent = {upload.id: why for upload in known.values() if (why := self._why_missing(caller, upload)) is not None}
        with self.access.organisation(caller.organisation_id) as site:
            present = [upload for upload in known.values() if upload.id not in absent]
            for upload in present:
                if in_parts(upload) and upload_parts.joined(site, upload.id):
                    self.later.verify(site, upload.id)
            taken = [upload.id for upload in present if _take(site, upload, now)]
            if taken:
                self.later.ingest(site, taken)
                _entered(site, caller, taken, now)
            settled = {upload.id: upload for upload in uploads.of_gateway(site, caller.gateway_id, list(known))}
        log.info("uploads_confirmed", gateway_id=str(caller.gateway_id), taken=len(taken), missing=len(absent))
        return tuple(_outcome(upload_id, settled.get(upload_id), absent.get(upload_id)) for upload_id in upload_ids)

    def _answer(self, site: Site, caller: Caller, offered: link.OfferedInstance, now: datetime) -> Answer:
        connection = connections.get(site, offered.connection_id)
        if connection is None or connection.facility_id != caller.facility_id:
            return refused(
                offered.reference, ProblemType.CONNECTION_UNKNOWN, "Works does not know this connection: add it first."
            )
        same = _same(site, offered)
        if _in_custody(same):
            same = _note_resent(site, caller, offered, same, now)
        if _in_custody(same):
            return link.Held(reference=offered.reference, receipt=_receipt(same[0]))
        kept = uploads.kept(site, offered.sop_instance_uid)
        for one in kept:
            if one.dataset_sha256.hex() == offered.dataset_sha256:
                return link.Held(reference=offered.reference, receipt=_receipt_of_kept(offered, one))
        own = [upload for upload in same if upload.gateway_id == caller.gateway_id]
        conflict = custody.certain(kept, offered.transfer_syntax_uid)
        return self._ticket(site, caller, offered, own[0] if own else None, conflict=conflict, now=now)

    def _ticket(
        self,
        site: Site,
        caller: Caller,
        offered: link.OfferedInstance,
        upload: Upload | None,
        *,
        conflict: bool,
        now: datetime,
    ) -> link.Ticket | link.Multipart | link.Refused:
        if upload is None:
            upload = _upload(caller, site.organisation_id, offered, conflict=conflict, now=now)
            uploads.insert(site, upload, attributes=_storable(offered.attributes))
        elif upload.mismatches >= parts.MOST_MISMATCHES:
            # Somebody looks at the parked image, and what they try again has as many attempts once more.
            upload_parts.forgive(site, upload.id)
            return refused(offered.reference, ProblemType.INSTANCE_REFUSED, _MISMATCHED)
        else:
            uploads.renew(site, upload.id, conflict=conflict, now=now, expires_at=now + TICKET_LIFETIME)
        if in_parts(upload):
            return link.Multipart(reference=offered.reference, upload_id=upload.id, conflict=conflict)
        signed = self.storage.presign_put(
            upload.object_key, size=upload.size, sha256=upload.object_sha256, lifetime=TICKET_LIFETIME, now=now
        )
        return link.Ticket(
            reference=offered.reference,
            upload_id=upload.id,
            url=signed.url,
            headers=dict(signed.headers),
            expires_at=signed.expires_at,
            conflict=conflict,
        )

    def _why_missing(self, caller: Caller, upload: Upload) -> str | None:
        """Why custody cannot be taken; None when it can, or was, or waits for the object to be read."""
        if upload.state in _CUSTODY:
            return None
        if in_parts(upload):
            return self.parts.join(caller.organisation_id, upload)
        blob = self.storage.head(upload.object_key)
        if blob is None:
            return "There is no such object in storage: offer the instance again."
        if blob.size != upload.size:
            return "The object in storage has another length than was offered."
        # A store that cannot tell the digest verified it when the bytes came in: the ticket was bound to it.
        if blob.sha256 is not None and blob.sha256 != upload.object_sha256:
            return "The object in storage has another digest than was offered."
        return None


def _take(site: Site, upload: Upload, now: datetime) -> bool:
    """Take custody; what came in parts waits for the object to be read."""
    if upload.state in _CUSTODY or in_parts(upload):
        return False
    return uploads.confirm(site, upload.id, conflict=custody.conflict(site, upload), now=now)


def _entered(site: Site, caller: Caller, taken: Sequence[uuid.UUID], now: datetime) -> None:
    """Images came in: one event for each batch, by the ids of its uploads."""
    audit.record(
        site,
        now=now,
        actor_kind="gateway",
        actor_id=caller.gateway_id,
        action="images_received",
        object_kind="gateway",
        object_id=caller.gateway_id,
        detail={"images": len(taken), "upload_ids": [str(one) for one in taken]},
    )


def _same(site: Site, offered: link.OfferedInstance) -> list[Upload]:
    return uploads.same_object(site, offered.sop_instance_uid, bytes.fromhex(offered.object_sha256))


def _in_custody(same: Sequence[Upload]) -> bool:
    return bool(same) and same[0].state in _CUSTODY


def _note_resent(
    site: Site, caller: Caller, offered: link.OfferedInstance, same: list[Upload], now: datetime
) -> list[Upload]:
    """Bytes that Works still has of something deleted came again: they are kept aside, which its deletion shows.

    The uploads of these bytes; what was removed since they were read is none of them.
    """
    buried = deletions.buried(site, (offered.study_instance_uid, offered.sop_instance_uid))
    if buried is None or offered.received_at <= buried.deleted_at or same[0].state == "confirmed":
        return same
    uploads.share_objects(site, {one.object_key for one in same})
    same = _same(site, offered)
    if not _in_custody(same):
        return same
    known = [one for one in same if one.state == "withheld"]
    if known:
        uploads.withhold(site, known[0].id, buried.deletion_id, now=now)
        return same
    fresh = replace(
        _upload(caller, site.organisation_id, offered, conflict=False, now=now), object_key=same[0].object_key
    )
    uploads.insert(site, fresh, attributes=_storable(offered.attributes))
    uploads.withhold(site, fresh.id, buried.deletion_id, now=now)
    log.info("resent_withheld", upload_id=str(fresh.id), deletion_id=str(buried.deletion_id))
    return same


def refused(reference: str, kind: ProblemType, detail: str) -> link.Refused:
    """The answer for an instance that cannot be taken as it is."""
    return link.Refused(reference=reference, type=kind, detail=detail)


def _upload(
    caller: Caller, organisation_id: uuid.UUID, offered: link.OfferedInstance, *, conflict: bool, now: datetime
) -> Upload:
    object_sha256 = bytes.fromhex(offered.object_sha256)
    upload_id = uuid.uuid4()
    whole = offered.size <= link.LARGEST_WHOLE
    return Upload(
        id=upload_id,
        gateway_id=caller.gateway_id,
        connection_id=offered.connection_id,
        sop_class_uid=offered.sop_class_uid,
        sop_instance_uid=offered.sop_instance_uid,
        transfer_syntax_uid=offered.transfer_syntax_uid,
        study_instance_uid=offered.study_instance_uid,
        series_instance_uid=offered.series_instance_uid,
        object_key=object_key(organisation_id, object_sha256) if whole else multipart_key(organisation_id, upload_id),
        object_sha256=object_sha256,
        dataset_sha256=bytes.fromhex(offered.dataset_sha256),
        size=offered.size,
        state="offered",
        conflict=conflict,
        received_at=offered.received_at,
        offered_at=now,
        expires_at=now + TICKET_LIFETIME,
        confirmed_at=None,
        ingested_at=None,
        failure=None,
    )


def _storable(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes as PostgreSQL can keep them; they are a hint, so what it cannot keep is left out as a whole."""
    try:
        text = json.dumps(attributes, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except ValueError:
        return {}
    return {} if "\\u0000" in text else attributes


def _receipt(upload: Upload) -> link.Receipt:
    return link.Receipt(
        upload_id=upload.id,
        sop_instance_uid=upload.sop_instance_uid,
        object_sha256=upload.object_sha256.hex(),
        stored_at=upload.confirmed_at or upload.offered_at,
    )


def _receipt_of_kept(offered: link.OfferedInstance, kept: uploads.Kept) -> link.Receipt:
    return link.Receipt(
        upload_id=kept.upload_id,
        sop_instance_uid=offered.sop_instance_uid,
        object_sha256=kept.object_sha256.hex(),
        stored_at=kept.stored_at,
    )


def _outcome(upload_id: uuid.UUID, upload: Upload | None, why_missing: str | None) -> Outcome:
    if upload is None:
        return link.Missing(upload_id=upload_id, detail="This upload is not known: offer the instance again.")
    if upload.state == "verifying":
        return link.Verifying(upload_id=upload_id)
    if upload.state not in _CUSTODY:
        return link.Missing(upload_id=upload_id, detail=why_missing or "The upload was not taken: confirm it again.")
    return link.Stored(upload_id=upload_id, receipt=_receipt(upload), conflict=upload.conflict)
