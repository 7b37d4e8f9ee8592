"""What did not reach its PACS waits in the Outbox with its reason, and a person sends it."""

from __future__ import annotations

import uuid

import pytest

from smartlink.works.exams import outbox
from smartlink.works.exams.outbox import OutboxRow
from tests.works.exams.stage import Stage


def shown(stage: Stage, person_id: uuid.UUID | None) -> tuple[OutboxRow, ...]:
    """The Outbox as that person sees it."""
    return outbox.outbox(stage.world.access, stage.organisation_id, person_id)


def exhausted(stage: Stage) -> uuid.UUID:
    """An exam whose second image was not taken for four days."""
    (delivery,) = stage.submit(stage.exam())
    one, other = stage.take()
    stage.report("sent", one, status="0000")
    stage.report("waiting", other, cause="No route to the PACS.")
    stage.later(days=4)
    stage.report("exhausted", other, cause="No route to the PACS.", remedy="Switch it on.", attempts=1152)
    return delivery


@pytest.mark.proves("R144")
def test_what_is_exhausted_is_in_the_outbox_with_the_reason(stage: Stage) -> None:
    delivery = exhausted(stage)
    assert stage.state(delivery) == ("outbox", "exhausted")
    (row,) = shown(stage, stage.bob)
    assert (row.delivery_id, row.reason, row.cause, row.remedy) == (
        delivery,
        "exhausted",
        "No route to the PACS.",
        "Switch it on.",
    )
    assert (row.unsent, row.instances, row.connection_name, row.since) == (1, 2, "ARCHIVE", stage.world.now)
    assert stage.row("exam", row.exam_id)["state"] == "submitted"


@pytest.mark.proves("R145")
def test_send_makes_a_new_delivery_of_what_is_missing(stage: Stage) -> None:
    delivery = exhausted(stage)
    (sent,) = stage.send(delivery)
    assert sent.refused is None
    (fresh,) = sent.fresh
    assert stage.state(delivery) == ("replaced", None)
    assert stage.row("delivery", delivery)["replaced_by"] == fresh
    assert stage.row("delivery", fresh)["created_at"] == stage.world.now
    commands = stage.poll()
    assert [(one["kind"], one["delivery_id"]) for one in commands] == [
        ("cancel", str(delivery)),
        ("deliver", str(fresh)),
    ]
    stage.acknowledge(*commands)
    (item,) = commands[1]["instances"]
    stage.report("sent", item, status="0000")
    assert stage.state(fresh) == ("delivered", None)
    assert shown(stage, stage.bob) == ()
    (event,) = stage.world.rows(stage.place, "SELECT * FROM audit_event WHERE action = 'sent_from_outbox'")
    assert event["actor_id"] == str(stage.bob)


@pytest.mark.proves("R145")
def test_the_owner_and_the_facilitys_administrator_see_and_send_and_nobody_else(stage: Stage) -> None:
    delivery = exhausted(stage)
    assert [len(shown(stage, one)) for one in (stage.bob, stage.alice, stage.eve, None)] == [1, 1, 0, 1]
    elsewhere = stage.world.organisation("Elsewhere")
    assert outbox.outbox(stage.world.access, elsewhere.organisation_id, stage.bob) == ()
    (refused,) = stage.send(delivery, by=stage.eve)
    assert (refused.fresh, refused.refused) == ((), "There is no such exam.")
    assert stage.state(delivery) == ("outbox", "exhausted")
    (sent,) = stage.send(delivery, by=stage.alice)
    assert len(sent.fresh) == 1


def test_two_who_press_send_send_once(stage: Stage) -> None:
    delivery = exhausted(stage)
    first, again, unknown = (*stage.send(delivery), *stage.send(delivery), *stage.send(uuid.uuid4()))
    assert len(first.fresh) == 1
    assert (again.fresh, again.refused) == ((), "Somebody has sent or cancelled it already.")
    assert (unknown.fresh, unknown.refused) == ((), "There is no such delivery.")


@pytest.mark.proves("R35")
def test_a_replaced_gateways_deliveries_are_in_the_outbox(stage: Stage) -> None:
    exam_id = stage.exam()
    (fetched,) = stage.submit(exam_id)
    one, _ = stage.take()
    stage.report("sent", one)
    other = stage.exam(study="1.2.9")
    (queued,) = stage.submit(other)
    stage.world.key(stage.place)
    assert [stage.state(one) for one in (fetched, queued)] == [("outbox", "gateway_replaced")] * 2
    assert [row.cause for row in shown(stage, stage.bob)] == ["The SmartLink that was sending it was replaced."] * 2
    (refused,) = stage.send(fetched)
    (fresh,) = refused.fresh
    assert stage.state(fresh) == ("outbox", "no_gateway")
    stage.gateway = stage.world.gateway(stage.place, ae_title="US02")
    stage.send(fresh, queued)
    assert len(stage.take()) == 3


@pytest.mark.proves("R38", "R35")
def test_an_installation_that_took_the_key_over_leaves_the_former_ones_deliveries_in_the_outbox(stage: Stage) -> None:
    key = stage.world.key(stage.place)
    assert stage.gateway.activate(key).status_code == 200
    stage.gateway.put_connection(stage.pacs)
    (delivery,) = stage.submit(stage.exam())
    stage.world.wait(hours=25)
    successor = type(stage.gateway)(stage.world, stage.place)
    assert successor.activate(key).status_code == 200
    assert stage.state(delivery) == ("outbox", "gateway_replaced")


@pytest.mark.proves("R86")
def test_a_deleted_pacs_leaves_its_deliveries_in_the_outbox_and_takes_back_the_orders(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    assert stage.gateway.delete_connection(stage.pacs).status_code == 200
    assert stage.state(delivery) == ("outbox", "connection_deleted")
    assert stage.poll() == []
    (row,) = shown(stage, stage.bob)
    assert (row.connection_deleted, row.reason, row.unsent) == (True, "connection_deleted", 2)
    (stuck,) = stage.send(delivery)
    assert stuck.refused is not None
    assert "add one in SmartLink" in stuck.refused
    assert stage.state(delivery) == ("outbox", "connection_deleted")


@pytest.mark.proves("R86")
def test_what_was_meant_for_a_deleted_pacs_is_sent_to_the_one_that_serves_the_specialty_now(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    stage.take()
    assert stage.gateway.delete_connection(stage.pacs).status_code == 200
    (command,) = stage.poll()
    assert command["kind"] == "cancel"
    stage.acknowledge(command)
    successor = stage.add_pacs("NEWER")
    (sent,) = stage.send(delivery)
    (command,) = stage.poll()
    assert (command["connection_id"], command["delivery_id"]) == (str(successor), str(sent.fresh[0]))


def test_a_late_word_that_everything_arrived_ends_the_waiting(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    items = stage.take()
    assert stage.gateway.delete_connection(stage.pacs).status_code == 200
    stage.report("waiting", items[0])
    assert stage.state(delivery) == ("outbox", "connection_deleted")
    stage.report("sent", *items)
    assert stage.state(delivery) == ("delivered", None)


def test_a_resent_exam_stays_a_resent_one(stage: Stage) -> None:
    delivery = exhausted(stage)
    with stage.world.access.organisation(stage.organisation_id) as site:
        site.run("UPDATE delivery SET resend = true")
    (sent,) = stage.send(delivery)
    assert stage.row("delivery", sent.fresh[0])["resend"] is True
