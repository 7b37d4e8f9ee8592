"""Removal of what was deleted: its rows in one transaction, and a list of the objects that go after them.

An object is named by its digest, so the same bytes that come again have the same name. It is therefore removed only
under a lock that every new upload of this name shares, and only when no row names it any more.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site
from smartlink.works.store.deletions import Deletion

ONLY_ONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended(:name, 5106))"
IN_USE: Final = """
    SELECT EXISTS (SELECT 1 FROM upload WHERE object_key = :key)
      OR EXISTS (SELECT 1 FROM instance WHERE object_key = :key)
      OR EXISTS (SELECT 1 FROM instance_conflict WHERE object_key = :key)
      OR EXISTS (SELECT 1 FROM derived_object WHERE object_key = :key)
"""
INSTANCES: Final = """
    SELECT id, sop_instance_uid, frames FROM instance
    WHERE exam_id = :exam AND (CAST(:instance AS uuid) IS NULL OR id = :instance)
"""
VERSIONS: Final = """
    SELECT i.id, i.frames FROM instance i WHERE i.id = ANY(:ids)
    UNION SELECT c.id, c.frames FROM instance_conflict c WHERE c.instance_id = ANY(:ids)
"""
# What came again stays, and so does what is on its way; an offer that nobody took up for a week is none.
# The same UIDs in another study belong to that study, unless these instances have the very bytes among their versions;
# and what is kept beside another study's instance goes with that instance.
UPLOADS: Final = """
    SELECT array_agg(u.id) FROM upload u
    WHERE (u.study_instance_uid = :study AND (CAST(:whole AS boolean) OR u.sop_instance_uid = ANY(:sops))
        OR u.sop_instance_uid = ANY(:sops) AND u.state = 'ingested' AND u.dataset_sha256 IN (
          SELECT dataset_sha256 FROM instance WHERE id = ANY(:ids)
          UNION SELECT dataset_sha256 FROM instance_conflict WHERE instance_id = ANY(:ids)))
      AND (u.state IN ('ingested', 'failed') OR (u.state = 'offered' AND u.expires_at < now() - interval '7 days'))
      AND NOT EXISTS (SELECT 1 FROM instance_conflict c WHERE c.upload_id = u.id AND c.instance_id <> ALL(:ids))
"""
OBJECTS: Final = """
    INSERT INTO object_removal (organisation_id, object_key)
    SELECT :organisation_id, key FROM (
      SELECT object_key AS key FROM instance WHERE id = ANY(:ids)
      UNION SELECT object_key FROM instance_conflict WHERE instance_id = ANY(:ids)
      UNION SELECT object_key FROM derived_object WHERE instance_id = ANY(:ids)
      UNION SELECT object_key FROM upload WHERE id = ANY(:uploads)) AS keys
    ON CONFLICT DO NOTHING
"""
OF_INSTANCES: Final = (
    "DELETE FROM delivery_instance WHERE instance_id = ANY(:ids)",
    "DELETE FROM derived_object WHERE instance_id = ANY(:ids)",
    "DELETE FROM instance_conflict WHERE instance_id = ANY(:ids)",
    "DELETE FROM instance WHERE id = ANY(:ids)",
)
OF_EXAM: Final = (
    "DELETE FROM command WHERE delivery_id IN (SELECT id FROM delivery WHERE exam_id = :exam)",
    "UPDATE delivery SET replaced_by = NULL WHERE exam_id = :exam",
    "DELETE FROM delivery WHERE exam_id = :exam",
    "DELETE FROM exam_identity WHERE exam_id = :exam",
    "DELETE FROM assignment WHERE exam_id = :exam",
    "DELETE FROM legal_hold WHERE exam_id = :exam AND lifted_at IS NOT NULL",
    "DELETE FROM series WHERE exam_id = :exam",
    "DELETE FROM exam WHERE id = :exam",
)
OF_UPLOADS: Final = (
    "DELETE FROM upload_part WHERE upload_id = ANY(:uploads)",
    "DELETE FROM upload WHERE id = ANY(:uploads)",
)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an image whose pictures are to be removed, too."""

    id: UUID
    frames: int


@dataclass(frozen=True, slots=True)
class _Instance:
    id: UUID
    sop_instance_uid: str
    frames: int


def rows(site: Site, deletion: Deletion) -> list[Version]:
    """Every row of what was deleted is gone, its objects are listed for removal; the versions that it had.

    Needs `deletions.show_hidden`.
    """
    found = site.many(_Instance, INSTANCES, exam=deletion.exam_id, instance=deletion.instance_id)
    ids, sops = [one.id for one in found], [one.sop_instance_uid for one in found]
    whole = deletion.instance_id is None
    study = site.value("SELECT study_instance_uid FROM exam WHERE id = :exam", exam=deletion.exam_id)
    uploads = site.value(UPLOADS, ids=ids, sops=sops, study=study, whole=whole) or []
    versions = site.many(Version, VERSIONS, ids=ids)
    site.run(OBJECTS, organisation_id=site.organisation_id, ids=ids, uploads=uploads)
    for statement in OF_INSTANCES:
        site.run(statement, ids=ids)
    for statement in OF_EXAM if whole else ():
        site.run(statement, exam=deletion.exam_id)
    for statement in OF_UPLOADS:
        site.run(statement, uploads=uploads)
    return versions


def withheld(site: Site, deletion_id: UUID) -> int:
    """What came again after this deletion is gone, its objects are listed for removal; how many."""
    uploads = site.value(
        "SELECT array_agg(id) FROM upload WHERE deletion_id = :id AND state = 'withheld'", id=deletion_id
    )
    site.run(OBJECTS, organisation_id=site.organisation_id, ids=[], uploads=uploads or [])
    for statement in OF_UPLOADS:
        site.run(statement, uploads=uploads or [])
    return len(uploads or [])


def list_object(site: Site, object_key: str) -> None:
    """This object is to be removed, too."""
    site.run(
        "INSERT INTO object_removal (organisation_id, object_key) VALUES (:organisation_id, :key)"
        " ON CONFLICT DO NOTHING",
        organisation_id=site.organisation_id,
        key=object_key,
    )


def listed(site: Site, most: int) -> list[str]:
    """Objects that are to be removed."""
    found: list[str] | None = site.value(
        "SELECT array_agg(object_key) FROM"
        " (SELECT object_key FROM object_removal ORDER BY object_key LIMIT :most) AS listed",
        most=most,
    )
    return found or []


def lock_object(site: Site, object_key: str) -> bool:
    """Whether nobody needs the object; nobody takes it up until this transaction ends. Needs `show_hidden`."""
    site.run(ONLY_ONE, name=f"{site.organisation_id} {object_key}")
    return not site.value(IN_USE, key=object_key)


def unlist(site: Site, object_key: str) -> None:
    """The object is removed, or needed again."""
    site.run("DELETE FROM object_removal WHERE object_key = :key", key=object_key)
