"""What a clock does about deletion: exams whose retention period is over are deleted, and what was deleted is removed.

Rows go first, in one transaction with a list of their objects; the objects follow one after the other, each only when
nothing names it any more. Whatever interrupts this, it goes on a minute later.
"""

import uuid
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from smartlink.works import audit
from smartlink.works.access import Access, Site
from smartlink.works.blobs.store import frame_key, thumbnail_key
from smartlink.works.errors import Conflict, Invalid, NotAllowed
from smartlink.works.exams import deletion
from smartlink.works.exams.rights import Actor
from smartlink.works.store import deletions, lookups, removals, retention, standing, submissions
from smartlink.works.store.database import Clash
from smartlink.works.store.deletions import Deletion
from smartlink.works.store.retention import Periods

__all__ = ["Periods"]

log = structlog.get_logger(__name__)

RETENTION_OVER: Final = "The retention period is over."
SHORTEST_EXAM_DAYS: Final = 30
_AT_ONCE: Final = 50
_OBJECTS_AT_ONCE: Final = 500


class Storage(Protocol):
    """What removal needs of the object store."""

    def delete(self, key: str) -> None:
        """There is no such object any more. Harmless if there was none."""


def tick(access: Access, storage: Storage, now: datetime) -> int:
    """Do what is due, in bounded steps; how many organisations were looked at. Raises TryAgain in an outage."""
    with access.outside() as transaction:
        due = lookups.removals_due(transaction, now)
    for organisation_id in due:
        _delete_overdue(access, organisation_id, now)
        _remove_rows(access, organisation_id, now)
        _remove_objects(access, storage, organisation_id)
    return len(due)


def periods(access: Access, organisation_id: uuid.UUID) -> Periods:
    """How long this organisation keeps things."""
    with access.organisation(organisation_id) as site:
        return retention.periods(site)


def set_periods(access: Access, actor: Actor, wanted: Periods, now: datetime) -> None:
    """From now on so long; what was deleted before is removed when it was said then.

    Raises Invalid, and NotAllowed for anybody but an organisation's administrator.
    """
    if wanted.removal_days < 1:
        message = "Between deletion and removal there is at least one day."
        raise Invalid(message)
    if wanted.exam_days is not None and wanted.exam_days < SHORTEST_EXAM_DAYS:
        message = f"Exams are kept for at least {SHORTEST_EXAM_DAYS} days."
        raise Invalid(message)
    with access.organisation(actor.organisation_id) as site:
        if actor.person_id is not None and not standing.runs_organisation(site, actor.person_id):
            message = "Only an administrator of the organisation may do this."
            raise NotAllowed(message)
        known = retention.periods(site)
        retention.set_periods(site, wanted)
        audit.record(
            site,
            now=now,
            actor_kind="operator" if actor.person_id is None else "person",
            actor_id=actor.person_id,
            action="retention_set",
            object_kind="organisation",
            object_id=actor.organisation_id,
            detail={
                "old": {"removal_days": known.removal_days, "exam_days": known.exam_days},
                "new": {"removal_days": wanted.removal_days, "exam_days": wanted.exam_days},
            },
        )


def _delete_overdue(access: Access, organisation_id: uuid.UUID, now: datetime) -> None:
    with access.organisation(organisation_id) as site:
        days = retention.periods(site).exam_days
        overdue = [] if days is None else retention.overdue(site, now - timedelta(days=days), _AT_ONCE)
    for exam_id in overdue:
        try:
            with access.organisation(organisation_id) as site:
                exam = submissions.lock_exam(site, exam_id)
                if exam is not None:
                    deletion.hide_exam(site, None, exam, RETENTION_OVER, now)
        except Conflict:  # put under hold in this moment
            log.info("retention_held", exam_id=str(exam_id))


def _remove_rows(access: Access, organisation_id: uuid.UUID, now: datetime) -> None:
    with access.organisation(organisation_id) as site:
        due = deletions.due(site, now, _AT_ONCE)
    for deletion_id in due:
        try:
            with access.organisation(organisation_id) as site:
                deletions.show_hidden(site)
                _remove(site, deletion_id, now)
        except Clash as clash:  # something still needs a row of this one; the others do not wait for it
            log.error("not_removed", deletion_id=str(deletion_id), constraint=clash.constraint)


def _remove(site: Site, deletion_id: uuid.UUID, now: datetime) -> None:
    found = deletions.lock(site, deletion_id)
    if found is None or found.removed_at is not None or found.undone_at is not None:
        return
    if retention.held(site, found.exam_id):
        return
    versions = remove_rows(site, found)
    deletions.removed(site, found, now)
    audit.record(
        site,
        now=now,
        actor_kind="system",
        actor_id=None,
        action="exam_removed" if found.instance_id is None else "image_removed",
        object_kind="exam" if found.instance_id is None else "instance",
        object_id=found.instance_id or found.exam_id,
        detail={"deletion_id": str(found.id), "versions": versions},
    )
    log.info("removed", deletion_id=str(found.id), versions=versions)


def remove_rows(site: Site, deletion: Deletion) -> int:
    """Every row is gone, its objects and pictures are listed for removal; how many versions of images there were."""
    versions = removals.rows(site, deletion)
    for version in versions:
        removals.list_object(site, thumbnail_key(site.organisation_id, version.id))
        for frame in range(1, version.frames + 1):
            removals.list_object(site, frame_key(site.organisation_id, version.id, frame))
    return len(versions)


def _remove_objects(access: Access, storage: Storage, organisation_id: uuid.UUID) -> None:
    with access.organisation(organisation_id) as site:
        keys = removals.listed(site, _OBJECTS_AT_ONCE)
    for key in keys:
        with access.organisation(organisation_id) as site:
            deletions.show_hidden(site)
            if removals.lock_object(site, key):
                storage.delete(key)
            removals.unlist(site, key)
