"""Synthetic exams: never sent, not shown among the exams of people, and removed as soon as they have served.

They are known by their Study Instance UID (`link.test_exam`), which the database turns into `exam.is_test`.
"""

import uuid
from datetime import datetime, timedelta
from typing import Final

import structlog

from smartlink.link.insight import SyntheticGone
from smartlink.link.problems import ProblemType
from smartlink.link.test_exam import is_test_exam
from smartlink.ui.translations import marked
from smartlink.works import audit
from smartlink.works.access import Access, Site
from smartlink.works.errors import Conflict, LinkRefused
from smartlink.works.exams.removal import remove_rows
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import deletions, lookups, submissions
from smartlink.works.store.deletions import Deletion
from smartlink.works.store.submissions import ExamToSend

log = structlog.get_logger(__name__)

LONGEST: Final = timedelta(days=1)
"""What nobody ended is removed after so long."""
_NEVER: Final = marked("This is a test exam of SmartLink: it never goes to a PACS.")
_REASON: Final = "A test exam has served."


def refuse(exam: ExamToSend) -> None:
    """Raise Conflict for a synthetic exam: it is never sent."""
    if is_test_exam(exam.study_instance_uid):
        raise Conflict(_NEVER)


def end(access: Access, caller: Caller, study_instance_uid: str, now: datetime) -> SyntheticGone:
    """Remove the synthetic exam of the caller's facility; harmless without one. Raises LinkRefused for other exams."""
    if not is_test_exam(study_instance_uid):
        raise LinkRefused(ProblemType.REQUEST_INVALID, "Only a test exam can be ended.")
    with access.organisation(caller.organisation_id) as site:
        deletions.show_hidden(site)
        exam_id = submissions.exam_of_study(site, study_instance_uid)
        exam = None if exam_id is None else submissions.lock_exam(site, exam_id)
        if exam is None or exam.facility_id != caller.facility_id:
            return SyntheticGone(instances=0)
        count = _remove(site, exam, now)
    log.info("test_exam_removed", exam_id=str(exam_id), instances=count)
    return SyntheticGone(instances=count)


def tick(access: Access, now: datetime) -> int:
    """Remove what nobody ended; how many exams."""
    with access.outside() as transaction:
        old = lookups.test_exams(transaction, now - LONGEST)
    for ids in old:
        with access.organisation(ids.organisation_id) as site:
            deletions.show_hidden(site)
            exam = submissions.lock_exam(site, ids.exam_id)
            if exam is not None:
                _remove(site, exam, now)
    return len(old)


def _remove(site: Site, exam: ExamToSend, now: datetime) -> int:
    """Every row is gone, its objects follow. No tombstone: nothing of it can come again, as every run has new UIDs."""
    images = deletions.images(site, exam.id)
    gone = Deletion(uuid.uuid4(), exam.facility_id, exam.id, None, images, _REASON, "system", None, now, now)
    remove_rows(site, gone)
    audit.record(
        site,
        now=now,
        actor_kind="system",
        actor_id=None,
        action="test_exam_removed",
        object_kind="exam",
        object_id=exam.id,
        detail={"images": images},
    )
    return images
