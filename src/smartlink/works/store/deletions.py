"""Tables `deletion` and `tombstone`: what was deleted, by whom and why, and how it is known when it comes again.

Row-level security hides deleted exams and instances from every transaction that has not called `show_hidden`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class Deletion:
    """One deletion: of an exam, or of one instance. `images` counts what was hidden by it."""

    id: UUID
    facility_id: UUID
    exam_id: UUID
    instance_id: UUID | None
    images: int
    reason: str
    by_kind: str
    deleted_by: UUID | None
    deleted_at: datetime
    remove_at: datetime
    removed_at: datetime | None = None
    undone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A deletion as it is listed. `resent` counts the images of it that came again and wait for a decision."""

    id: UUID
    facility_id: UUID
    exam_id: UUID
    instance_id: UUID | None
    images: int
    reason: str
    by_kind: str
    deleted_by: str | None
    deleted_at: datetime
    remove_at: datetime
    removed_at: datetime | None
    undone_at: datetime | None
    held: bool
    resent: int
    resent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Buried:
    """The deletion that a UID belongs to."""

    deletion_id: UUID
    deleted_at: datetime


_COLUMNS: Final = (
    "id, facility_id, exam_id, instance_id, images, reason, by_kind, deleted_by, deleted_at, remove_at, removed_at,"
    " undone_at"
)
LISTED: Final = """
    SELECT d.id, d.facility_id, d.exam_id, d.instance_id, d.images, d.reason, d.by_kind, p.display_name AS deleted_by,
      d.deleted_at, d.remove_at, d.removed_at, d.undone_at,
      EXISTS (SELECT 1 FROM legal_hold h WHERE h.exam_id = d.exam_id AND h.lifted_at IS NULL) AS held,
      (SELECT count(*) FROM upload u WHERE u.deletion_id = d.id AND u.state = 'withheld') AS resent,
      (SELECT max(u.offered_at) FROM upload u WHERE u.deletion_id = d.id AND u.state = 'withheld') AS resent_at
    FROM deletion d LEFT JOIN person p ON p.id = d.deleted_by
    WHERE CAST(:person AS uuid) IS NULL OR EXISTS (
      SELECT 1 FROM membership m
      WHERE m.person_id = :person AND m.role IN ('organisation_administrator', 'facility_administrator')
        AND (m.facility_id IS NULL OR m.facility_id = d.facility_id))
    ORDER BY d.deleted_at DESC, d.id LIMIT :most
"""
LONGEST_LIST: Final = 1_000


def show_hidden(site: Site) -> None:
    """From here on this transaction sees what was deleted, too."""
    site.value("SELECT set_config('works.hidden', 'shown', true)")


def uid_hash(site: Site, uid: str) -> bytes:
    """By what a deleted UID is known again; the same UID in two organisations does not hash alike."""
    return hashlib.sha256(site.organisation_id.bytes + uid.encode()).digest()


def add(site: Site, deletion: Deletion, uid: str) -> None:
    """Hide the exam or the instance of this UID. Needs `show_hidden`."""
    site.run(
        f"INSERT INTO deletion (organisation_id, {_COLUMNS}) VALUES (:organisation_id, :id, :facility_id, :exam_id,"  # noqa: S608
        " :instance_id, :images, :reason, :by_kind, :deleted_by, :deleted_at, :remove_at, :removed_at, :undone_at)",
        organisation_id=site.organisation_id,
        **asdict(deletion),
    )
    site.run(
        "INSERT INTO tombstone (organisation_id, uid_hash, deletion_id) VALUES (:organisation_id, :hash, :id)"
        " ON CONFLICT (organisation_id, uid_hash) DO UPDATE SET deletion_id = excluded.deletion_id",
        organisation_id=site.organisation_id,
        hash=uid_hash(site, uid),
        id=deletion.id,
    )
    if deletion.instance_id is None:
        site.run(
            "UPDATE exam SET deletion_id = :id, version = version + 1 WHERE id = :exam",
            id=deletion.id,
            exam=deletion.exam_id,
        )
        site.run(
            "UPDATE instance SET deletion_id = :id WHERE exam_id = :exam AND deletion_id IS NULL",
            id=deletion.id,
            exam=deletion.exam_id,
        )
    else:
        site.run(
            "UPDATE instance SET deletion_id = :id WHERE id = :instance",
            id=deletion.id,
            instance=deletion.instance_id,
        )
        site.run("UPDATE exam SET version = version + 1 WHERE id = :exam", exam=deletion.exam_id)


def undo(site: Site, deletion: Deletion, now: datetime) -> None:
    """What was hidden by this deletion is shown again, as far as it is still there. Needs `show_hidden`."""
    site.run("DELETE FROM tombstone WHERE deletion_id = :id", id=deletion.id)
    site.run("UPDATE deletion SET undone_at = :now WHERE id = :id", id=deletion.id, now=now)
    site.run("UPDATE exam SET deletion_id = NULL, version = version + 1 WHERE deletion_id = :id", id=deletion.id)
    site.run("UPDATE instance SET deletion_id = NULL WHERE deletion_id = :id", id=deletion.id)


def images(site: Site, exam_id: UUID) -> int:
    """How many images of the exam this transaction sees."""
    return int(site.value("SELECT count(*) FROM instance WHERE exam_id = :exam", exam=exam_id))


def exam_is_deleted(site: Site, exam_id: UUID) -> bool:
    """Whether the exam is hidden, or gone. Needs `show_hidden`."""
    return site.value("SELECT 1 FROM exam WHERE id = :exam AND deletion_id IS NULL", exam=exam_id) is None


def lock(site: Site, deletion_id: UUID) -> Deletion | None:
    """One deletion, and nobody else changes it until this transaction ends."""
    return site.one(Deletion, f"SELECT {_COLUMNS} FROM deletion WHERE id = :id FOR UPDATE", id=deletion_id)  # noqa: S608


def due(site: Site, now: datetime, most: int) -> list[UUID]:
    """Deletions whose objects are to be removed by now; an exam under legal hold keeps all of its own."""
    found: list[UUID] | None = site.value(
        "SELECT array_agg(id) FROM (SELECT d.id FROM deletion d WHERE d.remove_at <= :now AND d.removed_at IS NULL"
        " AND d.undone_at IS NULL AND NOT EXISTS (SELECT 1 FROM legal_hold h WHERE h.exam_id = d.exam_id"
        " AND h.lifted_at IS NULL) ORDER BY d.remove_at, d.id LIMIT :most) AS due",
        now=now,
        most=most,
    )
    return found or []


def removed(site: Site, deletion: Deletion, now: datetime) -> None:
    """Nothing of it is left; with an exam went its instances that were deleted before."""
    site.run(
        "UPDATE deletion SET removed_at = :now WHERE removed_at IS NULL AND undone_at IS NULL AND (id = :id"
        " OR (CAST(:whole AS boolean) AND exam_id = :exam AND instance_id IS NOT NULL))",
        id=deletion.id,
        whole=deletion.instance_id is None,
        exam=deletion.exam_id,
        now=now,
    )


def buried(site: Site, uids: Sequence[str]) -> Buried | None:
    """The deletion that one of these UIDs belongs to; None when none was deleted.

    Nobody takes it back until this transaction ends, and one that is being taken back is waited for and is none.
    """
    return site.one(
        Buried,
        "SELECT d.id AS deletion_id, d.deleted_at FROM tombstone t JOIN deletion d ON d.id = t.deletion_id"
        " WHERE t.uid_hash = ANY(:hashes) AND d.undone_at IS NULL ORDER BY d.deleted_at LIMIT 1 FOR SHARE OF d",
        hashes=[uid_hash(site, uid) for uid in uids],
    )


def hidden(site: Site, sop_instance_uid: str) -> Buried | None:
    """The deletion by which an instance of this UID is hidden, in whatever study it is; as `buried` for the rest."""
    show_hidden(site)
    found = site.one(
        Buried,
        "SELECT d.id AS deletion_id, d.deleted_at FROM instance i JOIN deletion d ON d.id = i.deletion_id"
        " WHERE i.sop_instance_uid = :uid AND d.undone_at IS NULL FOR SHARE OF d",
        uid=sop_instance_uid,
    )
    site.value("SELECT set_config('works.hidden', '', true)")
    return found


def listing(site: Site, person_id: UUID | None) -> list[Listed]:
    """Deletions in the facilities which this person runs, the latest first; None: in all of them."""
    return site.many(Listed, LISTED, person=person_id, most=LONGEST_LIST)
