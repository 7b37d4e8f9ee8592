"""A draft is submitted and goes to every PACS of its specialty; drafts never leave."""

from __future__ import annotations

import uuid

import pytest

from smartlink.works.errors import Conflict, NotAllowed, NotFound
from smartlink.works.exams import correction, submission
from smartlink.works.exams.correction import Values
from smartlink.works.exams.rights import Actor
from tests.works.exams.stage import Stage


def jobs(stage: Stage, task: str) -> int:
    """How many jobs of this kind wait."""
    with stage.world.access.outside() as transaction:
        found: int = transaction.value(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = :task AND status = 'todo'", task=task
        )
        return found


@pytest.mark.proves("R44", "R51")
def test_an_exam_goes_to_every_pacs_of_its_specialty(stage: Stage) -> None:
    second = stage.add_pacs("SECOND")
    stage.add_pacs("ELSEWHERE", stage.place.other_specialty_id)
    exam_id = stage.exam()
    shown = submission.destinations(stage.world.access, stage.organisation_id, exam_id)
    assert [(one.connection_id, one.active, one.unsent) for one in shown] == [
        (stage.pacs, False, 2),
        (second, False, 2),
    ]
    assert stage.poll() == []
    deliveries = stage.submit(exam_id)
    assert [stage.state(one) for one in deliveries] == [("queued", None)] * 2
    commands = stage.poll()
    assert {command["connection_id"] for command in commands} == {str(stage.pacs), str(second)}
    assert all(len(command["instances"]) == 2 for command in commands)
    exam = stage.row("exam", exam_id)
    assert (exam["state"], exam["folder"], exam["owner_person_id"]) == ("submitted", "completed", stage.bob)


def test_what_is_ordered_is_the_original_with_its_digests(stage: Stage) -> None:
    stage.submit(stage.exam(1))
    ((command,),) = [stage.poll()]
    (ordered,) = command["instances"]
    (kept,) = stage.world.rows(stage.place, "SELECT * FROM instance")
    assert ordered["object_sha256"] == kept["object_sha256"].hex()
    assert ordered["dataset_sha256"] == kept["dataset_sha256"].hex()
    assert (ordered["size"], ordered["study_instance_uid"]) == (kept["size"], "1.2.3")
    assert command["resend"] is False


@pytest.mark.proves("R51")
def test_without_a_pacs_for_its_specialty_an_exam_stays_in_works(stage: Stage) -> None:
    assert stage.gateway.delete_connection(stage.pacs).status_code == 200
    exam_id = stage.exam()
    assert submission.destinations(stage.world.access, stage.organisation_id, exam_id) == ()
    assert stage.submit(exam_id) == ()
    assert stage.row("exam", exam_id)["state"] == "completed"
    assert stage.poll() == []


def test_drafts_never_leave_and_unassigned_exams_cannot_be_submitted(stage: Stage) -> None:
    exam_id = stage.exam(performing="Nobody^Known")
    with pytest.raises(Conflict, match="claim or assign"):
        stage.submit(exam_id, by=stage.alice)
    with pytest.raises(NotAllowed, match="Claim"):
        stage.submit(exam_id, by=stage.eve)
    assert stage.poll() == []


def test_who_saw_another_exam_is_told_so(stage: Stage) -> None:
    exam_id = stage.exam()
    seen = stage.version(exam_id)
    stage.exam(1, first=9)
    with pytest.raises(Conflict, match="meanwhile"):
        submission.submit(stage.world.access, stage.actor(), exam_id, seen, stage.world.now)


def test_only_its_physician_and_the_facilitys_administrator_submit(stage: Stage) -> None:
    exam_id = stage.exam()
    with pytest.raises(NotFound):
        stage.submit(exam_id, by=stage.eve)
    elsewhere = stage.world.organisation("Elsewhere")
    with pytest.raises(NotFound):
        submission.submit(stage.world.access, Actor(elsewhere.organisation_id, stage.bob), exam_id, 1, stage.world.now)
    stage.submit(exam_id, by=stage.alice)
    (event,) = stage.world.rows(stage.place, "SELECT * FROM audit_event WHERE action = 'exam_submitted'")
    assert (event["actor_id"], event["object_id"]) == (str(stage.alice), str(exam_id))


def test_an_exam_without_an_image_or_twice_is_not_submitted(stage: Stage) -> None:
    exam_id = stage.exam()
    stage.submit(exam_id)
    with pytest.raises(Conflict, match="already"):
        stage.submit(exam_id)
    with pytest.raises(NotFound):
        submission.submit(stage.world.access, stage.actor(), uuid.uuid4(), 1, stage.world.now)


def test_images_that_came_later_are_offered_and_only_they_are_sent(stage: Stage) -> None:
    exam_id = stage.exam()
    (first,) = stage.submit(exam_id)
    assert len(stage.take()) == 2
    stage.exam(1, first=7)
    (view,) = submission.timeline(stage.world.access, stage.organisation_id, exam_id)
    assert (view.head.amended, view.head.instances) == (True, 2)
    (second,) = stage.submit(exam_id)
    assert second != first
    assert len(stage.take()) == 1


@pytest.mark.proves("R152")
def test_resending_sends_every_image_and_says_that_a_person_asked(stage: Stage) -> None:
    exam_id = stage.exam()
    (first,) = stage.submit(exam_id)
    with pytest.raises(Conflict, match="on its way"):
        submission.resend(stage.world.access, stage.actor(), first, stage.world.now)
    stage.report("sent", *stage.take(), status="0000")
    assert stage.state(first) == ("delivered", None)
    again = submission.resend(stage.world.access, stage.actor(), first, stage.world.now)
    (command,) = stage.poll()
    assert (command["delivery_id"], command["resend"], len(command["instances"])) == (str(again), True, 2)


def test_a_cancelled_delivery_is_taken_back_from_the_gateway(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    items = stage.take()
    submission.cancel(stage.world.access, stage.actor(), delivery, stage.world.now)
    (command,) = stage.poll()
    assert (command["kind"], command["delivery_id"]) == ("cancel", str(delivery))
    assert {one["outcome"] for one in stage.tickets(items)} == {"not_wanted"}
    with pytest.raises(Conflict, match="over"):
        submission.cancel(stage.world.access, stage.actor(), delivery, stage.world.now)


def test_a_delivery_that_nobody_fetched_is_cancelled_without_a_word(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    submission.cancel(stage.world.access, stage.actor(), delivery, stage.world.now)
    assert stage.poll() == []


def test_a_corrected_exam_is_prepared_first_and_ordered_when_its_objects_are_there(stage: Stage) -> None:
    exam_id = stage.exam()
    version = stage.version(exam_id)
    correction.set_identity(
        stage.world.access, stage.actor(), exam_id, version, Values(accession_number="A-77"), stage.world.now
    )
    (delivery,) = stage.submit(exam_id)
    assert stage.state(delivery) == ("preparing", None)
    assert jobs(stage, "derive") == 1
    assert stage.poll() == []
    with stage.world.access.organisation(stage.organisation_id) as site:
        submission.ready(site, delivery, stage.world.now)
    assert stage.state(delivery) == ("queued", None)
    assert len(stage.take()) == 2


def test_when_nothing_can_be_derived_the_exam_goes_to_the_outbox(stage: Stage) -> None:
    exam_id = stage.exam()
    version = stage.version(exam_id)
    correction.set_identity(stage.world.access, stage.actor(), exam_id, version, Values(sex="M"), stage.world.now)
    (delivery,) = stage.submit(exam_id)
    with stage.world.access.organisation(stage.organisation_id) as site:
        for item in stage.world.rows(stage.place, "SELECT id FROM delivery_instance"):
            submission.cannot_derive(site, item["id"], cause="Unreadable.", remedy="Look at it.")
        submission.ready(site, delivery, stage.world.now)
    assert stage.state(delivery) == ("outbox", "refused")


def test_the_timeline_tells_each_image_of_each_pacs(stage: Stage) -> None:
    exam_id = stage.exam()
    (delivery,) = stage.submit(exam_id)
    one, other = stage.take()
    stage.report("sent", one, status="0000")
    stage.report("waiting", other, status="A700", cause="The PACS has no room.", attempts=3)
    (view,) = submission.timeline(stage.world.access, stage.organisation_id, exam_id)
    assert (view.head.id, view.head.state, view.head.sent, view.head.instances) == (delivery, "with_gateway", 1, 2)
    assert view.head.submitted_by == "Dr. Gregory House"
    assert [(item.number, item.state, item.status, item.attempts) for item in view.items] == [
        (1, "sent", "0000", 1),
        (2, "waiting", "A700", 3),
    ]
    assert view.items[1].cause == "The PACS has no room."
