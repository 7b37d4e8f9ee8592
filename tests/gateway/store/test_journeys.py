"""A study is told leg by leg, with what Works ordered of it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from smartlink.gateway.delivery import State
from smartlink.gateway.store import deliveries, instances, journeys, orders
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.orders import Item
from smartlink.link.deliveries import ItemState
from tests.gateway.conftest import START
from tests.gateway.store.examples import a_pacs, an_entry, an_instance

MINUTE = timedelta(minutes=1)


def an_order(pacs: object, uid: str) -> Item:
    return Item(
        id=uuid4(),
        order_id=uuid4(),
        destination=str(pacs),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1",
        sop_instance_uid=uid,
        study_instance_uid="1.2.4",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=10,
        object_sha256="0" * 64,
        dataset_sha256="1" * 64,
        resend=False,
    )


def test_each_instance_is_told_with_each_destination(database: Database) -> None:
    pacs = a_pacs(database)
    first = an_instance(database, 1)
    an_instance(database, 2, state=State.HELD)
    database.write(lambda tx: deliveries.add(tx, first, str(pacs.id), None, State.WAITING, START))
    (claim,) = database.write(lambda tx: deliveries.claim(tx, deliveries.WORKS, START, START + MINUTE, 9))
    database.write(lambda tx: deliveries.accepted(tx, claim, START + MINUTE, put_at=START))
    legs = database.read(lambda tx: journeys.legs(tx, "1.2.4"))
    assert [(leg.sop_instance_uid, leg.destination, leg.state) for leg in legs] == [
        ("1.2.3.1", "works", State.SENT),
        ("1.2.3.1", str(pacs.id), State.WAITING),
        ("1.2.3.2", "works", State.HELD),
    ]
    assert (legs[0].put_at, legs[0].sent_at, legs[0].entered_at) == (START, START + MINUTE, None)
    assert database.read(lambda tx: journeys.legs(tx, "1.2.5")) == []


def test_what_was_ordered_is_told_from_the_order_to_the_answer(database: Database) -> None:
    pacs = a_pacs(database)
    waiting, gone, done = (an_order(pacs.id, f"1.2.3.{number}") for number in (1, 2, 3))
    for item in (waiting, gone, done):
        database.write(lambda tx, item=item: orders.order(tx, item, START))  # type: ignore[misc]
    database.write(lambda tx: orders.end(tx, gone.id, ItemState.EXHAUSTED, START, "The PACS connection was deleted."))
    fetched = an_entry(3, at=START + MINUTE, from_works=True)
    instance_id = database.write(lambda tx: instances.add(tx, fetched))
    assert instance_id is not None
    destination = str(pacs.id)
    delivery = database.write(lambda tx: deliveries.add(tx, instance_id, destination, None, State.WAITING, START))
    assert delivery is not None
    database.write(lambda tx: orders.link(tx, done.id, delivery, START))
    (claim,) = database.write(lambda tx: deliveries.claim(tx, destination, START, START + MINUTE, 9))
    database.write(lambda tx: deliveries.accepted(tx, claim, START + 2 * MINUTE, status="0000"))
    told = {one.sop_instance_uid: one for one in database.read(lambda tx: journeys.ordered(tx, "1.2.4"))}
    assert [told[f"1.2.3.{number}"].state for number in (1, 2, 3)] == ["wanted", "exhausted", "sent"]
    assert told["1.2.3.2"].cause == "The PACS connection was deleted."
    last = told["1.2.3.3"]
    assert (last.downloaded_at, last.sent_at, last.status) == (START + MINUTE, START + 2 * MINUTE, "0000")
