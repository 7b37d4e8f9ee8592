"""What the organisation holds of instances that a gateway asks about: counts and UIDs, nothing of a patient."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store import deletions
from smartlink.works.store.database import Site

OF_STUDIES: Final = """
    SELECT e.study_instance_uid, array_agg(i.sop_instance_uid) AS sop_instance_uids
    FROM exam e JOIN instance i ON i.exam_id = e.id
    WHERE e.facility_id = :facility AND e.study_instance_uid = ANY(:uids) GROUP BY e.study_instance_uid
"""
HELD: Final = """
    SELECT array_agg(i.sop_instance_uid) FROM instance i JOIN exam e ON e.id = i.exam_id
    WHERE i.sop_instance_uid = ANY(:uids) AND e.study_instance_uid = :study
"""
# Of several uploads of one instance, the one that is furthest says how it stands. A ticket that ran out is none.
UPLOADED: Final = """
    SELECT DISTINCT ON (u.sop_instance_uid) u.sop_instance_uid, u.state FROM upload u
    WHERE u.sop_instance_uid = ANY(:uids) AND u.study_instance_uid = :study
      AND (u.state <> 'offered' OR u.expires_at > :now)
    ORDER BY u.sop_instance_uid,
      array_position(ARRAY['ingested', 'confirmed', 'verifying', 'offered', 'withheld', 'failed'], u.state)
"""


@dataclass(frozen=True, slots=True)
class Study:
    """A study and the instances that are shown of it."""

    study_instance_uid: str
    sop_instance_uids: list[str]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An instance and the state of its upload; the bytes of one that is ingested and in no exam are kept beside it."""

    sop_instance_uid: str
    state: str


def of_studies(site: Site, facility_id: UUID, study_instance_uids: Sequence[str]) -> list[Study]:
    """The facility's studies among these."""
    return site.many(Study, OF_STUDIES, facility=facility_id, uids=list(study_instance_uids))


def held(site: Site, study_instance_uid: str, sop_instance_uids: Sequence[str]) -> set[str]:
    """Those of these instances that are in the study's exam."""
    return set(site.value(HELD, uids=list(sop_instance_uids), study=study_instance_uid) or [])


def uploaded(site: Site, study_instance_uid: str, sop_instance_uids: Sequence[str], now: datetime) -> dict[str, str]:
    """The state of the furthest upload of each instance that has one."""
    rows = site.many(Uploaded, UPLOADED, uids=list(sop_instance_uids), study=study_instance_uid, now=now)
    return {one.sop_instance_uid: one.state for one in rows}


def deleted(site: Site, study_instance_uid: str, sop_instance_uids: Sequence[str]) -> set[str]:
    """Those of these instances that were deleted, by themselves or with their study."""
    if deletions.buried(site, [study_instance_uid]) is not None:
        return set(sop_instance_uids)
    by_hash = {deletions.uid_hash(site, uid): uid for uid in sop_instance_uids}
    found = site.value("SELECT array_agg(uid_hash) FROM tombstone WHERE uid_hash = ANY(:hashes)", hashes=list(by_hash))
    return {by_hash[bytes(one)] for one in found or []}
