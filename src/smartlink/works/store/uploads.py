"""Uploads: one row for each permission to put an object, from the offer to what became of it.

States: offered → confirmed → ingested | failed | withheld; an object that was put in parts is *verifying* before it is
confirmed. From *confirmed* on Works has custody: the object is in storage, verified, and the row says so. *Withheld* is
what came again after its deletion: it is confirmed anew when the deletion is taken back, and removed when discarded.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from smartlink.works.store.database import Site

_COLUMNS: Final = (
    "id, gateway_id, connection_id, sop_class_uid, sop_instance_uid, transfer_syntax_uid, study_instance_uid,"
    " series_instance_uid, object_key, object_sha256, dataset_sha256, size, state, conflict, received_at, offered_at,"
    " expires_at, confirmed_at, ingested_at, failure, multipart_id, mismatches"
)


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload. Digests are the gateway's until ingested; then `dataset_sha256` is Works' own."""

    id: UUID
    gateway_id: UUID
    connection_id: UUID | None
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    study_instance_uid: str
    series_instance_uid: str
    object_key: str
    object_sha256: bytes
    dataset_sha256: bytes
    size: int
    state: str
    conflict: bool
    received_at: datetime
    offered_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None
    ingested_at: datetime | None
    failure: str | None
    multipart_id: str | None = None
    """The store's name for the parts that are being put; None before the first ticket for one."""
    mismatches: int = 0
    """How often the joined parts were not what was offered."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What Works already holds under a SOP Instance UID: the first instance, or one in conflict with it."""

    upload_id: UUID
    dataset_sha256: bytes
    object_sha256: bytes
    stored_at: datetime
    transfer_syntax_uid: str


SHARE_OBJECT = "SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 5106))"


def share_objects(site: Site, object_keys: Collection[str]) -> None:
    """Nobody removes these objects until this transaction ends; a removal that is under way is waited for."""
    for key in sorted(object_keys):
        site.run(SHARE_OBJECT, name=f"{site.organisation_id} {key}")


def insert(site: Site, upload: Upload, *, attributes: dict[str, Any]) -> None:
    """Add an offered upload. Nobody removes its object while this transaction is open (`removals`)."""
    share_objects(site, [upload.object_key])
    site.run(
        "INSERT INTO upload (id, organisation_id, gateway_id, connection_id, sop_class_uid, sop_instance_uid,"
        " series_instance_uid, study_instance_uid, transfer_syntax_uid, attributes, object_key, object_sha256,"
        " dataset_sha256, size, state, conflict, received_at, offered_at, expires_at) VALUES (:id, :organisation_id,"
        " :gateway_id, :connection_id, :sop_class_uid, :sop_instance_uid, :series_instance_uid,"
        " :study_instance_uid, :transfer_syntax_uid, :attributes, :object_key, :object_sha256, :dataset_sha256,"
        " :size, :state, :conflict, :received_at, :offered_at, :expires_at)",
        id=upload.id,
        organisation_id=site.organisation_id,
        gateway_id=upload.gateway_id,
        connection_id=upload.connection_id,
        sop_class_uid=upload.sop_class_uid,
        sop_instance_uid=upload.sop_instance_uid,
        series_instance_uid=upload.series_instance_uid,
        study_instance_uid=upload.study_instance_uid,
        transfer_syntax_uid=upload.transfer_syntax_uid,
        attributes=attributes,
        object_key=upload.object_key,
        object_sha256=upload.object_sha256,
        dataset_sha256=upload.dataset_sha256,
        size=upload.size,
        state=upload.state,
        conflict=upload.conflict,
        received_at=upload.received_at,
        offered_at=upload.offered_at,
        expires_at=upload.expires_at,
    )


def renew(site: Site, upload_id: UUID, *, conflict: bool, now: datetime, expires_at: datetime) -> None:
    """The same offer again: a new ticket for the same upload."""
    site.run(
        "UPDATE upload SET offered_at = :now, expires_at = :expires_at, conflict = :conflict"
        " WHERE id = :id AND state = 'offered'",
        id=upload_id,
        conflict=conflict,
        now=now,
        expires_at=expires_at,
    )


def same_object(site: Site, sop_instance_uid: str, object_sha256: bytes) -> list[Upload]:
    """Every upload of exactly this file, the furthest one first."""
    return site.many(
        Upload,
        f"SELECT {_COLUMNS} FROM upload WHERE sop_instance_uid = :uid AND object_sha256 = :sha256"  # noqa: S608
        " ORDER BY (state IN ('confirmed', 'ingested', 'failed', 'withheld')) DESC, offered_at",
        uid=sop_instance_uid,
        sha256=object_sha256,
    )


def kept(site: Site, sop_instance_uid: str) -> list[Kept]:
    """What is ingested under this UID, the first instance before those in conflict with it."""
    return site.many(
        Kept,
        "SELECT u.id AS upload_id, i.dataset_sha256, i.object_sha256, u.confirmed_at AS stored_at,"
        " i.transfer_syntax_uid"
        " FROM instance i JOIN upload u ON u.id = i.upload_id WHERE i.sop_instance_uid = :uid"
        " UNION ALL "
        "SELECT u.id, c.dataset_sha256, u.object_sha256, u.confirmed_at, u.transfer_syntax_uid"
        " FROM instance i JOIN instance_conflict c ON c.instance_id = i.id JOIN upload u ON u.id = c.upload_id"
        " WHERE i.sop_instance_uid = :uid",
        uid=sop_instance_uid,
    )


def of_gateway(site: Site, gateway_id: UUID, upload_ids: Sequence[UUID]) -> list[Upload]:
    """Those of these uploads that are the gateway's own."""
    return site.many(
        Upload,
        f"SELECT {_COLUMNS} FROM upload WHERE gateway_id = :gateway_id AND id = ANY(:ids)",  # noqa: S608 - constant
        gateway_id=gateway_id,
        ids=list(upload_ids),
    )


def confirm(site: Site, upload_id: UUID, *, conflict: bool, now: datetime, since: str = "offered") -> bool:
    """Take custody of what was `since` offered or verifying; False when another call did so already."""
    changed = site.run(
        "UPDATE upload SET state = 'confirmed', confirmed_at = :now, conflict = :conflict, failure = NULL"
        " WHERE id = :id AND state = :since",
        id=upload_id,
        conflict=conflict,
        now=now,
        since=since,
    )
    return changed == 1


def get(site: Site, upload_id: UUID) -> Upload | None:
    """One upload of the organisation."""
    return site.one(Upload, f"SELECT {_COLUMNS} FROM upload WHERE id = :id", id=upload_id)  # noqa: S608 - constant


def withhold(site: Site, upload_id: UUID, deletion_id: UUID, *, now: datetime) -> None:
    """It came again after its deletion: Works keeps it, and a person decides what becomes of it."""
    site.run(
        "UPDATE upload SET state = 'withheld', deletion_id = :deletion, confirmed_at = coalesce(confirmed_at, :now),"
        " offered_at = :now WHERE id = :id",
        id=upload_id,
        deletion=deletion_id,
        now=now,
    )


def release(site: Site, deletion_id: UUID) -> list[UUID]:
    """What was withheld because of this deletion waits to be ingested, as if it had just come; the ids."""
    found: list[UUID] | None = site.value(
        "WITH released AS (UPDATE upload SET state = 'confirmed', deletion_id = NULL"
        " WHERE deletion_id = :deletion AND state = 'withheld' RETURNING id) SELECT array_agg(id) FROM released",
        deletion=deletion_id,
    )
    return found or []


def lock_confirmed(site: Site, upload_id: UUID) -> Upload | None:
    """An upload that waits to be ingested, and nobody else ingests it; None when that is done or not due."""
    return site.one(
        Upload,
        f"SELECT {_COLUMNS} FROM upload WHERE id = :id AND state = 'confirmed' FOR UPDATE",  # noqa: S608 - constant
        id=upload_id,
    )


def mark_ingested(site: Site, upload_id: UUID, *, dataset_sha256: bytes, conflict: bool, now: datetime) -> None:
    """Done, with Works' own digest of the Data Set."""
    site.run(
        "UPDATE upload SET state = 'ingested', ingested_at = :now, dataset_sha256 = :dataset_sha256,"
        " conflict = :conflict, failure = NULL WHERE id = :id",
        id=upload_id,
        dataset_sha256=dataset_sha256,
        conflict=conflict,
        now=now,
    )


def mark_failed(site: Site, upload_id: UUID, *, failure: str) -> None:
    """It can never be ingested; the object stays and `failure` says why in plain words."""
    site.run(
        "UPDATE upload SET state = 'failed', failure = :failure WHERE id = :id AND state = 'confirmed'",
        id=upload_id,
        failure=failure,
    )
