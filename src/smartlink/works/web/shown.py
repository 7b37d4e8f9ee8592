"""Exams, gateways and people as the pages show them: rows turned into what a template prints. Pure."""

import re
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from smartlink.standard.person_name import PersonName
from smartlink.ui import moments
from smartlink.works.store.exam_pages import ExamImage, GatewayContact, ListedExam, Looker
from smartlink.works.store.identities import IdentityRow
from smartlink.works.store.physicians import PhysicianRow

QUIET: Final = timedelta(seconds=60)  # F4: an exam is complete when nothing came for so long
HEARTBEAT_OVERDUE: Final = timedelta(minutes=3)  # a heartbeat is due every minute (F12)
AMBER: Final = timedelta(hours=12)
RED: Final = timedelta(days=2)
ATTRIBUTES: Final = {  # the manual's six options read these; attribute names stay English in every language
    "0008,1050": "Performing Physician’s Name",
    "0008,0090": "Referring Physician’s Name",
    "0008,1070": "Operator Name",
    "0008,1060": "Name of Physician(s) Reading Study",
    "0040,1104": "Person’s Telecom Information",
}


@dataclass(frozen=True, slots=True)
class ShownExam:
    """One exam, ready for a template."""

    id: uuid.UUID
    folder: str
    patient: str
    patient_id: str | None
    born: date | None
    years: int | None
    sex: str | None
    accession_number: str | None
    description: str | None
    at: datetime
    specialty: str | None
    facility: str
    source: str | None
    images: int
    on_the_way: int
    conflicts: int
    receiving: bool
    created_at: datetime
    last_received_at: datetime
    submitted_at: datetime | None
    version: int
    assigned_at: datetime | None
    owner: str | None
    owner_initials: str
    reason: str | None
    raw_value: str | None
    attribute: str
    waiting: timedelta
    waiting_kind: str | None
    cover_id: uuid.UUID | None


def exam(row: ListedExam, now: datetime) -> ShownExam:
    """The exam as it stands at `now`."""
    born = birth(row.birth_date)
    waiting = now - row.created_at
    return ShownExam(
        id=row.id,
        folder=row.folder,
        patient=patient_name(row.patient_name),
        patient_id=row.patient_id,
        born=born,
        years=None if born is None else moments.years(born, now.date()),
        sex=row.sex,
        accession_number=row.accession_number,
        description=row.study_description,
        at=row.study_at or row.created_at,
        specialty=row.specialty_name,
        facility=row.facility_name,
        source=row.connection_name,
        images=row.images,
        on_the_way=row.on_the_way,
        conflicts=row.conflicts,
        receiving=now - row.last_received_at < QUIET,
        created_at=row.created_at,
        last_received_at=row.last_received_at,
        submitted_at=row.submitted_at,
        version=row.version,
        assigned_at=row.assigned_at,
        owner=row.owner_name,
        owner_initials=initials(row.owner_name or ""),
        reason=row.reason,
        raw_value=row.raw_value,
        attribute=ATTRIBUTES.get(row.tag or "", row.tag or ""),
        waiting=waiting,
        waiting_kind=waiting_kind(waiting),
        cover_id=row.cover_id,
    )


def waiting_kind(waiting: timedelta) -> str | None:
    """Plain under 12 hours, `warn` from there, `fail` from two days (language.md section 3)."""
    if waiting >= RED:
        return "fail"
    return "warn" if waiting >= AMBER else None


def patient_name(value: str | None) -> str:
    """`Rivera, Elena` of `RIVERA^ELENA` in the case it was sent; every component group that says something."""
    groups = (group for group in PersonName.parse(value or "").groups)
    shown = []
    for group in groups:
        given = " ".join(part for part in (group.given, group.middle) if part)
        name = ", ".join(part for part in (group.family, given) if part)
        shown.append(" ".join(part for part in (group.prefix, name, group.suffix) if part))
    return " · ".join(name for name in shown if name)


def birth(value: str | None) -> date | None:
    """The date of `1965-03-12` or `19650312`; None for anything else."""
    try:
        return date.fromisoformat(value or "")
    except ValueError:
        return None


def initials(name: str) -> str:
    """Two letters for the round mark: of the first and the last word that is no title."""
    words = [word for word in re.split(r"[\s,]+", name) if word and not word.endswith(".")]
    chosen = words if len(words) < len("LF") else [words[0], words[-1]]
    return "".join(word[0].upper() for word in chosen)


def former(confirmed: IdentityRow | None) -> dict[str, str | date | None]:
    """What the corrected values were before, as the page prints them; nothing where nothing was corrected."""
    known = {} if confirmed is None else confirmed.former
    printed: dict[str, str | date | None] = dict(known)
    if "patient_name" in known:
        printed["patient_name"] = patient_name(known["patient_name"])
    if "birth_date" in known:
        printed["birth_date"] = birth(known["birth_date"])
    return printed


@dataclass(frozen=True, slots=True)
class ShownImage:
    """One image in the strip; `length` is that of a cine, such as `0:03`, and empty for a still."""

    id: uuid.UUID
    frames: int
    frame_time_ms: float | None
    preview_state: str
    at: str
    length: str
    number: int
    conflicts: int
    decided: bool
    version: str
    """What names the version that is shown, so that a page sees when another one counts."""


def image(row: ExamImage, at: str, number: int) -> ShownImage:
    """The image for the strip: its place there, and its time as the overlay prints it."""
    return ShownImage(
        id=row.id,
        frames=row.frames,
        frame_time_ms=row.frame_time_ms,
        preview_state=row.preview_state,
        at=at,
        length=length(row.frames, row.frame_time_ms),
        number=number,
        conflicts=row.conflicts,
        decided=row.decided,
        version=row.version_id.hex,
    )


def length(frames: int, frame_time_ms: float | None) -> str:
    """How long a cine plays once; a rate that is not stated counts as 30 a second."""
    if frames <= 1:
        return ""
    seconds = max(1, round(frames * (frame_time_ms or 1000 / 30) / 1000))
    return f"{seconds // 60}:{seconds % 60:02}"


@dataclass(frozen=True, slots=True)
class ShownGateway:
    """How a gateway is now: `kind` of status, its last contact and how long ago that was."""

    facility_name: str
    kind: str
    last_contact: datetime | None
    silent_for: timedelta


def gateway(row: GatewayContact, now: datetime) -> ShownGateway:
    """Online is proven by a heartbeat that is not overdue; nothing else is green."""
    last = row.last_heartbeat_at or row.activated_at
    silent_for = max(now - last, timedelta())
    return ShownGateway(row.facility_name, "fail" if silent_for > HEARTBEAT_OVERDUE else "ok", last, silent_for)


@dataclass(frozen=True, slots=True)
class ShownLooker:
    """The person in the top bar."""

    display_name: str
    organisation_name: str
    initials: str
    place: str


def looker(row: Looker) -> ShownLooker:
    """The person and where they work: one facility by name, several as the organisation."""
    facility = row.facility_names[0] if len(row.facility_names) == 1 else row.organisation_name
    place = ", ".join([facility, *row.specialty_names[:1]])
    return ShownLooker(row.display_name, row.organisation_name, initials(row.display_name), place)


@dataclass(frozen=True, slots=True)
class ShownPhysician:
    """Somebody to whom an exam can be assigned."""

    id: uuid.UUID
    name: str
    initials: str


def physician(row: PhysicianRow) -> ShownPhysician:
    """The physician as a choice."""
    return ShownPhysician(row.person_id, row.display_name, initials(row.display_name))


@dataclass(frozen=True, slots=True)
class ShownJourney:
    """When the first image reached the gateway, and when the last one stood in Works."""

    first_received_at: datetime
    last_stored_at: datetime


def journey(row: ListedExam, images: list[ExamImage]) -> ShownJourney:
    """The hops of the exam so far; an exam without an image yet counts from its own beginning."""
    return ShownJourney(
        first_received_at=min((each.received_at for each in images), default=row.created_at),
        last_stored_at=max((each.ingested_at for each in images), default=row.created_at),
    )
