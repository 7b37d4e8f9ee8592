"""What a gateway tells of an instance is shown as it is, in whatever order it arrives and however often."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from tests.works.exams.stage import Stage


def item(stage: Stage, told: dict[str, str]) -> tuple[str, str | None]:
    """State and cause of an instance."""
    row = stage.row("delivery_instance", uuid.UUID(told["item_id"]))
    return row["state"], row["cause"]


def test_repeats_change_nothing_and_older_words_are_not_believed(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam(1))
    (one,) = stage.take()
    earlier = stage.world.now - timedelta(minutes=1)
    for _ in range(2):
        stage.report("parked", one, status="C001", cause="Cannot understand.", remedy="Ask.")
    stage.report("waiting", one, at=earlier.isoformat())
    assert item(stage, one) == ("parked", "Cannot understand.")
    assert stage.state(delivery) == ("outbox", "refused")


def test_what_has_arrived_cannot_be_undone(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam(1))
    (one,) = stage.take()
    stage.report("sent", one, status="0000")
    stage.later(minutes=1)
    stage.report("waiting", one)
    assert item(stage, one) == ("sent", None)
    assert stage.state(delivery) == ("delivered", None)


@pytest.mark.parametrize(
    ("state", "then"),
    [("sent", ("delivered", None)), ("exhausted", ("outbox", "exhausted")), ("parked", ("outbox", "refused"))],
)
def test_the_end_is_believed_of_a_gateway_whose_clock_was_set_back(
    stage: Stage, state: str, then: tuple[str, str | None]
) -> None:
    (delivery,) = stage.submit(stage.exam(1))
    (one,) = stage.take()
    stage.report("waiting", one, cause="No answer.")
    an_hour_before = stage.world.now - timedelta(hours=1)
    stage.report(state, one, at=an_hour_before.isoformat())
    assert item(stage, one)[0] == state
    assert stage.state(delivery) == then


def test_a_report_may_overtake_the_acknowledgement(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    (command,) = stage.poll()
    stage.report("sent", *command["instances"], status="0000")
    assert stage.state(delivery) == ("delivered", None)
    stage.acknowledge(command)
    assert stage.state(delivery) == ("delivered", None)


def test_some_refused_is_partial_and_a_retry_at_the_gateway_goes_on(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    one, other = stage.take()
    stage.report("sent", one)
    stage.report("parked", other, status="C001", cause="Cannot understand.")
    assert stage.state(delivery) == ("partial", None)
    stage.later(minutes=1)
    stage.report("waiting", other)
    assert stage.state(delivery) == ("with_gateway", None)
    stage.later(minutes=1)
    stage.report("sent", other)
    assert stage.state(delivery) == ("delivered", None)


def test_a_refused_syntax_is_derived_and_ordered_again(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    one, other = stage.take()
    stage.report("sent", one)
    stage.report("syntax_refused", other, accepted_transfer_syntaxes=["1.2.840.10008.1.2"])
    assert stage.state(delivery) == ("with_gateway", None)
    with stage.world.access.outside() as transaction:
        assert transaction.value("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'derive'") == 1
    row = stage.row("delivery_instance", uuid.UUID(other["item_id"]))
    assert row["accepted_transfer_syntaxes"] == ["1.2.840.10008.1.2"]


def test_cancelled_at_the_gateway_is_cancelled(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    stage.report("cancelled", *stage.take())
    assert stage.state(delivery) == ("cancelled", None)


def test_unknown_instances_and_those_of_another_gateway_are_taken_in_silence(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam(1))
    (one,) = stage.take()
    stage.report("sent", str(uuid.uuid4()))
    stage.gateway = stage.world.gateway(stage.world.second_facility(stage.place), ae_title="US09")
    stage.report("sent", one)
    assert item(stage, one) == ("queued", None)
    assert stage.state(delivery) == ("with_gateway", None)


@pytest.mark.parametrize("state", ["sent", "parked", "exhausted"])
def test_the_last_of_several_words_about_one_instance_counts(stage: Stage, state: str) -> None:
    stage.submit(stage.exam(1))
    (one,) = stage.take()
    stage.report("waiting", one, one)
    stage.report(state, one)
    assert item(stage, one)[0] == state


def test_the_audit_trail_tells_the_way_of_an_exam_from_the_gateway_to_the_pacs(stage: Stage) -> None:
    exam_id = stage.exam(2)
    stage.submit(exam_id)
    one, other = stage.take()
    stage.report("sent", one)
    stage.report("sent", other)
    received = "SELECT detail FROM audit_event WHERE action = 'images_received' ORDER BY id"
    assert [row["detail"]["images"] for row in stage.world.rows(stage.place, received)] == [1, 1]
    query = "SELECT action, actor_kind, outcome, detail FROM audit_event WHERE object_id = :id ORDER BY id"
    placed, submitted, reported = stage.world.rows(stage.place, query, id=str(exam_id))
    assert (placed["action"], placed["actor_kind"], placed["detail"]["folder"]) == ("exam_placed", "system", "drafts")
    assert submitted["action"] == "exam_submitted"
    assert (reported["action"], reported["actor_kind"], reported["outcome"]) == (
        "delivery_reported",
        "gateway",
        "success",
    )
    assert (reported["detail"]["state"], reported["detail"]["sent"]) == ("delivered", 2)
