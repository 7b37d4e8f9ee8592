"""Two images under one SOP Instance UID: both are kept, and a person decides which one counts (R152).

What counts is what the exam shows and what is sent from then on. What was ordered before stays as it was ordered, and
every version stays in Works: a decision can be changed.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

import structlog

from smartlink.works.access import Access, Site
from smartlink.works.errors import Conflict, NotFound
from smartlink.works.exams import rights
from smartlink.works.exams.rights import Actor
from smartlink.works.store import arrivals, versions
from smartlink.works.store.listen import tell
from smartlink.works.store.versions import Version

log = structlog.get_logger(__name__)


def decide(
    access: Access,
    actor: Actor,
    exam_id: uuid.UUID,
    instance_id: uuid.UUID,
    chosen: uuid.UUID,
    seen: Sequence[uuid.UUID],
    now: datetime,
) -> bool:
    """This version counts, the others stand aside; False when that was decided before.

    `seen` are the versions that the person saw. Raises NotFound, NotAllowed, and Conflict when there are others by
    now, or the chosen one is of another study.
    """
    with access.organisation(actor.organisation_id) as site:
        rights.own_exam(site, actor, exam_id)
        known = _locked(site, exam_id, instance_id)
        former, wanted = _counting(known), _named(known, chosen)
        if wanted.counts and not any(one.open for one in known):
            return False
        if {one.id for one in known} != set(seen):
            message = "Another image arrived under this identifier meanwhile: look at all of them again."
            raise Conflict(message)
        if wanted.series_id is None:
            message = "This image says that it is of another study, so it cannot take the other one's place."
            raise Conflict(message)
        if not wanted.counts:
            versions.use(site, instance_id, former.id, wanted.id)
        versions.settle(site, exam_id, instance_id, wanted.id, by=actor.person_id, now=now)
        tell(site, exam_id)
        detail = {
            "instance_id": str(instance_id),
            "old": _mark(former),
            "new": _mark(wanted),
            "aside": [_mark(one) for one in known if one.id != wanted.id],
        }
        rights.record(site, actor, "image_version_decided", exam_id, now, detail)
    log.info("image_version_decided", exam_id=str(exam_id), versions=len(known), changed=not wanted.counts)
    return True


def _locked(site: Site, exam_id: uuid.UUID, instance_id: uuid.UUID) -> list[Version]:
    """The versions as they are, and nobody brings another before this transaction ends. Raises NotFound."""
    sop_instance_uid = versions.lock(site, exam_id, instance_id)
    if sop_instance_uid is None:
        message = "There is no such image."
        raise NotFound(message)
    arrivals.one_at_a_time(site, sop_instance_uid)
    return versions.of_instance(site, instance_id)


def _counting(known: Sequence[Version]) -> Version:
    return next(one for one in known if one.counts)


def _named(known: Sequence[Version], version_id: uuid.UUID) -> Version:
    for one in known:
        if one.id == version_id:
            return one
    message = "There is no such version of this image."
    raise NotFound(message)


def _mark(version: Version) -> str:
    """What names a version in the audit trail for good: its bytes."""
    return version.dataset_sha256.hex()
