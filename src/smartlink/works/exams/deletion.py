"""Deleting an exam or one image, and taking it back; legal hold (design section 3).

Deleted means hidden at once, everywhere, and no longer sent. After the organisation's days the objects are removed
(`removal`). What was deleted is known again by the hash of its UID: when it comes again it is kept aside until the
operator of Works takes it in or discards it (`works deletions`); it never comes back by itself.
"""

import uuid
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from smartlink.works import audit
from smartlink.works.access import Access, Site
from smartlink.works.errors import Conflict, Invalid, NotAllowed, NotFound
from smartlink.works.exams import orders, rights
from smartlink.works.exams.delivery import FINAL, Event, Item, State
from smartlink.works.exams.rights import Actor
from smartlink.works.store import arrivals, deletions, deliveries, removals, retention, uploads, versions
from smartlink.works.store.deletions import Deletion, Listed
from smartlink.works.store.listen import tell
from smartlink.works.store.submissions import ExamToSend

__all__ = ["Listed"]

log = structlog.get_logger(__name__)

LONGEST_REASON: Final = 500
UNDER_HOLD: Final = "The exam is under legal hold: nothing of it can be deleted."
DELETED: Final = "The image was deleted in Works."


class Later(Protocol):
    """Who takes in what was withheld."""

    def ingest(self, site: Site, upload_ids: list[uuid.UUID]) -> None:
        """Defer taking these uploads into their exams, in this transaction."""


def delete_exam(access: Access, actor: Actor, exam_id: uuid.UUID, reason: str, now: datetime) -> uuid.UUID:
    """Hide the exam with all its images, and stop what is on its way; the deletion's id.

    Raises Invalid without a reason, NotFound, NotAllowed for whoever does not run the facility, and Conflict while the
    exam is under legal hold.
    """
    why = checked(reason)
    try:
        with access.organisation(actor.organisation_id) as site:
            exam = rights.run_exam(site, actor, exam_id)
            return hide_exam(site, actor, exam, why, now)
    except (NotAllowed, Conflict):
        _refused(access, actor, "exam_deleted", "exam", exam_id, now)
        raise


def delete_instance(
    access: Access, actor: Actor, exam_id: uuid.UUID, instance_id: uuid.UUID, reason: str, now: datetime
) -> uuid.UUID:
    """Hide one image of the exam, in all its versions; the deletion's id. Raises as `delete_exam` does."""
    why = checked(reason)
    try:
        with access.organisation(actor.organisation_id) as site:
            exam = rights.run_exam(site, actor, exam_id)
            sop_instance_uid = versions.lock(site, exam_id, instance_id)
            if sop_instance_uid is None:
                message = "There is no such image."
                raise NotFound(message)
            arrivals.one_at_a_time(site, sop_instance_uid)
            _refuse_held(site, exam_id)
            for row in deliveries.lock(site, deliveries.of_instance(site, instance_id)):
                _without(site, row, instance_id, now)
            return _hide(site, actor, exam, why, now, instance_id=instance_id, images=1, uid=sop_instance_uid)
    except (NotAllowed, Conflict):
        _refused(access, actor, "image_deleted", "instance", instance_id, now)
        raise


def hide_exam(site: Site, actor: Actor | None, exam: ExamToSend, reason: str, now: datetime) -> uuid.UUID:
    """The same within a transaction that holds the exam; without an actor it is the retention period's end."""
    _refuse_held(site, exam.id)
    for row in deliveries.lock(site, deliveries.of_exam(site, exam.id)):
        if State(row.state) not in FINAL:
            orders.end(site, row, Event.CANCELLED, now)
    images = deletions.images(site, exam.id)
    return _hide(site, actor, exam, reason, now, instance_id=None, images=images, uid=exam.study_instance_uid)


def undo(access: Access, actor: Actor, deletion_id: uuid.UUID, later: Later, now: datetime) -> int:
    """Take a deletion back: what is still there is shown again, what came again is taken in; how many came again.

    Raises NotFound, and Conflict when it was taken back before, or is of an image whose exam is deleted.
    """
    with access.organisation(actor.organisation_id) as site:
        deletion = _of_administrator(site, actor, deletion_id)
        if deletion.undone_at is not None:
            message = "This deletion was taken back already."
            raise Conflict(message)
        deletions.show_hidden(site)
        if deletion.instance_id is not None and deletions.exam_is_deleted(site, deletion.exam_id):
            message = "The exam of this image is deleted, too: take that back first."
            raise Conflict(message)
        deletions.undo(site, deletion, now)
        released = uploads.release(site, deletion_id)
        if released:
            later.ingest(site, released)
        tell(site, deletion.exam_id)
        detail = {"deletion_id": str(deletion_id), "resent": len(released), "removed": deletion.removed_at is not None}
        rights.record(site, actor, "deletion_undone", deletion.exam_id, now, detail)
    log.info("deletion_undone", deletion_id=str(deletion_id), resent=len(released))
    return len(released)


def discard_resent(access: Access, actor: Actor, deletion_id: uuid.UUID, now: datetime) -> int:
    """Remove what came again after this deletion; how many images. Raises NotFound."""
    with access.organisation(actor.organisation_id) as site:
        deletion = _of_administrator(site, actor, deletion_id)
        if retention.held(site, deletion.exam_id):
            raise Conflict(UNDER_HOLD)
        deletions.show_hidden(site)
        discarded = removals.withheld(site, deletion_id)
        detail = {"deletion_id": str(deletion_id), "images": discarded}
        rights.record(site, actor, "resent_discarded", deletion.exam_id, now, detail)
    log.info("resent_discarded", deletion_id=str(deletion_id), images=discarded)
    return discarded


def listing(access: Access, organisation_id: uuid.UUID, person_id: uuid.UUID | None) -> tuple[Listed, ...]:
    """What was deleted in the facilities that this person runs, the latest first; None: everywhere."""
    with access.organisation(organisation_id) as site:
        return tuple(deletions.listing(site, person_id))


def place_hold(access: Access, actor: Actor, exam_id: uuid.UUID, reason: str, now: datetime) -> None:
    """Nothing of the exam is deleted or removed from now on. Raises Invalid, NotFound, NotAllowed, Conflict."""
    why = checked(reason)
    with access.organisation(actor.organisation_id) as site:
        deletions.show_hidden(site)
        rights.run_exam(site, actor, exam_id)
        if not retention.place_hold(site, uuid.uuid4(), exam_id, why, by=actor.person_id, now=now):
            message = "The exam is under legal hold already."
            raise Conflict(message)
        rights.record(site, actor, "legal_hold_placed", exam_id, now)
    log.info("legal_hold_placed", exam_id=str(exam_id))


def lift_hold(access: Access, actor: Actor, exam_id: uuid.UUID, now: datetime) -> None:
    """End the exam's legal hold. Raises NotFound, NotAllowed, and Conflict when there is none."""
    with access.organisation(actor.organisation_id) as site:
        deletions.show_hidden(site)
        rights.run_exam(site, actor, exam_id)
        if not retention.lift_hold(site, exam_id, by=actor.person_id, now=now):
            message = "The exam is not under legal hold."
            raise Conflict(message)
        rights.record(site, actor, "legal_hold_lifted", exam_id, now)
    log.info("legal_hold_lifted", exam_id=str(exam_id))


def checked(reason: str) -> str:
    """The reason in its one form. Raises Invalid."""
    text = " ".join(reason.split())
    if not text:
        message = "Say why: a reason is needed."
        raise Invalid(message)
    if len(text) > LONGEST_REASON or not text.isprintable():
        message = f"A reason has at most {LONGEST_REASON} printable characters."
        raise Invalid(message)
    return text


def _refuse_held(site: Site, exam_id: uuid.UUID) -> None:
    if retention.held(site, exam_id):
        raise Conflict(UNDER_HOLD)


def _hide(
    site: Site,
    actor: Actor | None,
    exam: ExamToSend,
    reason: str,
    now: datetime,
    *,
    instance_id: uuid.UUID | None,
    images: int,
    uid: str,
) -> uuid.UUID:
    by_kind: audit.Kind = "system" if actor is None else "operator" if actor.person_id is None else "person"
    deletion = Deletion(
        id=uuid.uuid4(),
        facility_id=exam.facility_id,
        exam_id=exam.id,
        instance_id=instance_id,
        images=images,
        reason=reason,
        by_kind=by_kind,
        deleted_by=None if actor is None else actor.person_id,
        deleted_at=now,
        remove_at=now + timedelta(days=retention.periods(site).removal_days),
    )
    tell(site, exam.id)
    deletions.show_hidden(site)
    deletions.add(site, deletion, uid)
    audit.record(
        site,
        now=now,
        actor_kind=by_kind,
        actor_id=deletion.deleted_by,
        action="exam_deleted" if instance_id is None else "image_deleted",
        object_kind="exam" if instance_id is None else "instance",
        object_id=instance_id or exam.id,
        detail={"deletion_id": str(deletion.id), "exam_id": str(exam.id), "images": images},
    )
    log.info("deleted", deletion_id=str(deletion.id), exam_id=str(exam.id), images=images)
    return deletion.id


def _without(site: Site, row: deliveries.DeliveryRow, instance_id: uuid.UUID, now: datetime) -> None:
    """The delivery goes on without this image, unless the image has arrived."""
    ended = [
        one.id
        for one in deliveries.items(site, row.id)
        if one.instance_id == instance_id and one.state not in {Item.SENT, Item.CANCELLED}
    ]
    if State(row.state) not in FINAL and ended:
        deliveries.set_items(site, ended, state=Item.CANCELLED, cause=DELETED)
        orders.settle(site, row, now)


def _of_administrator(site: Site, actor: Actor, deletion_id: uuid.UUID) -> Deletion:
    """The deletion, locked, for whoever runs its facility. Raises NotFound."""
    found = deletions.lock(site, deletion_id)
    seen = (
        {one.id for one in deletions.listing(site, actor.person_id)} if actor.person_id is not None else {deletion_id}
    )
    if found is None or found.id not in seen:
        message = "There is no such deletion."
        raise NotFound(message)
    return found


def _refused(access: Access, actor: Actor, action: str, kind: str, object_id: uuid.UUID, now: datetime) -> None:
    """That somebody tried is entered, in a transaction of its own: the one that failed leaves nothing."""
    with access.organisation(actor.organisation_id) as site:
        audit.record(
            site,
            now=now,
            actor_kind="operator" if actor.person_id is None else "person",
            actor_id=actor.person_id,
            action=action,
            object_kind=kind,
            object_id=object_id,
            outcome="failure",
        )
