"""From Unassigned to a physician: claiming and assigning (F5, R81). From then on no rule touches the exam (R80)."""

import uuid
from datetime import datetime
from typing import Final

import structlog

from smartlink.works.access import Access, Site
from smartlink.works.errors import Conflict, Invalid, NotAllowed, NotFound
from smartlink.works.exams import rights
from smartlink.works.exams.assignment import TAGS
from smartlink.works.exams.rights import Actor
from smartlink.works.store import arrivals, people, physicians, submissions
from smartlink.works.store.arrivals import Place
from smartlink.works.store.listen import tell
from smartlink.works.store.submissions import ExamToSend

log = structlog.get_logger(__name__)

_LONGEST_NAME: Final = 64
_NAME_TAGS: Final = frozenset(tag for tag in TAGS.values() if tag and tag != "0040,1104")


def claim(access: Access, actor: Actor, exam_id: uuid.UUID, now: datetime, *, remember: bool = False) -> None:
    """The exam is the actor's own from now on. With `remember`, so are later ones that name the same physician.

    Raises NotFound, NotAllowed for somebody who is not a physician of its specialty, Conflict when another was faster.
    """
    if actor.person_id is None:
        message = "Say which person claims the exam."
        raise Invalid(message)
    assign(access, actor, exam_id, actor.person_id, now, remember=remember)


def assign(
    access: Access, actor: Actor, exam_id: uuid.UUID, person_id: uuid.UUID, now: datetime, *, remember: bool = False
) -> None:
    """The exam is that physician's from now on.

    A physician of the specialty, whoever runs the facility, and the operator may assign. Raises NotFound, NotAllowed,
    Invalid when the person is no physician of the specialty, Conflict when the exam is not Unassigned any more.
    """
    with access.organisation(actor.organisation_id) as site:
        exam = _unassigned(site, actor, exam_id)
        target = rights.stands_at(site, person_id, exam)
        if target is None or not target.reaches:
            message = "This person is no physician of the exam's specialty."
            raise NotAllowed(message) if person_id == actor.person_id else Invalid(message)
        place = Place("drafts", person_id, None, exam.raw_value or "", exam.tag or "")
        arrivals.place_exam(site, exam_id, place, now=now)
        decided_by = "operator" if actor.person_id is None else str(actor.person_id)
        arrivals.add_assignment(site, id=uuid.uuid4(), exam_id=exam_id, place=place, decided_by=decided_by, now=now)
        remembered = remember and _remember(site, exam, person_id)
        tell(site, exam_id)
        rights.record(
            site,
            actor,
            "exam_claimed" if person_id == actor.person_id else "exam_assigned",
            exam_id,
            now,
            {"person_id": str(person_id), "remembered": remembered},
        )
    log.info("exam_assigned", exam_id=str(exam_id), claimed=person_id == actor.person_id)


def candidates(access: Access, actor: Actor, exam_id: uuid.UUID) -> tuple[physicians.PhysicianRow, ...]:
    """The physicians to whom the exam may be assigned, by name. Raises NotFound, NotAllowed, Conflict."""
    with access.organisation(actor.organisation_id) as site:
        exam = _unassigned(site, actor, exam_id)
        found = physicians.of_facility(site, exam.facility_id)
    fitting = (one for one in found if one.active and _fits(one, exam))
    return tuple(sorted(fitting, key=lambda one: one.display_name.casefold()))


def _unassigned(site: Site, actor: Actor, exam_id: uuid.UUID) -> ExamToSend:
    """The exam, locked, for somebody who may assign it."""
    exam = submissions.lock_exam(site, exam_id)
    stands = None if exam is None or actor.person_id is None else rights.stands_at(site, actor.person_id, exam)
    if exam is None or (actor.person_id is not None and stands is None):
        message = "There is no such exam."
        raise NotFound(message)
    if exam.folder != "unassigned":
        message = "Somebody else was faster: the exam is not in Unassigned any more."
        raise Conflict(message)
    if stands is not None and not (stands.administrator or stands.reaches):
        message = "Only physicians of the exam's specialty and facility administrators may do this."
        raise NotAllowed(message)
    return exam


def _fits(physician: physicians.PhysicianRow, exam: ExamToSend) -> bool:
    return exam.specialty_id is None or not physician.specialty_ids or exam.specialty_id in physician.specialty_ids


def can_remember(tag: str | None, raw_value: str | None) -> bool:
    """Whether the value as sent can become a person's DICOM name; one that holds several names cannot."""
    name = _name(raw_value)
    return tag in _NAME_TAGS and "\\" not in name and 0 < len(name) <= _LONGEST_NAME


def _name(raw_value: str | None) -> str:
    return " ".join((raw_value or "").split())


def _remember(site: Site, exam: ExamToSend, person_id: uuid.UUID) -> bool:
    """The value as sent is one of the person's DICOM names."""
    if not can_remember(exam.tag, exam.raw_value):
        return False
    name = _name(exam.raw_value)
    people.add_dicom_name(site, person_id=person_id, facility_id=exam.facility_id, name=name)
    return True
