"""Exams, series and instances as they come into being: each once in an organisation (R152)."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class ExamState:
    """Where an exam stands, as far as assignment asks."""

    id: UUID
    folder: str
    owner_person_id: UUID | None
    reason: str | None
    raw_value: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an exam belongs: a physician's Drafts, or Unassigned for a reason, by the value of a tag."""

    folder: str
    owner_person_id: UUID | None
    reason: str | None
    raw_value: str
    tag: str


@dataclass(frozen=True, slots=True)
class KeptInstance:
    """The instance under a SOP Instance UID: the first one that came, or the version that a person chose."""

    id: UUID
    exam_id: UUID
    study_instance_uid: str
    dataset_sha256: bytes
    transfer_syntax_uid: str


def one_at_a_time(site: Site, sop_instance_uid: str) -> None:
    """Whoever else brings this instance to this organisation waits until this transaction ends."""
    site.run(
        "SELECT pg_advisory_xact_lock(hashtextextended(:name, 5104))", name=f"{site.organisation_id} {sop_instance_uid}"
    )


def instance(site: Site, sop_instance_uid: str) -> KeptInstance | None:
    """The instance already kept under this UID."""
    return site.one(
        KeptInstance,
        "SELECT i.id, i.exam_id, e.study_instance_uid, i.dataset_sha256, i.transfer_syntax_uid"
        " FROM instance i JOIN exam e ON e.id = i.exam_id WHERE i.sop_instance_uid = :uid",
        uid=sop_instance_uid,
    )


def add_exam(site: Site, place: Place, **values: object) -> bool:
    """Add an exam, unless the organisation has one of this Study Instance UID; whether it was added."""
    added = site.run(
        "INSERT INTO exam (id, organisation_id, facility_id, specialty_id, study_instance_uid, accession_number,"
        " patient_name, patient_id, birth_date, sex, study_description, study_at, state, folder, owner_person_id,"
        " reason, raw_value, tag, assigned_at, connection_id, created_at, last_received_at) VALUES (:id,"
        " :organisation_id, :facility_id, :specialty_id, :study_instance_uid, :accession_number, :patient_name,"
        " :patient_id, :birth_date, :sex, :study_description, :study_at, 'draft', :folder, :owner_person_id,"
        " :reason, :raw_value, :tag, :now, :connection_id, :now, :last_received_at)"
        " ON CONFLICT (organisation_id, study_instance_uid) DO NOTHING",
        organisation_id=site.organisation_id,
        **asdict(place),
        **values,
    )
    return added == 1


def lock_exam(site: Site, study_instance_uid: str) -> ExamState | None:
    """The exam of this Study Instance UID, and nobody else changes it."""
    return site.one(
        ExamState,
        "SELECT id, folder, owner_person_id, reason, raw_value, tag FROM exam WHERE study_instance_uid = :uid"
        " FOR UPDATE",
        uid=study_instance_uid,
    )


def touch_exam(site: Site, exam_id: UUID, *, last_received_at: datetime) -> None:
    """Something more has come for the exam."""
    site.run(
        "UPDATE exam SET last_received_at = greatest(last_received_at, :at), version = version + 1 WHERE id = :id",
        id=exam_id,
        at=last_received_at,
    )


def place_exam(site: Site, exam_id: UUID, place: Place, *, now: datetime) -> None:
    """Put the exam into a folder."""
    site.run(
        "UPDATE exam SET folder = :folder, owner_person_id = :owner_person_id, reason = :reason,"
        " raw_value = :raw_value, tag = :tag, assigned_at = :now, version = version + 1 WHERE id = :id",
        id=exam_id,
        now=now,
        **asdict(place),
    )


def add_assignment(site: Site, *, id: UUID, exam_id: UUID, place: Place, decided_by: str, now: datetime) -> None:
    """Remember a decision; the last one is the current one. `decided_by` is `rule` or a person's id."""
    site.run(
        "INSERT INTO assignment (id, organisation_id, exam_id, folder, person_id, reason, raw_value, tag, decided_by,"
        " at) VALUES (:id, :organisation_id, :exam_id, :folder, :owner_person_id, :reason, :raw_value, :tag,"
        " :decided_by, :now)",
        id=id,
        organisation_id=site.organisation_id,
        exam_id=exam_id,
        decided_by=decided_by,
        **asdict(place),
        now=now,
    )


def decided_by_a_person(site: Site, exam_id: UUID) -> bool:
    """Whether somebody ever claimed or assigned the exam; then no rule touches it any more (R80)."""
    return (
        site.value("SELECT 1 FROM assignment WHERE exam_id = :id AND decided_by <> 'rule' LIMIT 1", id=exam_id)
        is not None
    )


def add_series(
    site: Site,
    *,
    id: UUID,
    exam_id: UUID,
    series_instance_uid: str,
    modality: str,
    number: int | None,
    description: str,
) -> UUID:
    """The exam's series of this UID, added if need be."""
    site.run(
        "INSERT INTO series (id, organisation_id, exam_id, series_instance_uid, modality, number, description)"
        " VALUES (:id, :organisation_id, :exam_id, :uid, :modality, :number, :description) ON CONFLICT DO NOTHING",
        id=id,
        organisation_id=site.organisation_id,
        exam_id=exam_id,
        uid=series_instance_uid,
        modality=modality,
        number=number,
        description=description,
    )
    found: UUID = site.value(
        "SELECT id FROM series WHERE exam_id = :exam_id AND series_instance_uid = :uid",
        exam_id=exam_id,
        uid=series_instance_uid,
    )
    return found


def add_instance(site: Site, **values: object) -> None:
    """Add an instance; raises Clash when the organisation has one of this UID."""
    site.run(
        "INSERT INTO instance (id, organisation_id, exam_id, series_id, sop_instance_uid, sop_class_uid,"
        ' transfer_syntax_uid, frames, "rows", "columns", frame_time_ms, number, size, dataset_sha256,'
        " object_sha256, object_key, upload_id, connection_id, received_at, ingested_at, preview_state) VALUES (:id,"
        " :organisation_id, :exam_id, :series_id, :sop_instance_uid, :sop_class_uid, :transfer_syntax_uid, :frames,"
        " :rows, :columns, :frame_time_ms, :number, :size, :dataset_sha256, :object_sha256, :object_key, :upload_id,"
        " :connection_id, :received_at, :now, 'waiting')",
        organisation_id=site.organisation_id,
        **values,
    )


def add_other(site: Site, **values: object) -> bool:
    """Remember other bytes under the same UID; False when exactly these are known already."""
    added = site.run(
        "INSERT INTO instance_conflict (id, organisation_id, instance_id, upload_id, dataset_sha256, object_key, state,"
        ' series_id, frames, "rows", "columns", frame_time_ms, number, at) VALUES (:id, :organisation_id, :instance_id,'
        " :upload_id, :dataset_sha256, :object_key, :state, :series_id, :frames, :rows, :columns, :frame_time_ms,"
        " :number, :now) ON CONFLICT (instance_id, dataset_sha256) DO NOTHING",
        organisation_id=site.organisation_id,
        **values,
    )
    return added == 1


def other_state(site: Site, instance_id: UUID, dataset_sha256: bytes) -> str | None:
    """What is known of these bytes beside the instance, in the words of `comparisons`."""
    found: str | None = site.value(
        "SELECT state FROM instance_conflict WHERE instance_id = :instance AND dataset_sha256 = :sha256",
        instance=instance_id,
        sha256=dataset_sha256,
    )
    return found


def journey(site: Site, study_instance_uid: str) -> list[dict[str, Any]]:
    """Each upload of the study in the order of arrival, as plain columns."""
    return site.many(
        dict,
        "SELECT u.sop_instance_uid, u.state, u.conflict, u.failure, u.received_at, u.offered_at, u.confirmed_at,"
        " u.ingested_at, u.object_key, encode(u.object_sha256, 'hex') AS object_sha256,"
        " encode(u.dataset_sha256, 'hex') AS dataset_sha256, u.size, u.gateway_id, u.connection_id, g.facility_id,"
        " i.id AS instance_id, i.preview_state FROM upload u JOIN gateway g ON g.id = u.gateway_id"
        " LEFT JOIN instance i ON i.upload_id = u.id"
        " WHERE u.study_instance_uid = :uid ORDER BY u.received_at, u.offered_at, u.id",
        uid=study_instance_uid,
    )


def exam_journey(site: Site, study_instance_uid: str) -> dict[str, Any] | None:
    """Where the exam of this study is, without a word about the patient."""
    return site.one(
        dict,
        "SELECT e.id AS exam_id, e.folder, e.owner_person_id, p.display_name AS owner, e.reason, e.tag,"
        " e.assigned_at, e.created_at, e.last_received_at, e.state, e.submitted_at, e.is_test FROM exam e"
        " LEFT JOIN person p ON p.id = e.owner_person_id WHERE e.study_instance_uid = :uid",
        uid=study_instance_uid,
    )
