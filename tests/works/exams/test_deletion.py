"""What is deleted is hidden at once and comes back only when a person says so; who may, and what a hold keeps."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest

from smartlink.works.errors import Conflict, Invalid, NotAllowed, NotFound
from smartlink.works.exams import deletion
from smartlink.works.exams.deletion import Listed
from smartlink.works.exams.rights import Actor
from smartlink.works.store import deletions, exam_pages, submissions, uploads
from tests.works.exams.part10 import dataset
from tests.works.exams.stage import Stage

STUDY = "1.2.3"


def delete(stage: Stage, exam_id: uuid.UUID, by: uuid.UUID | None = None) -> uuid.UUID:
    """Alice deletes the exam, or somebody else tries."""
    return deletion.delete_exam(
        stage.world.access, stage.actor(by or stage.alice), exam_id, "Wrong  patient", stage.world.now
    )


def delete_image(stage: Stage, exam_id: uuid.UUID, number: int) -> uuid.UUID:
    """Alice deletes one image."""
    image = images(stage)[number - 1]["id"]
    return deletion.delete_instance(
        stage.world.access, stage.actor(stage.alice), exam_id, image, "Blurred", stage.world.now
    )


def images(stage: Stage) -> list[dict[str, Any]]:
    """The images that anybody sees."""
    return stage.world.rows(stage.place, "SELECT * FROM instance ORDER BY number")


def listed(stage: Stage, by: uuid.UUID | None = None) -> tuple[Listed, ...]:
    """What Alice sees of deletions."""
    return deletion.listing(stage.world.access, stage.organisation_id, by or stage.alice)


def acts(stage: Stage, *actions: str) -> list[tuple[str, str, str]]:
    """What the audit trail says of these acts."""
    query = "SELECT action, actor_kind, outcome FROM audit_event WHERE action = ANY(:actions) ORDER BY id"
    rows = stage.world.rows(stage.place, query, actions=list(actions))
    return [(row["action"], row["actor_kind"], row["outcome"]) for row in rows]


def send_again(stage: Stage, number: int = 1, *, study: str = STUDY) -> dict[str, Any]:
    """The scanner sends an image of the exam again; what the gateway hears."""
    extra = {0x00081050: ("PN", b"House^Gregory"), 0x00200013: ("IS", str(number).encode())}
    sop = f"{study}.4.{number}"
    answer = stage.gateway.deliver(dataset(sop, study=study, extra=extra), sop, study_instance_uid=study)
    stage.world.ingest()
    return answer


def test_a_deleted_exam_is_seen_by_nobody_and_no_longer_sent(stage: Stage) -> None:
    exam_id = stage.exam(2)
    (delivery,) = stage.submit(exam_id)
    ordered = stage.take()
    delete(stage, exam_id)
    assert stage.world.exams(stage.place) == []
    assert images(stage) == []
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert exam_pages.exam(site, stage.bob, exam_id) is None
        assert exam_pages.completed(site, stage.bob) == []
        assert submissions.exam(site, exam_id) is None
    assert stage.state(delivery)[0] == "cancelled"
    assert [one["outcome"] for one in stage.tickets(ordered)] == ["not_wanted", "not_wanted"]
    with pytest.raises(NotFound):
        delete(stage, exam_id)
    (one,) = listed(stage)
    assert (one.reason, one.images, one.deleted_by, one.by_kind) == ("Wrong patient", 2, "Alice Ames", "person")
    assert one.remove_at == stage.world.now + timedelta(days=30)
    assert acts(stage, "exam_deleted") == [("exam_deleted", "person", "success")]


def test_who_does_not_run_the_facility_is_refused_politely_and_that_is_told(stage: Stage) -> None:
    exam_id = stage.exam(1)
    with pytest.raises(NotAllowed, match="runs the exam's facility"):
        delete(stage, exam_id, by=stage.bob)
    with pytest.raises(NotFound):
        delete(stage, exam_id, by=stage.eve)
    with pytest.raises(NotFound):
        delete(stage, uuid.uuid4())
    elsewhere = stage.world.organisation("Elsewhere")
    with pytest.raises(NotFound):
        deletion.delete_exam(stage.world.access, Actor(elsewhere.organisation_id), exam_id, "Not mine", stage.world.now)
    assert len(stage.world.exams(stage.place)) == 1
    assert acts(stage, "exam_deleted") == [("exam_deleted", "person", "failure")]
    assert listed(stage, stage.bob) == ()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\x00b"])
def test_a_reason_is_needed(stage: Stage, reason: str) -> None:
    exam_id = stage.exam(1)
    with pytest.raises(Invalid):
        deletion.delete_exam(stage.world.access, stage.actor(stage.alice), exam_id, reason, stage.world.now)


def test_one_image_is_deleted_and_the_others_go_on(stage: Stage) -> None:
    exam_id = stage.exam(2)
    (delivery,) = stage.submit(exam_id)
    one, other = stage.take()
    version = stage.version(exam_id)
    delete_image(stage, exam_id, 1)
    assert [row["number"] for row in images(stage)] == [2]
    assert stage.version(exam_id) > version
    answers = [answer["outcome"] for answer in stage.tickets([one, other])]
    assert answers == ["not_wanted", "ticket"]
    stage.report("sent", other)
    assert stage.state(delivery) == ("delivered", None)
    with pytest.raises(NotFound):
        deletion.delete_instance(
            stage.world.access, stage.actor(stage.alice), exam_id, uuid.uuid4(), "Blurred", stage.world.now
        )


def test_what_is_sent_again_is_kept_and_shown_and_never_comes_back_by_itself(stage: Stage) -> None:
    exam_id = stage.exam(2)
    deletion_id = delete(stage, exam_id)
    stage.later(hours=1)
    for _ in range(2):  # the same bytes, which Works still has, and again
        assert send_again(stage)["outcome"] == "held"
    assert send_again(stage, 3)["outcome"] == "stored"  # another image of the deleted exam
    assert stage.world.exams(stage.place) == []
    (one,) = listed(stage)
    assert (one.id, one.resent, one.resent_at) == (deletion_id, 2, stage.world.now)


def test_a_repeat_of_what_came_before_the_deletion_is_no_news(stage: Stage) -> None:
    exam_id = stage.exam(1)
    body = dataset("1.2.3.4.1", study=STUDY, extra={0x00081050: ("PN", b"House^Gregory"), 0x00200013: ("IS", b"1")})
    before = stage.world.now.isoformat()
    stage.later(minutes=1)
    delete(stage, exam_id)
    answer = stage.gateway.deliver(body, "1.2.3.4.1", study_instance_uid=STUDY, received_at=before)
    assert answer["outcome"] == "held"
    assert listed(stage)[0].resent == 0


def test_a_deletion_is_taken_back_with_what_came_meanwhile(stage: Stage) -> None:
    exam_id = stage.exam(2)
    deletion_id = delete(stage, exam_id)
    stage.later(hours=1)
    send_again(stage)
    send_again(stage, 3)
    actor = stage.actor(stage.alice)
    with pytest.raises(NotFound):
        deletion.undo(stage.world.access, stage.actor(), deletion_id, stage.world.later, stage.world.now)
    assert deletion.undo(stage.world.access, actor, deletion_id, stage.world.later, stage.world.now) == 2
    stage.world.ingest()
    (exam,) = stage.world.exams(stage.place)
    assert (exam["id"], exam["owner_person_id"]) == (exam_id, stage.bob)
    assert [row["number"] for row in images(stage)] == [1, 2, 3]
    with pytest.raises(Conflict, match="already"):
        deletion.undo(stage.world.access, actor, deletion_id, stage.world.later, stage.world.now)
    # From now on the exam is as any other.
    assert send_again(stage, 4)["outcome"] == "stored"
    assert len(images(stage)) == 4
    assert delete(stage, exam_id) != deletion_id


def test_an_image_of_a_deleted_exam_comes_back_after_its_exam(stage: Stage) -> None:
    exam_id = stage.exam(2)
    of_image = delete_image(stage, exam_id, 1)
    of_exam = delete(stage, exam_id)
    access, actor, now = stage.world.access, stage.actor(stage.alice), stage.world.now
    with pytest.raises(Conflict, match="that back first"):
        deletion.undo(access, actor, of_image, stage.world.later, now)
    deletion.undo(access, actor, of_exam, stage.world.later, now)
    assert [row["number"] for row in images(stage)] == [2]
    deletion.undo(access, actor, of_image, stage.world.later, now)
    assert [row["number"] for row in images(stage)] == [1, 2]


def test_under_legal_hold_nothing_is_deleted(stage: Stage) -> None:
    exam_id = stage.exam(1)
    access, actor, now = stage.world.access, stage.actor(stage.alice), stage.world.now
    with pytest.raises(NotAllowed):
        deletion.place_hold(access, stage.actor(), exam_id, "Case 12", now)
    deletion.place_hold(access, actor, exam_id, "Case 12", now)
    with pytest.raises(Conflict, match="already"):
        deletion.place_hold(access, actor, exam_id, "Case 12", now)
    with pytest.raises(Conflict, match="legal hold"):
        delete(stage, exam_id)
    with pytest.raises(Conflict, match="legal hold"):
        delete_image(stage, exam_id, 1)
    assert len(images(stage)) == 1
    deletion.lift_hold(access, actor, exam_id, now)
    with pytest.raises(Conflict, match="not under"):
        deletion.lift_hold(access, actor, exam_id, now)
    delete(stage, exam_id)
    assert [act[0] for act in acts(stage, "legal_hold_placed", "legal_hold_lifted")] == [
        "legal_hold_placed",
        "legal_hold_lifted",
    ]


def test_what_came_again_is_discarded(stage: Stage) -> None:
    exam_id = stage.exam(1)
    deletion_id = delete(stage, exam_id)
    stage.later(hours=1)
    send_again(stage, 2)
    actor = stage.actor(stage.alice)
    assert deletion.discard_resent(stage.world.access, actor, deletion_id, stage.world.now) == 1
    assert listed(stage)[0].resent == 0
    assert acts(stage, "resent_discarded") == [("resent_discarded", "person", "success")]


@pytest.mark.parametrize("study", [STUDY, "1.2.9"])  # known by its tombstone, or by the hidden image
def test_what_comes_while_its_deletion_is_taken_back_is_taken_in(stage: Stage, study: str) -> None:
    deletion_id = delete(stage, stage.exam(1))
    stage.later(hours=1)
    other = dataset("1.2.3.4.1", study=study, pixels=b"other", extra={0x00081050: ("PN", b"House^Gregory")})
    assert stage.gateway.deliver(other, "1.2.3.4.1", study_instance_uid=study)["outcome"] == "stored"
    coming = threading.Thread(target=stage.world.ingest)
    with stage.world.access.organisation(stage.organisation_id) as site:
        found = deletions.lock(site, deletion_id)
        assert found is not None
        deletions.show_hidden(site)
        deletions.undo(site, found, stage.world.now)
        assert uploads.release(site, deletion_id) == []
        coming.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
        for _ in range(1000):
            if site.value(waiting):
                break
            threading.Event().wait(0.01)
        assert coming.is_alive()
    coming.join(30)
    states = stage.world.rows(stage.place, "SELECT state, conflict FROM upload ORDER BY offered_at")
    assert [(row["state"], row["conflict"]) for row in states] == [("ingested", False), ("ingested", True)]
    assert len(images(stage)) == 1
