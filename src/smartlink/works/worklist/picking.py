"""A step of the worklist is picked for an exam: the person confirms old and new, and the exam is corrected by it.

What is picked is patient and order as a whole. Where the worklist names another patient than the exam has, nothing of
the former patient stays; where it is the same patient, what the worklist does not say stays as it is.
"""

import hashlib
import json
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from smartlink.works.access import Access, Site
from smartlink.works.errors import Conflict, Invalid
from smartlink.works.exams import correction, rights
from smartlink.works.exams.correction import Change, Values
from smartlink.works.exams.rights import Actor
from smartlink.works.store import identities, worklists
from smartlink.works.store.submissions import ExamToSend
from smartlink.works.store.worklists import ItemRow, ServerRow

MOST: Final = 500
_OF_PATIENT: Final = ("issuer_of_patient_id", "patient_name", "birth_date", "sex")
_OF_ORDER: Final = ("accession_number", "requested_procedure_id", "requested_procedure_description")


@dataclass(frozen=True, slots=True)
class Patient:
    """Whose the exam is now: what was confirmed, else what the scanner sent. An empty text is not known."""

    id: str
    issuer: str = ""

    def is_of(self, item: ItemRow) -> bool:
        """Whether the step is this patient's: an ID means one patient as far as its issuer is the same."""
        known = self.issuer and item.issuer_of_patient_id
        return bool(self.id) and item.patient_id == self.id and (not known or item.issuer_of_patient_id == self.issuer)


@dataclass(frozen=True, slots=True)
class Choice:
    """What an exam can be picked from: the steps of its facility and specialty, and how the servers do."""

    patient: Patient
    items: tuple[ItemRow, ...]
    servers: tuple[ServerRow, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Picked:
    """What picking a step would change. `seen` names just these changes: confirming others is refused."""

    item: ItemRow
    changes: tuple[Change, ...]
    seen: str
    patient: Patient

    @property
    def other_patient(self) -> bool:
        """Whether the exam has a patient now, and would have another one."""
        return bool(self.patient.id) and not self.patient.is_of(self.item)


def choice(access: Access, actor: Actor, exam_id: uuid.UUID, now: datetime) -> Choice:
    """The steps that the exam can be; those of its own patient first. Raises NotFound, NotAllowed."""
    with access.organisation(actor.organisation_id) as site:
        exam = rights.own_exam(site, actor, exam_id)
        found = worklists.listing(site, exam.facility_id, exam.specialty_id, now, most=MOST + 1)
        servers = worklists.servers(site, exam.facility_id, exam.specialty_id, now)
        patient = _now(site, exam)
    first = sorted(found[:MOST], key=lambda item: not patient.is_of(item))
    truncated = len(found) > MOST or any(server.truncated for server in servers)
    return Choice(patient, tuple(first), tuple(servers), truncated)


def preview(
    access: Access, actor: Actor, exam_id: uuid.UUID, version: int, item_id: uuid.UUID, now: datetime
) -> Picked:
    """What would change, for the confirmation. Raises NotFound, NotAllowed, Conflict, Invalid."""
    item, patient = _step(access, actor, exam_id, item_id, now)
    changes = correction.preview(access, actor, exam_id, version, values_of(item, patient))
    return Picked(item, changes, _digest(changes), patient)


def pick(
    access: Access,
    actor: Actor,
    exam_id: uuid.UUID,
    version: int,
    item_id: uuid.UUID,
    now: datetime,
    *,
    seen: str,
) -> uuid.UUID:
    """Confirm what was previewed; the id of the confirmed identity.

    Raises NotFound, NotAllowed, Invalid, and Conflict when exam or step are not what the person saw.
    """
    picked = preview(access, actor, exam_id, version, item_id, now)
    if picked.seen != seen:
        message = "The worklist says something else now: look at it again."
        raise Conflict(message)
    values = Values(**{change.name: change.new for change in picked.changes})
    source = {"worklist_connection_id": str(picked.item.connection_id), "worklist_item_id": str(item_id)}
    return correction.set_identity(access, actor, exam_id, version, values, now, source=source)


def values_of(item: ItemRow, former: Patient) -> Values:
    """What an exam of this patient says once the step is picked for it."""
    if not item.patient_id:
        message = "This step of the worklist has no patient ID, so it cannot be picked."
        raise Invalid(message)
    same = former.is_of(item)
    patient = {name: value for name in _OF_PATIENT if (value := getattr(item, name)) or not same}
    order = {name: getattr(item, name) for name in _OF_ORDER}
    return Values(patient_id=item.patient_id, study_instance_uid=item.study_instance_uid, **patient, **order)


def _step(
    access: Access, actor: Actor, exam_id: uuid.UUID, item_id: uuid.UUID, now: datetime
) -> tuple[ItemRow, Patient]:
    with access.organisation(actor.organisation_id) as site:
        exam = rights.own_exam(site, actor, exam_id)
        item = worklists.one(site, item_id, exam.facility_id, exam.specialty_id, now)
        if item is None:
            message = "This step is not on the worklist any more: look at it again."
            raise Conflict(message)
        return item, _now(site, exam)


def _now(site: Site, exam: ExamToSend) -> Patient:
    confirmed = identities.current(site, exam.id)
    if confirmed is None:
        return Patient(exam.patient_id or "")
    known = exam.patient_id if confirmed.patient_id is None else confirmed.patient_id
    return Patient(known or "", confirmed.issuer_of_patient_id or "")


def _digest(changes: tuple[Change, ...]) -> str:
    return hashlib.sha256(json.dumps([asdict(change) for change in changes]).encode()).hexdigest()
