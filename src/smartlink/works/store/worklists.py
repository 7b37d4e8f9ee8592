"""Tables `worklist` and `worklist_item`: what gateways read from worklist servers, merged for whoever looks."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site

_FIELDS: Final = (
    "patient_name, patient_id, issuer_of_patient_id, birth_date, sex, accession_number, requested_procedure_id,"
    " requested_procedure_description, study_instance_uid, referring_physician, step_id, step_description, modality,"
    " station_ae_title, performing_physician, start_at, start_has_time, guessed"
)
PUT: Final = """
    INSERT INTO worklist (connection_id, organisation_id, checked_at, received_at, fetched_at, truncated, unreadable,
        failing_since, problem, remedy)
    VALUES (:connection_id, :organisation_id, :checked_at, :received_at, :fetched_at, :truncated, :unreadable,
        :failing_since, :problem, :remedy)
    ON CONFLICT (connection_id) DO UPDATE SET checked_at = excluded.checked_at, received_at = excluded.received_at,
        fetched_at = coalesce(excluded.fetched_at, worklist.fetched_at), truncated = excluded.truncated,
        unreadable = excluded.unreadable, failing_since = excluded.failing_since, problem = excluded.problem,
        remedy = excluded.remedy
"""
FIND: Final = """
    SELECT connection_id, checked_at, received_at, fetched_at, truncated, unreadable, failing_since, problem, remedy
    FROM worklist WHERE connection_id = :id FOR UPDATE
"""
CLEAR: Final = "DELETE FROM worklist_item WHERE connection_id = :id"
FORGET: Final = "DELETE FROM worklist WHERE connection_id = :id"
PURGE: Final = "DELETE FROM worklist_item WHERE expires_at <= :now"
COUNT: Final = "SELECT count(*) FROM worklist_item WHERE connection_id = :id"
ADD: Final = f"""
    INSERT INTO worklist_item (id, organisation_id, connection_id, merge_key, expires_at, {_FIELDS})
    SELECT id, :organisation_id, :connection_id, decode(merge_key, 'hex'), expires_at, {_FIELDS}
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(id uuid, merge_key text, expires_at timestamptz,
        patient_name text, patient_id text, issuer_of_patient_id text, birth_date text, sex text,
        accession_number text, requested_procedure_id text, requested_procedure_description text,
        study_instance_uid text, referring_physician text, step_id text, step_description text, modality text,
        station_ae_title text, performing_physician text, start_at timestamptz, start_has_time boolean,
        guessed boolean)
    ON CONFLICT (id) DO NOTHING
"""  # noqa: S608 - constant
_LISTED: Final = f"""
    SELECT DISTINCT ON (c.facility_id, i.merge_key) i.id, i.connection_id, c.name AS connection_name, {_FIELDS}
    FROM worklist_item i JOIN connection c ON c.id = i.connection_id AND c.deleted_at IS NULL
    JOIN worklist w ON w.connection_id = c.id
    WHERE c.facility_id = :facility AND i.expires_at > :now
      AND (CAST(:specialty AS uuid) IS NULL OR :specialty = ANY (c.specialty_ids))
"""  # noqa: S608 - constant
# Of a step that two servers know, what the one said that answers, and answered last.
_NEWEST: Final = " ORDER BY c.facility_id, i.merge_key, (w.failing_since IS NOT NULL), w.fetched_at DESC, i.id"
LISTING: Final = f"SELECT * FROM ({_LISTED}{_NEWEST}) AS merged ORDER BY start_at, patient_name, id LIMIT :most"  # noqa: S608
ONE: Final = f"{_LISTED} AND i.id = :id"
SERVERS: Final = """
    SELECT c.id, c.name, c.ae_title, c.status, c.specialty_ids, c.gateway_id, w.checked_at, w.fetched_at,
      coalesce(w.truncated, false) AS truncated, coalesce(w.unreadable, 0) AS unreadable, w.failing_since, w.problem,
      w.remedy, (SELECT count(*) FROM worklist_item i WHERE i.connection_id = c.id AND i.expires_at > :now) AS items
    FROM connection c LEFT JOIN worklist w ON w.connection_id = c.id
    WHERE c.facility_id = :facility AND c.kind = 'worklist' AND c.deleted_at IS NULL
      AND (CAST(:specialty AS uuid) IS NULL OR :specialty = ANY (c.specialty_ids))
    ORDER BY c.name, c.id
"""


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """One server as its gateway last told of it."""

    connection_id: UUID
    checked_at: datetime
    received_at: datetime
    fetched_at: datetime | None
    truncated: bool
    unreadable: int
    failing_since: datetime | None
    problem: str | None
    remedy: str | None


@dataclass(frozen=True, slots=True)
class NewItem:
    """One scheduled step to be stored; `birth_date` as `1965-03-12`, an empty text is not given."""

    id: UUID
    merge_key: str
    expires_at: str
    patient_name: str
    patient_id: str
    issuer_of_patient_id: str
    birth_date: str
    sex: str
    accession_number: str
    requested_procedure_id: str
    requested_procedure_description: str
    study_instance_uid: str | None
    referring_physician: str
    step_id: str
    step_description: str
    modality: str
    station_ae_title: str
    performing_physician: str
    start_at: str
    start_has_time: bool
    guessed: bool


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One scheduled step, however many servers know it, and from which one its values are."""

    id: UUID
    connection_id: UUID
    connection_name: str
    patient_name: str
    patient_id: str
    issuer_of_patient_id: str
    birth_date: str
    sex: str
    accession_number: str
    requested_procedure_id: str
    requested_procedure_description: str
    study_instance_uid: str | None
    referring_physician: str
    step_id: str
    step_description: str
    modality: str
    station_ae_title: str
    performing_physician: str
    start_at: datetime
    start_has_time: bool
    guessed: bool


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One worklist server of a facility; without `checked_at` nothing was told of it yet."""

    id: UUID
    name: str
    ae_title: str
    status: str
    specialty_ids: list[UUID]
    gateway_id: UUID
    checked_at: datetime | None
    fetched_at: datetime | None
    truncated: bool
    unreadable: int
    failing_since: datetime | None
    problem: str | None
    remedy: str | None
    items: int


def lock(site: Site, connection_id: UUID) -> WorklistRow | None:
    """What is known of the server, and nobody else changes it; None when nothing is."""
    return site.one(WorklistRow, FIND, id=connection_id)


def put(site: Site, row: WorklistRow) -> None:
    """How the server does now. A server that never gave a list keeps none."""
    site.run(PUT, organisation_id=site.organisation_id, **asdict(row))


def replace(site: Site, connection_id: UUID, items: Sequence[NewItem]) -> None:
    """These are the server's items; whatever was there before and is not among them is over."""
    site.run(CLEAR, id=connection_id)
    rows = json.dumps([asdict(item) for item in items], default=str, ensure_ascii=False)
    site.run(ADD, organisation_id=site.organisation_id, connection_id=connection_id, rows=rows)


def count(site: Site, connection_id: UUID) -> int:
    """How many items there are of the server."""
    found: int = site.value(COUNT, id=connection_id)
    return found


def forget(site: Site, connection_id: UUID) -> None:
    """The server is deleted: nothing of its patients is kept (R86)."""
    site.run(CLEAR, id=connection_id)
    site.run(FORGET, id=connection_id)


def purge(site: Site, now: datetime) -> int:
    """Forget items whose time is over; how many those were."""
    return site.run(PURGE, now=now)


def listing(site: Site, facility_id: UUID, specialty_id: UUID | None, now: datetime, *, most: int) -> list[ItemRow]:
    """The steps of a facility, each once, soonest first; of one specialty's servers, or of all when it is None."""
    return site.many(ItemRow, LISTING, facility=facility_id, specialty=specialty_id, now=now, most=most)


def one(site: Site, item_id: UUID, facility_id: UUID, specialty_id: UUID | None, now: datetime) -> ItemRow | None:
    """One step of such a listing, if it is still on it."""
    return site.one(ItemRow, ONE, id=item_id, facility=facility_id, specialty=specialty_id, now=now)


def servers(site: Site, facility_id: UUID, specialty_id: UUID | None, now: datetime) -> list[ServerRow]:
    """The facility's worklist servers by name; of one specialty, or all when it is None."""
    return site.many(ServerRow, SERVERS, facility=facility_id, specialty=specialty_id, now=now)
