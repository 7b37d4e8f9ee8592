"""What submission reads: the exam to be sent, where it may go, how far its deliveries are, and the Outbox."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class ExamToSend:
    """An exam, as far as submission, assignment and correction ask."""

    id: UUID
    facility_id: UUID
    specialty_id: UUID | None
    study_instance_uid: str
    state: str
    folder: str
    owner_person_id: UUID | None
    version: int
    patient_id: str | None
    patient_name: str | None
    birth_date: str | None
    sex: str | None
    accession_number: str | None
    raw_value: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class Destination:
    """A PACS that takes exams of this specialty (R51). `active` is R49's status: it warns and blocks nothing (R50)."""

    connection_id: UUID
    name: str
    ae_title: str
    active: bool
    gateway_heard_at: datetime | None
    """When the facility's active gateway last gave a sign of life; None without one."""
    unsent: int
    """Images of the exam that were not sent there yet."""


@dataclass(frozen=True, slots=True)
class ItemView:
    """One image of a delivery: `number` counts the images of the exam from 1, in the order of its page."""

    item_id: UUID
    delivery_id: UUID
    instance_id: UUID
    number: int
    state: str
    derived: bool
    attempts: int
    status: str | None
    cause: str | None
    remedy: str | None
    reported_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryHead:
    """One delivery without its images; `instances` and `sent` count them."""

    id: UUID
    connection_id: UUID
    connection_name: str
    ae_title: str
    connection_deleted: bool
    state: str
    reason: str | None
    resend: bool
    submitted_by: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    replaced_by: UUID | None
    gateway_heard_at: datetime | None
    instances: int
    sent: int
    amended: bool
    """Whether images have come for the exam that no delivery to this PACS holds."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One exam that did not reach one PACS and waits for a person."""

    delivery_id: UUID
    exam_id: UUID
    patient_name: str | None
    patient_id: str | None
    study_description: str | None
    study_at: datetime | None
    facility_name: str
    owner_name: str | None
    connection_name: str
    ae_title: str
    connection_active: bool
    connection_deleted: bool
    gateway_heard_at: datetime | None
    state: str
    reason: str | None
    cause: str | None
    remedy: str | None
    unsent: int
    instances: int
    submitted_at: datetime
    since: datetime


_EXAM: Final = (
    "SELECT id, facility_id, specialty_id, study_instance_uid, state, folder, owner_person_id, version, patient_id,"
    " patient_name, birth_date, sex, accession_number, raw_value, tag FROM exam WHERE id = :id"
)
_HEARD: Final = (
    "(SELECT max(greatest(g.activated_at, g.last_heartbeat_at)) FROM gateway g"
    " WHERE g.facility_id = c.facility_id AND g.state = 'active')"
)
THIS_VERSION: Final = "(n.version_id IS NULL OR n.version_id = coalesce(i.version_id, i.id))"
"""Whether an item `n` was ordered as the version of its instance `i` that counts now."""
_SENT_THERE: Final = (
    "(SELECT 1 FROM delivery_instance n JOIN delivery d ON d.id = n.delivery_id"  # noqa: S608 - constants
    f" WHERE n.instance_id = i.id AND d.connection_id = c.id AND n.state = 'sent' AND {THIS_VERSION})"
)
_ADMINISTERS: Final = (
    "EXISTS (SELECT 1 FROM membership m WHERE m.person_id = :person"
    " AND m.role IN ('facility_administrator', 'organisation_administrator')"
    " AND (m.facility_id IS NULL OR m.facility_id = e.facility_id))"
)
_SEES: Final = f"(e.owner_person_id = :person OR {_ADMINISTERS})"
_OUTBOX_FROM: Final = "FROM delivery d JOIN exam e ON e.id = d.exam_id JOIN connection c ON c.id = d.connection_id"
_WAITING: Final = "d.state IN ('outbox', 'partial')"
# Put together from the fixed pieces above; what comes from outside is bound by name.
_OUTBOX: Final = f"""
    SELECT d.id AS delivery_id, e.id AS exam_id, e.patient_name, e.patient_id, e.study_description, e.study_at,
      f.name AS facility_name, p.display_name AS owner_name, c.name AS connection_name, c.ae_title,
      c.status = 'active' AS connection_active, c.deleted_at IS NOT NULL AS connection_deleted,
      {_HEARD} AS gateway_heard_at, d.state, d.reason, worst.cause, worst.remedy,
      (SELECT count(*) FROM delivery_instance n WHERE n.delivery_id = d.id AND n.state <> 'sent') AS unsent,
      (SELECT count(*) FROM delivery_instance n WHERE n.delivery_id = d.id) AS instances,
      d.created_at AS submitted_at, d.updated_at AS since
    {_OUTBOX_FROM} JOIN facility f ON f.id = e.facility_id LEFT JOIN person p ON p.id = e.owner_person_id
    LEFT JOIN LATERAL (SELECT n.cause, n.remedy FROM delivery_instance n WHERE n.delivery_id = d.id
      AND n.state <> 'sent' AND n.cause IS NOT NULL ORDER BY n.reported_at DESC NULLS LAST LIMIT 1) worst ON true
    WHERE {_WAITING} AND (CAST(:person AS uuid) IS NULL OR {_SEES})
    ORDER BY d.updated_at DESC, d.id LIMIT 1000
"""  # noqa: S608 - constants


def exam(site: Site, exam_id: UUID) -> ExamToSend | None:
    """The exam."""
    return site.one(ExamToSend, _EXAM, id=exam_id)


def lock_exam(site: Site, exam_id: UUID) -> ExamToSend | None:
    """The exam, and nobody else changes it until this transaction ends."""
    return site.one(ExamToSend, f"{_EXAM} FOR UPDATE", id=exam_id)


def destinations(site: Site, exam_id: UUID) -> list[Destination]:
    """Every PACS of the exam's facility whose specialties include the exam's, by name (R51)."""
    return site.many(
        Destination,
        "SELECT c.id AS connection_id, c.name, c.ae_title, c.status = 'active' AS active,"  # noqa: S608 - constants
        f" {_HEARD} AS gateway_heard_at,"
        f" (SELECT count(*) FROM instance i WHERE i.exam_id = e.id AND NOT EXISTS {_SENT_THERE}) AS unsent"
        " FROM exam e JOIN connection c ON c.facility_id = e.facility_id AND c.kind = 'pacs'"
        " AND c.deleted_at IS NULL AND e.specialty_id = ANY (c.specialty_ids) WHERE e.id = :id ORDER BY c.name, c.id",
        id=exam_id,
    )


def instances(site: Site, exam_id: UUID) -> list[UUID]:
    """Every instance of the exam."""
    found: list[UUID] | None = site.value(
        "SELECT array_agg(id ORDER BY id) FROM instance WHERE exam_id = :id", id=exam_id
    )
    return found or []


def not_ordered(site: Site, exam_id: UUID, connection_id: UUID) -> list[UUID]:
    """The instances of the exam that no delivery to this PACS holds as they are now.

    They came after it was sent, or another version of them counts since.
    """
    found: list[UUID] | None = site.value(
        "SELECT array_agg(i.id ORDER BY i.id) FROM instance i WHERE i.exam_id = :exam AND NOT EXISTS"  # noqa: S608 - constants
        " (SELECT 1 FROM delivery_instance n JOIN delivery d ON d.id = n.delivery_id"
        f" WHERE n.instance_id = i.id AND d.connection_id = :connection AND d.state <> 'cancelled' AND {THIS_VERSION})",
        exam=exam_id,
        connection=connection_id,
    )
    return found or []


def submitted(site: Site, exam_id: UUID, now: datetime) -> None:
    """The exam is no draft any more."""
    site.run(
        "UPDATE exam SET state = 'completed', folder = 'completed', submitted_at = coalesce(submitted_at, :now),"
        " version = version + 1 WHERE id = :id",
        id=exam_id,
        now=now,
    )


def heads(site: Site, exam_id: UUID) -> list[DeliveryHead]:
    """The exam's deliveries, the newest first."""
    return site.many(
        DeliveryHead,
        "SELECT d.id, d.connection_id, c.name AS connection_name, c.ae_title,"  # noqa: S608 - constants
        " c.deleted_at IS NOT NULL AS connection_deleted, d.state, d.reason, d.resend,"
        " p.display_name AS submitted_by, d.created_at, d.updated_at, d.finished_at, d.replaced_by,"
        f" {_HEARD} AS gateway_heard_at,"
        " (SELECT count(*) FROM delivery_instance n WHERE n.delivery_id = d.id) AS instances,"
        " (SELECT count(*) FROM delivery_instance n WHERE n.delivery_id = d.id AND n.state = 'sent') AS sent,"
        " EXISTS (SELECT 1 FROM instance i WHERE i.exam_id = d.exam_id AND NOT EXISTS"
        "  (SELECT 1 FROM delivery_instance n JOIN delivery o ON o.id = n.delivery_id WHERE n.instance_id = i.id"
        f"   AND o.connection_id = d.connection_id AND o.state <> 'cancelled' AND {THIS_VERSION})) AS amended"
        " FROM delivery d JOIN connection c ON c.id = d.connection_id LEFT JOIN person p ON p.id = d.submitted_by"
        " WHERE d.exam_id = :id ORDER BY d.created_at DESC, c.name, d.id",
        id=exam_id,
    )


def item_views(site: Site, exam_id: UUID) -> list[ItemView]:
    """Every image of every delivery of the exam, in the order of the exam's page."""
    return site.many(
        ItemView,
        "WITH numbered AS (SELECT i.id, row_number() OVER (ORDER BY s.number NULLS LAST, i.number NULLS LAST,"
        "  i.received_at, i.id) AS number FROM instance i JOIN series s ON s.id = i.series_id WHERE i.exam_id = :id)"
        " SELECT n.id AS item_id, n.delivery_id, n.instance_id, numbered.number, n.state,"
        " n.derived_object_id IS NOT NULL AS derived, n.attempts, n.status, n.cause, n.remedy, n.reported_at"
        " FROM delivery d JOIN delivery_instance n ON n.delivery_id = d.id JOIN numbered ON numbered.id = n.instance_id"
        " WHERE d.exam_id = :id ORDER BY numbered.number",
        id=exam_id,
    )


def outbox(site: Site, person_id: UUID | None) -> list[OutboxRow]:
    """What waits for a person, the latest first: one's own exams, and those of the facilities one runs; None: all."""
    return site.many(OutboxRow, _OUTBOX, person=person_id)


def outbox_count(site: Site, person_id: UUID) -> int:
    """How many lines the person's Outbox has."""
    found: int = site.value(
        f"SELECT count(*) {_OUTBOX_FROM} WHERE {_WAITING} AND {_SEES}",
        person=person_id,
    )
    return found


@dataclass(frozen=True, slots=True)
class ExamLine:
    """One exam in a list without a word about the patient."""

    exam_id: UUID
    study_instance_uid: str
    folder: str
    state: str
    version: int
    owner: str | None
    reason: str | None
    is_test: bool
    """A synthetic exam, which counts as nobody's."""
    images: int


def lines(site: Site, folder: str | None) -> list[ExamLine]:
    """The organisation's exams, the latest first; those of one folder when it is named."""
    return site.many(
        ExamLine,
        "SELECT e.id AS exam_id, e.study_instance_uid, e.folder, e.state, e.version, p.display_name AS owner, e.reason,"
        " e.is_test,"
        " (SELECT count(*) FROM instance i WHERE i.exam_id = e.id) AS images"
        " FROM exam e LEFT JOIN person p ON p.id = e.owner_person_id"
        " WHERE CAST(:folder AS text) IS NULL OR e.folder = :folder"
        " ORDER BY e.last_received_at DESC, e.id LIMIT 1000",
        folder=folder,
    )


def exam_of_study(site: Site, study_instance_uid: str) -> UUID | None:
    """The exam of this Study Instance UID."""
    found: UUID | None = site.value("SELECT id FROM exam WHERE study_instance_uid = :uid", uid=study_instance_uid)
    return found
