"""Deliveries move as their gateway and its absence say, and everybody who looks is told."""

from __future__ import annotations

import uuid

import pytest

from smartlink.works.exams import orders
from smartlink.works.exams.delivery import Event, IllegalMove
from smartlink.works.store import deliveries
from tests.works.exams.stage import Stage


def test_a_delivery_is_with_the_gateway_once_it_has_written_it_down(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    assert stage.state(delivery) == ("queued", None)
    commands = stage.poll()
    assert stage.state(delivery) == ("queued", None)
    assert stage.acknowledge(*commands) == [commands[0]["command_id"]]
    assert stage.state(delivery) == ("with_gateway", None)
    assert stage.row("delivery", delivery)["gateway_id"] == stage.gateway.id


def test_another_gateway_acknowledges_nothing_of_ours(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    commands = stage.poll()
    ours, stage.gateway = stage.gateway, stage.world.gateway(stage.world.second_facility(stage.place), ae_title="US09")
    assert stage.acknowledge(*commands) == []
    assert stage.poll() == []
    stage.gateway = ours
    assert stage.state(delivery) == ("queued", None)


@pytest.mark.proves("R50")
def test_an_inactive_pacs_gets_its_exams_all_the_same(stage: Stage) -> None:
    assert stage.row("connection", stage.pacs)["status"] == "inactive"
    (delivery,) = stage.submit(stage.exam())
    stage.report("sent", *stage.take(), status="0000")
    assert stage.state(delivery) == ("delivered", None)


def test_without_a_gateway_the_exam_waits_in_the_outbox(stage: Stage) -> None:
    exam_id = stage.exam()
    stage.world.key(stage.place)
    (delivery,) = stage.submit(exam_id)
    assert stage.state(delivery) == ("outbox", "no_gateway")


def test_the_gateway_that_replaced_another_is_the_one_that_is_asked(stage: Stage) -> None:
    exam_id = stage.exam()
    stage.gateway = stage.world.gateway(stage.place, ae_title="US02")
    stage.submit(exam_id)
    assert len(stage.take()) == 2


def test_a_large_exam_is_ordered_in_several_commands_of_one_delivery(stage: Stage) -> None:
    exam_id = stage.exam(1)
    with stage.world.access.organisation(stage.organisation_id) as site:
        site.run(
            "INSERT INTO instance SELECT gen_random_uuid(), organisation_id, exam_id, series_id,"
            " sop_instance_uid || '.' || n, sop_class_uid, transfer_syntax_uid, frames, rows, columns, frame_time_ms,"
            " n, size, dataset_sha256, object_sha256, object_key, upload_id, connection_id, received_at, ingested_at,"
            " preview_state FROM instance CROSS JOIN generate_series(2, 1201) n"
        )
    (delivery,) = stage.submit(exam_id)
    commands = stage.poll()
    assert [len(one["instances"]) for one in commands] == [500, 500, 201]
    assert {one["delivery_id"] for one in commands} == {str(delivery)}
    stage.acknowledge(*commands)
    assert stage.poll() == []


def test_ordering_twice_orders_once_and_nothing_follows_the_end(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    with stage.world.access.organisation(stage.organisation_id) as site:
        orders.ready(site, delivery, stage.world.now)
        orders.ready(site, uuid.uuid4(), stage.world.now)
    items = stage.take()
    assert len(items) == 2
    stage.report("sent", *items)
    with stage.world.access.organisation(stage.organisation_id) as site:
        orders.ready(site, delivery, stage.world.now)
        (row,) = deliveries.lock(site, [delivery])
        with pytest.raises(IllegalMove):
            orders.move(site, row, Event.STUCK, stage.world.now)
    assert stage.take() == []


def test_an_exam_is_completed_when_every_pacs_has_it(stage: Stage) -> None:
    stage.add_pacs("SECOND")
    exam_id = stage.exam()
    stage.submit(exam_id)
    one, other = stage.poll()
    stage.acknowledge(one, other)
    stage.report("sent", *one["instances"])
    assert stage.row("exam", exam_id)["state"] == "submitted"
    stage.report("sent", *other["instances"])
    assert stage.row("exam", exam_id)["state"] == "completed"
