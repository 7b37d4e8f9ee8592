"""Submission: a draft becomes an exam on its way to every PACS of its specialty (F6, R44, R51). Drafts never leave."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from smartlink.works.access import Access, Site
from smartlink.works.errors import Conflict, NotFound
from smartlink.works.exams import orders, rights, synthetic
from smartlink.works.exams.delivery import FINAL, Event, Item, State
from smartlink.works.exams.rights import Actor
from smartlink.works.store import deliveries, identities, submissions
from smartlink.works.store.deliveries import DeliveryRow
from smartlink.works.store.listen import tell
from smartlink.works.store.submissions import DeliveryHead, Destination, ExamToSend, ItemView
from smartlink.works.tasks.producer import Producer

__all__ = ["Actor", "DeliveryView", "Destination", "ItemView", "Submitted"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Submitted:
    """One delivery for each PACS; none when the specialty has no PACS: the exam is then kept in Works only."""

    delivery_ids: tuple[uuid.UUID, ...]


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One delivery as the exam's page shows it, with its images in the order of the page."""

    head: DeliveryHead
    items: tuple[ItemView, ...]


def destinations(access: Access, organisation_id: uuid.UUID, exam_id: uuid.UUID) -> tuple[Destination, ...]:
    """Every PACS that the exam goes to when it is submitted (R51); empty when its specialty has none."""
    with access.organisation(organisation_id) as site:
        return tuple(submissions.destinations(site, exam_id))


def submit(access: Access, actor: Actor, exam_id: uuid.UUID, version: int, now: datetime) -> Submitted:
    """Send the exam on its way, or those of its images that came after it was sent.

    Raises NotFound, NotAllowed, and Conflict when it is not what the person saw, is Unassigned, holds no image, or
    was submitted before and nothing has come since.
    """
    with access.organisation(actor.organisation_id) as site:
        exam = rights.own_exam(site, actor, exam_id)
        synthetic.refuse(exam)
        rights.unchanged(exam, version)
        instances = submissions.instances(site, exam_id)
        if exam.folder == "unassigned":
            message = "The exam belongs to nobody yet: claim or assign it first."
            raise Conflict(message)
        if not instances:
            message = "The exam holds no image yet."
            raise Conflict(message)
        found = tuple(_each(site, actor, exam, now))
        if exam.state != "draft" and not found:
            message = "The exam was submitted already, and no image has come since."
            raise Conflict(message)
        submissions.submitted(site, exam_id, now)
        deliveries.settle_exam(site, exam_id)
        tell(site, exam_id)
        rights.record(site, actor, "exam_submitted", exam_id, now, {"images": len(instances), "deliveries": len(found)})
    log.info("exam_submitted", exam_id=str(exam_id), deliveries=len(found))
    return Submitted(found)


def resend(access: Access, actor: Actor, delivery_id: uuid.UUID, now: datetime) -> uuid.UUID:
    """Send every image of the exam to that PACS again, whatever it has; a new delivery.

    Raises NotFound, NotAllowed, and Conflict while the exam is on its way there.
    """
    with access.organisation(actor.organisation_id) as site:
        former = _delivery(site, actor, delivery_id)
        if State(former.state) not in FINAL:
            message = "The exam is still on its way to this PACS, or waits in the Outbox: send it from there."
            raise Conflict(message)
        exam = rights.own_exam(site, actor, former.exam_id)
        wanted = submissions.instances(site, exam.id)
        fresh = start(site, actor, exam, former.connection_id, wanted, now, again=True)
        rights.record(site, actor, "exam_sent_again", exam.id, now, {"delivery_id": str(fresh), "images": len(wanted)})
    return fresh


def cancel(access: Access, actor: Actor, delivery_id: uuid.UUID, now: datetime) -> None:
    """What was not sent yet of the delivery is not sent any more. Raises NotFound, NotAllowed, Conflict."""
    with access.organisation(actor.organisation_id) as site:
        row = _delivery(site, actor, delivery_id)
        if State(row.state) in FINAL:
            message = "This delivery is over already."
            raise Conflict(message)
        orders.end(site, row, Event.CANCELLED, now)
        rights.record(site, actor, "delivery_cancelled", row.exam_id, now, {"delivery_id": str(delivery_id)})


def timeline(access: Access, organisation_id: uuid.UUID, exam_id: uuid.UUID) -> tuple[DeliveryView, ...]:
    """The exam's deliveries, the newest first, each with its images."""
    with access.organisation(organisation_id) as site:
        return timeline_of(site, exam_id)


def timeline_of(site: Site, exam_id: uuid.UUID) -> tuple[DeliveryView, ...]:
    """The same within a transaction that is open already."""
    views = submissions.item_views(site, exam_id)
    return tuple(
        DeliveryView(head, tuple(one for one in views if one.delivery_id == head.id))
        for head in submissions.heads(site, exam_id)
    )


def ready(site: Site, delivery_id: uuid.UUID, now: datetime) -> None:
    """Every object that the delivery needs exists: order it from the gateway."""
    orders.ready(site, delivery_id, now)


def cannot_derive(site: Site, item_id: uuid.UUID, *, cause: str, remedy: str) -> None:
    """No object can be made for this instance: it needs a person. `ready` then settles what that means."""
    deliveries.set_items(site, [item_id], state=Item.PARKED, cause=cause, remedy=remedy)


def start(
    site: Site,
    actor: Actor,
    exam: ExamToSend,
    connection_id: uuid.UUID,
    instance_ids: Sequence[uuid.UUID],
    now: datetime,
    *,
    again: bool = False,
) -> uuid.UUID:
    """A new delivery of these instances: ordered at once, or prepared by a job when patient or order were corrected.

    Raises Conflict for a synthetic exam, whoever asks.
    """
    synthetic.refuse(exam)
    identity = identities.current(site, exam.id)
    row = DeliveryRow(
        id=uuid.uuid4(),
        exam_id=exam.id,
        connection_id=connection_id,
        gateway_id=None,
        identity_id=None if identity is None else identity.id,
        exam_version=exam.version,
        state=State.PREPARING,
        reason=None,
        resend=again,
        submitted_by=actor.person_id,
        created_at=now,
        updated_at=now,
        finished_at=None,
        replaced_by=None,
    )
    deliveries.insert(site, row)
    deliveries.add_items(site, row.id, instance_ids)
    if identity is None:
        orders.ready(site, row.id, now)
    else:
        Producer().derive(site, row.id)
        deliveries.settle_exam(site, exam.id)
        tell(site, exam.id)
    return row.id


def _each(site: Site, actor: Actor, exam: ExamToSend, now: datetime) -> list[uuid.UUID]:
    """A delivery to each PACS of the instances that none to it holds yet."""
    started = []
    for destination in submissions.destinations(site, exam.id):
        wanted = submissions.not_ordered(site, exam.id, destination.connection_id)
        if wanted:
            started.append(start(site, actor, exam, destination.connection_id, wanted, now))
    return started


def _delivery(site: Site, actor: Actor, delivery_id: uuid.UUID) -> DeliveryRow:
    """The delivery, locked, for whoever may send its exam."""
    found = deliveries.get(site, delivery_id)
    if found is None:
        message = "There is no such delivery."
        raise NotFound(message)
    rights.own_exam(site, actor, found.exam_id)
    return deliveries.lock(site, [delivery_id])[0]
