"""What the pages of Exams read: lists, one exam, its images, counts and the gateways' last contact.

Every query takes the person who looks. Three rules say what is seen: one's own exams, the Unassigned of the facilities
and specialties that one belongs to, and, for administrators, what lies in their facility's Outbox (R145) or has two
versions of one image (R152). A specialty list left empty means all of the facility. Synthetic
exams are nobody's: they stand in no list and count nowhere.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from smartlink.works.store.database import Site

_MY_DRAFT: Final = "(e.folder = 'drafts' AND e.owner_person_id = :person AND NOT e.is_test)"
_MINE: Final = "(e.owner_person_id = :person)"
_WITHIN_REACH: Final = """(e.folder = 'unassigned' AND NOT e.is_test AND EXISTS (
    SELECT 1 FROM membership m
    WHERE m.person_id = :person
      AND (m.facility_id IS NULL OR m.facility_id = e.facility_id)
      AND (m.specialty_ids = '{}' OR e.specialty_id IS NULL OR e.specialty_id = ANY (m.specialty_ids))))"""
_ADMINISTERED: Final = """EXISTS (
    SELECT 1 FROM membership m
    WHERE m.person_id = :person AND m.role IN ('organisation_administrator', 'facility_administrator')
      AND (m.facility_id IS NULL OR m.facility_id = e.facility_id))"""
_IN_OUTBOX: Final = "EXISTS (SELECT 1 FROM delivery d WHERE d.exam_id = e.id AND d.state IN ('outbox', 'partial'))"
_IN_CONFLICT: Final = """EXISTS (SELECT 1 FROM instance_conflict k JOIN instance i ON i.id = k.instance_id
    WHERE i.exam_id = e.id AND k.state IN ('conflict', 'used', 'aside'))"""
_LEFT_BEHIND: Final = f"(({_IN_OUTBOX} OR {_IN_CONFLICT}) AND {_ADMINISTERED})"
_LISTED: Final = """
    e.id, e.study_instance_uid, e.accession_number, e.patient_name, e.patient_id, e.birth_date, e.sex,
    e.study_description, e.study_at, e.folder, e.owner_person_id, e.reason, e.raw_value, e.tag, e.assigned_at,
    e.created_at, e.last_received_at, e.submitted_at, e.version,
    f.name AS facility_name, s.name AS specialty_name, c.name AS connection_name, owner.display_name AS owner_name,
    (SELECT count(*) FROM instance i WHERE i.exam_id = e.id) AS images,
    (SELECT i.id FROM instance i WHERE i.exam_id = e.id AND i.preview_state = 'ready'
      ORDER BY i.number NULLS LAST, i.received_at, i.id LIMIT 1) AS cover_id,
    (SELECT count(DISTINCT i.id) FROM instance_conflict k JOIN instance i ON i.id = k.instance_id
      WHERE i.exam_id = e.id AND k.state = 'conflict') AS conflicts,
    (SELECT count(DISTINCT u.sop_instance_uid) FROM upload u
      WHERE u.study_instance_uid = e.study_instance_uid AND u.state IN ('offered', 'confirmed')
        AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.sop_instance_uid = u.sop_instance_uid)) AS on_the_way"""
_EXAMS: Final = "FROM exam e"
_FROM: Final = f"""{_EXAMS}
    JOIN facility f ON f.id = e.facility_id
    LEFT JOIN specialty s ON s.id = e.specialty_id
    LEFT JOIN connection c ON c.id = e.connection_id
    LEFT JOIN person owner ON owner.id = e.owner_person_id"""
LONGEST_LIST: Final = 1_000

# Put together from the fixed pieces above; what comes from outside is bound by name.
_DRAFTS: Final = f"SELECT {_LISTED} {_FROM} WHERE {_MY_DRAFT} ORDER BY e.last_received_at DESC, e.id LIMIT :most"
_UNASSIGNED: Final = f"SELECT {_LISTED} {_FROM} WHERE {_WITHIN_REACH} ORDER BY e.created_at, e.id LIMIT :most"
_COMPLETED: Final = (
    f"SELECT {_LISTED} {_FROM} WHERE e.folder = 'completed' AND {_MINE} ORDER BY e.submitted_at DESC, e.id LIMIT :most"
)
_OUTBOX: Final = f"SELECT {_LISTED} {_FROM} WHERE {_IN_OUTBOX} AND ({_MINE} OR {_ADMINISTERED}) LIMIT :most"
_EXAM: Final = f"SELECT {_LISTED} {_FROM} WHERE e.id = :exam"
_VERSION: Final = (
    f"SELECT coalesce(i.version_id, i.id) {_EXAMS} JOIN instance i ON i.exam_id = e.id"
    " WHERE e.id = :exam AND i.id = :instance"
)
_MAY_SEE: Final = f" AND ({_MINE} OR {_WITHIN_REACH} OR {_LEFT_BEHIND})"
_COUNTS: Final = (
    f"SELECT count(*) FILTER (WHERE {_MY_DRAFT}) AS drafts, count(*) FILTER (WHERE {_WITHIN_REACH}) AS unassigned,"
    f" (SELECT count(*) {_EXAMS} JOIN delivery d ON d.exam_id = e.id"
    f" WHERE d.state IN ('outbox', 'partial') AND ({_MINE} OR {_ADMINISTERED})) AS outbox"
    f" {_EXAMS} WHERE e.folder IN ('drafts', 'unassigned')"
)


@dataclass(frozen=True, slots=True)
class ListedExam:
    """One exam as the lists and the exam page show it; `cover_id` is the image whose small picture stands for it."""

    id: uuid.UUID
    study_instance_uid: str
    accession_number: str | None
    patient_name: str | None
    patient_id: str | None
    birth_date: str | None
    sex: str | None
    study_description: str | None
    study_at: datetime | None
    folder: str
    owner_person_id: uuid.UUID | None
    reason: str | None
    raw_value: str | None
    tag: str | None
    assigned_at: datetime | None
    created_at: datetime
    last_received_at: datetime
    submitted_at: datetime | None
    version: int
    facility_name: str
    specialty_name: str | None
    connection_name: str | None
    owner_name: str | None
    images: int
    cover_id: uuid.UUID | None
    conflicts: int
    on_the_way: int


@dataclass(frozen=True, slots=True)
class ExamImage:
    """One image of an exam; `preview_state` is waiting, ready, or the reason why it cannot be displayed."""

    id: uuid.UUID
    frames: int
    frame_time_ms: float | None
    number: int | None
    received_at: datetime
    ingested_at: datetime
    preview_state: str
    conflicts: int
    version_id: uuid.UUID
    """The version that counts, whose pictures are shown."""
    decided: bool
    """Whether a person chose it of several."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many exams stand in each folder that the person may open."""

    drafts: int
    unassigned: int
    outbox: int


@dataclass(frozen=True, slots=True)
class GatewayContact:
    """An active gateway of one of the person's facilities, and when it was last heard."""

    facility_name: str
    activated_at: datetime
    last_heartbeat_at: datetime | None


@dataclass(frozen=True, slots=True)
class Looker:
    """Who looks: the person's name and where they belong, for the top bar and the clock of the page."""

    display_name: str
    organisation_name: str
    facility_names: list[str]
    specialty_names: list[str]
    time_zone: str | None


def looker(site: Site, person_id: uuid.UUID) -> Looker | None:
    """The person as the top bar names them; None when they no longer belong here."""
    return site.one(
        Looker,
        """
        SELECT p.display_name, o.name AS organisation_name,
          (SELECT coalesce(array_agg(f.name ORDER BY f.name), '{}') FROM facility f WHERE EXISTS (
             SELECT 1 FROM membership m WHERE m.person_id = p.id AND (m.facility_id IS NULL OR m.facility_id = f.id))
          ) AS facility_names,
          (SELECT coalesce(array_agg(DISTINCT s.name ORDER BY s.name), '{}') FROM specialty s JOIN membership m
             ON m.person_id = p.id AND s.id = ANY (m.specialty_ids) WHERE s.active) AS specialty_names,
          (SELECT f.time_zone FROM facility f LEFT JOIN membership m ON m.person_id = p.id AND m.facility_id = f.id
             ORDER BY m.id IS NULL, f.name LIMIT 1) AS time_zone
        FROM person p JOIN organisation o ON o.id = :organisation
        WHERE p.id = :person AND p.status = 'active'
        """,
        person=person_id,
        organisation=site.organisation_id,
    )


def drafts(site: Site, person_id: uuid.UUID) -> list[ListedExam]:
    """The person's exams that are not yet submitted, the latest first."""
    return site.many(ListedExam, _DRAFTS, person=person_id, most=LONGEST_LIST)


def unassigned(site: Site, person_id: uuid.UUID) -> list[ListedExam]:
    """The exams without a physician that the person may see, the one that waits longest first."""
    return site.many(ListedExam, _UNASSIGNED, person=person_id, most=LONGEST_LIST)


def completed(site: Site, person_id: uuid.UUID) -> list[ListedExam]:
    """The person's submitted exams, the latest first."""
    return site.many(ListedExam, _COMPLETED, person=person_id, most=LONGEST_LIST)


def outbox(site: Site, person_id: uuid.UUID) -> list[ListedExam]:
    """The exams with a delivery in the Outbox that the person may send (R145), in no order."""
    return site.many(ListedExam, _OUTBOX, person=person_id, most=LONGEST_LIST)


def exam(site: Site, person_id: uuid.UUID, exam_id: uuid.UUID) -> ListedExam | None:
    """The exam, if the person may see it; None for another's, another organisation's and one that never was."""
    return site.one(ListedExam, _EXAM + _MAY_SEE, person=person_id, exam=exam_id)


def images(site: Site, exam_id: uuid.UUID) -> list[ExamImage]:
    """The images of an exam in the order of the scanner's numbers."""
    return site.many(
        ExamImage,
        """
        SELECT i.id, i.frames, i.frame_time_ms, i.number, i.received_at, i.ingested_at, i.preview_state,
          (SELECT count(*) FROM instance_conflict k WHERE k.instance_id = i.id AND k.state = 'conflict') AS conflicts,
          coalesce(i.version_id, i.id) AS version_id, i.decided_at IS NOT NULL AS decided
        FROM instance i JOIN series s ON s.id = i.series_id
        WHERE i.exam_id = :exam ORDER BY s.number NULLS LAST, i.number NULLS LAST, i.received_at, i.id
        """,
        exam=exam_id,
    )


def version(site: Site, person_id: uuid.UUID, exam_id: uuid.UUID, instance_id: uuid.UUID) -> uuid.UUID | None:
    """The version of the image that counts; None unless it belongs to that exam and the person may see both."""
    found: uuid.UUID | None = site.value(_VERSION + _MAY_SEE, person=person_id, exam=exam_id, instance=instance_id)
    return found


def counts(site: Site, person_id: uuid.UUID) -> Counts:
    """The figures of the rail."""
    found = site.one(Counts, _COUNTS, person=person_id)
    return found or Counts(0, 0, 0)


def gateways(site: Site, person_id: uuid.UUID) -> list[GatewayContact]:
    """The active gateways of the person's facilities."""
    return site.many(
        GatewayContact,
        """
        SELECT f.name AS facility_name, g.activated_at, g.last_heartbeat_at
        FROM gateway g JOIN facility f ON f.id = g.facility_id
        WHERE g.state = 'active' AND EXISTS (
          SELECT 1 FROM membership m
          WHERE m.person_id = :person AND (m.facility_id IS NULL OR m.facility_id = g.facility_id))
        ORDER BY f.name, g.activated_at
        """,
        person=person_id,
    )
