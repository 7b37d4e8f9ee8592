"""Who may do what with an exam: its physician, whoever runs its facility, and the operator of the deployment.

What one may not see is not found; what one sees but may not do is not allowed.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smartlink.works import audit
from smartlink.works.access import Site
from smartlink.works.errors import Conflict, NotAllowed, NotFound
from smartlink.works.store import standing, submissions
from smartlink.works.store.standing import Standing
from smartlink.works.store.submissions import ExamToSend


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and in which organisation; without a person it is the operator, at the command line."""

    organisation_id: uuid.UUID
    person_id: uuid.UUID | None = None


def own_exam(site: Site, actor: Actor, exam_id: uuid.UUID) -> ExamToSend:
    """The exam, locked, for its physician or whoever runs its facility (R145). Raises NotFound, NotAllowed."""
    exam = submissions.lock_exam(site, exam_id)
    if exam is None:
        message = "There is no such exam."
        raise NotFound(message)
    if actor.person_id is None or may_change(site, actor.person_id, exam):
        return exam
    stands = stands_at(site, actor.person_id, exam)
    if exam.folder == "unassigned" and stands is not None and stands.reaches:
        message = "Claim the exam first: it belongs to nobody yet."
        raise NotAllowed(message)
    message = "There is no such exam."
    raise NotFound(message)


def run_exam(site: Site, actor: Actor, exam_id: uuid.UUID) -> ExamToSend:
    """The exam, locked, for whoever runs its facility. Raises NotFound, and NotAllowed for others who see it."""
    exam = submissions.lock_exam(site, exam_id)
    stands = None if exam is None or actor.person_id is None else stands_at(site, actor.person_id, exam)
    if exam is not None and (actor.person_id is None or (stands is not None and stands.administrator)):
        return exam
    if exam is not None and actor.person_id is not None:
        reached = exam.folder == "unassigned" and stands is not None and stands.reaches
        if reached or actor.person_id == exam.owner_person_id:
            message = "Only somebody who runs the exam's facility may do this."
            raise NotAllowed(message)
    message = "There is no such exam."
    raise NotFound(message)


def may_change(site: Site, person_id: uuid.UUID, exam: ExamToSend) -> bool:
    """Whether the person is the exam's physician or runs its facility."""
    if person_id == exam.owner_person_id:
        return True
    stands = stands_at(site, person_id, exam)
    return stands is not None and stands.administrator


def runs(site: Site, person_id: uuid.UUID, exam_id: uuid.UUID) -> bool:
    """Whether the person runs the exam's facility."""
    exam = submissions.exam(site, exam_id)
    stands = None if exam is None else stands_at(site, person_id, exam)
    return stands is not None and stands.administrator


def stands_at(site: Site, person_id: uuid.UUID, exam: ExamToSend) -> Standing | None:
    """How a person stands to the exam's facility and specialty."""
    return standing.of_person(site, person_id, exam.facility_id, exam.specialty_id)


def unchanged(exam: ExamToSend, version: int) -> None:
    """Raise Conflict when the exam is not what the person saw."""
    if exam.version != version:
        message = "Somebody changed this exam meanwhile, or images came: look at it again."
        raise Conflict(message)


def record(
    site: Site,
    actor: Actor,
    action: str,
    exam_id: uuid.UUID,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write down what the actor did with the exam. `detail` holds ids and counts."""
    audit.record(
        site,
        now=now,
        actor_kind="operator" if actor.person_id is None else "person",
        actor_id=actor.person_id,
        action=action,
        object_kind="exam",
        object_id=exam_id,
        detail=detail,
    )
