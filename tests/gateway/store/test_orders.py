"""Orders are written down once, follow their deliveries, and tell Works each change once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from smartlink.gateway.delivery import State
from smartlink.gateway.store import deliveries, instances, orders
from smartlink.gateway.store.database import Database, Transaction
from smartlink.gateway.store.deliveries import Claim
from smartlink.gateway.store.orders import Item
from smartlink.link.deliveries import ItemReport, ItemState
from tests.gateway.conftest import START
from tests.gateway.store.examples import an_entry, an_instance

MINUTE = timedelta(minutes=1)
ARCHIVE = "archive"
ORDER = UUID(int=1)


def an_item(number: int = 1, **changes: object) -> Item:
    item = Item(
        id=UUID(int=100 + number),
        order_id=ORDER,
        destination=ARCHIVE,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1",
        sop_instance_uid=f"1.2.3.{number}",
        study_instance_uid="1.2.4",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=1300,
        object_sha256=f"{number:064x}",
        dataset_sha256=f"{number + 500:064x}",
        resend=False,
    )
    return replace(item, **changes)  # type: ignore[arg-type]


def ordered(database: Database, item: Item, at: timedelta = timedelta()) -> None:
    database.write(lambda tx: orders.order(tx, item, START + at))


def fetched(database: Database, item: Item, number: int = 1) -> int:
    """Enter the file of an item, and its delivery; return the delivery's id."""

    def write(tx: Transaction) -> int:
        new = an_entry(number, uid=item.sop_instance_uid, name=f"bb/{number:030x}", from_works=True)
        instance_id = instances.add(tx, new)
        assert instance_id is not None
        instances.store_digests(tx, instance_id, dataset_sha256=item.dataset_sha256, object_sha256=item.object_sha256)
        delivery_id = deliveries.add(tx, instance_id, item.destination, None, State.WAITING, START)
        assert delivery_id is not None
        orders.link(tx, item.id, delivery_id, START)
        return delivery_id

    return database.write(write)


def claim(database: Database, after: timedelta = timedelta()) -> Claim:
    now = START + after
    (found,) = database.write(lambda tx: deliveries.claim(tx, ARCHIVE, now, now + MINUTE, 1))
    return found


def news(database: Database) -> list[ItemReport]:
    return [one.report for one in database.read(lambda tx: orders.untold(tx, 10))]


def tell(database: Database) -> list[ItemReport]:
    found = database.read(lambda tx: orders.untold(tx, 10))
    database.write(lambda tx: orders.told(tx, found))
    return [one.report for one in found]


def state_of(database: Database, delivery_id: int) -> str:
    def ask(tx: Transaction) -> str:
        return str(tx.execute("SELECT state FROM delivery WHERE id = ?", (delivery_id,)).fetchone()[0])

    return database.read(ask)


def wanted(database: Database, after: timedelta = timedelta()) -> list[UUID]:
    return [one.id for one in database.read(lambda tx: orders.wanted(tx, START + after, 10))]


def test_a_command_is_new_once(database: Database) -> None:
    command = uuid4()
    assert database.write(lambda tx: orders.remember(tx, command, "deliver", START))
    assert not database.write(lambda tx: orders.remember(tx, command, "deliver", START))


def test_an_ordered_item_is_wanted_until_its_file_is_here_and_is_no_news(database: Database) -> None:
    assert not database.read(lambda tx: orders.is_any_wanted(tx, START))
    ordered(database, an_item())
    assert database.read(lambda tx: orders.is_any_wanted(tx, START))
    assert database.read(orders.missing) == orders.Missing(1, START)
    assert database.read(lambda tx: orders.wanted(tx, START, 10)) == [an_item()]
    fetched(database, an_item())
    assert wanted(database) == []
    assert news(database) == []


@pytest.mark.proves("R144")
def test_each_end_is_told_once_and_changes_after_the_telling_are_news(database: Database) -> None:
    ordered(database, an_item())
    fetched(database, an_item())
    first = claim(database)
    database.write(lambda tx: deliveries.failed(tx, first, START, START, "No route."))
    found = database.read(lambda tx: orders.untold(tx, 10))
    again = claim(database)
    database.write(lambda tx: deliveries.accepted(tx, again, START + MINUTE, status="0000"))
    database.write(lambda tx: orders.told(tx, found))
    (report,) = tell(database)
    assert (report.state, report.status, report.attempts, report.at) == (ItemState.SENT, "0000", 2, START + MINUTE)
    assert news(database) == []


@pytest.mark.proves("R143")
def test_a_second_failure_with_the_same_cause_is_no_news(database: Database) -> None:
    ordered(database, an_item())
    fetched(database, an_item())
    for told in (1, 0, 0):
        one = claim(database)
        database.write(lambda tx: deliveries.failed(tx, one, START, START, "No route."))  # noqa: B023  run at once
        assert len(tell(database)) == told
    other = claim(database)
    database.write(lambda tx: deliveries.failed(tx, other, START, START, "Rejected."))
    (report,) = tell(database)
    assert (report.state, report.cause) == (ItemState.WAITING, "Rejected.")


def test_a_refused_syntax_is_told_with_what_is_taken(database: Database) -> None:
    ordered(database, an_item())
    fetched(database, an_item())
    one = claim(database)
    database.write(lambda tx: deliveries.dropped(tx, one, START, "Not taken.", ["1.2.840.10008.1.2.1"]))
    (report,) = tell(database)
    assert report.state is ItemState.SYNTAX_REFUSED
    assert report.accepted_transfer_syntaxes == ("1.2.840.10008.1.2.1",)


@pytest.mark.proves("R152")
def test_what_was_sent_before_is_settled_and_told_at_once(database: Database) -> None:
    ordered(database, an_item())
    fetched(database, an_item())
    one = claim(database)
    database.write(lambda tx: deliveries.accepted(tx, one, START))
    tell(database)
    twin = replace(an_item(), id=uuid4())
    ordered(database, twin)
    assert database.write(lambda tx: orders.settle(tx, twin, START))
    assert [report.state for report in tell(database)] == [ItemState.SENT]
    for other in (an_item(resend=True), an_item(dataset_sha256="f" * 64), an_item(destination="other")):
        assert not database.write(lambda tx: orders.settle(tx, other, START))  # noqa: B023  run at once


@pytest.mark.proves("R152")
def test_two_orders_of_the_same_bytes_share_what_is_on_its_way(database: Database) -> None:
    ordered(database, an_item())
    delivery = fetched(database, an_item())
    twin = replace(an_item(), id=uuid4(), order_id=uuid4(), resend=True)
    ordered(database, twin)
    assert database.write(lambda tx: orders.settle(tx, twin, START))
    database.write(lambda tx: orders.cancel(tx, ORDER, START))
    assert state_of(database, delivery) == "waiting"
    (report,) = tell(database)
    assert (report.item_id, report.state) == (an_item().id, ItemState.CANCELLED)
    database.write(lambda tx: orders.cancel(tx, twin.order_id, START))
    assert state_of(database, delivery) == "cancelled"
    assert [report.item_id for report in tell(database)] == [twin.id]


def test_a_cancelled_order_lets_what_is_being_sent_end_first(database: Database) -> None:
    for number in (1, 2, 3):
        ordered(database, an_item(number))
    first, second = fetched(database, an_item(1), 1), fetched(database, an_item(2), 2)
    sending = claim(database)
    assert sending.id == first
    database.write(lambda tx: orders.cancel(tx, ORDER, START))
    assert (state_of(database, first), state_of(database, second)) == ("sending", "cancelled")
    assert wanted(database) == []
    database.write(lambda tx: deliveries.failed(tx, sending, START, START, "No route."))
    database.write(lambda tx: orders.drop_unwanted(tx, START))
    assert state_of(database, first) == "cancelled"
    assert {report.state for report in tell(database)} == {ItemState.CANCELLED}


@pytest.mark.proves("R145")
def test_an_item_ordered_again_after_its_end_is_wanted_in_a_new_window(database: Database) -> None:
    ordered(database, an_item())
    fetched(database, an_item())
    before = START + timedelta(days=4)
    exhausted = database.write(
        lambda tx: deliveries.exhaust(tx, ARCHIVE, before, START, failing=True, cause="Not within 4 days.")
    )
    assert exhausted == 1
    assert [report.state for report in tell(database)] == [ItemState.EXHAUSTED]
    ordered(database, an_item(), timedelta(days=5))
    assert wanted(database, timedelta(days=5)) == [an_item().id]
    fetched(database, an_item(), 2)
    one = claim(database, timedelta(days=5))
    database.write(lambda tx: deliveries.accepted(tx, one, START))
    assert [report.state for report in tell(database)] == [ItemState.SENT]


@pytest.mark.parametrize("parked", [True, False])
def test_an_item_ordered_again_while_it_waits_is_tried_at_once_in_a_new_window(
    database: Database, *, parked: bool
) -> None:
    ordered(database, an_item())
    delivery = fetched(database, an_item())
    one = claim(database)
    if parked:
        database.write(lambda tx: deliveries.refused(tx, one, START, "C000.", "Look."))
    else:
        database.write(lambda tx: deliveries.failed(tx, one, START, START + 9 * MINUTE, "C000."))
    later = timedelta(days=3)
    ordered(database, an_item(), later)
    assert claim(database, later).id == delivery
    now = START + timedelta(days=5)
    database.write(lambda tx: deliveries.expire_leases(tx, now))
    count = database.write(
        lambda tx: deliveries.exhaust(tx, ARCHIVE, now, now - timedelta(days=4), failing=True, cause="")
    )
    assert count == 0


def test_other_bytes_under_the_same_item_replace_those_that_wait(database: Database) -> None:
    ordered(database, an_item())
    delivery = fetched(database, an_item())
    derived = an_item(object_sha256="d" * 64, dataset_sha256="e" * 64)
    ordered(database, derived)
    assert state_of(database, delivery) == "cancelled"
    assert database.read(lambda tx: orders.wanted(tx, START, 10)) == [derived]


@pytest.mark.proves("R144")
def test_only_what_was_ordered_is_exhausted(database: Database) -> None:
    instance_id = an_instance(database, 7)
    direct = database.write(lambda tx: deliveries.add(tx, instance_id, ARCHIVE, None, State.WAITING, START))
    ordered(database, an_item())
    fetched(database, an_item())
    now = START + timedelta(days=4)
    for failing, expected in ((False, 0), (True, 1), (True, 0)):
        count = database.write(
            lambda tx: deliveries.exhaust(tx, ARCHIVE, now, START, failing=failing, cause="Why.")  # noqa: B023
        )
        assert count == expected
    assert direct is not None
    assert state_of(database, direct) == "waiting"


@pytest.mark.proves("R86")
def test_a_destination_that_is_gone_takes_nothing_with_it(database: Database) -> None:
    instance_id = an_instance(database, 7)
    direct = database.write(lambda tx: deliveries.add(tx, instance_id, ARCHIVE, None, State.WAITING, START))
    ordered(database, an_item())
    delivery = fetched(database, an_item())
    assert database.write(lambda tx: deliveries.abandon(tx, ARCHIVE, START, "The connection was deleted.")) == 2
    assert direct is not None
    assert (state_of(database, direct), state_of(database, delivery)) == ("cancelled", "exhausted")
    (report,) = tell(database)
    assert (report.state, report.cause) == (ItemState.EXHAUSTED, "The connection was deleted.")


def test_an_item_may_end_without_a_delivery(database: Database) -> None:
    ordered(database, an_item())
    database.write(lambda tx: orders.put_off(tx, an_item().id, START, START + MINUTE, "Damaged.", fault=True))
    (waiting,) = tell(database)
    assert (waiting.state, waiting.attempts, waiting.cause) == (ItemState.WAITING, 1, "Damaged.")
    assert wanted(database) == []
    (item,) = database.read(lambda tx: orders.wanted(tx, START + MINUTE, 1))
    assert item.faults == 1
    database.write(lambda tx: orders.put_off(tx, an_item().id, START, START, "Damaged.", fault=True))
    assert tell(database) == []
    database.write(lambda tx: orders.end(tx, an_item().id, ItemState.PARKED, START, "Damaged.", "Look."))
    (report,) = tell(database)
    assert (report.state, report.attempts, report.remedy) == (ItemState.PARKED, 2, "Look.")
    assert wanted(database, MINUTE) == []


@pytest.mark.proves("R144")
def test_a_fetched_file_has_served_when_works_knows_the_end(database: Database) -> None:
    ordered(database, an_item())
    fetched(database, an_item())
    assert database.read(lambda tx: instances.served(tx, 10)) == []
    one = claim(database)
    database.write(lambda tx: deliveries.accepted(tx, one, START))
    assert database.read(lambda tx: instances.served(tx, 10)) == []
    tell(database)
    assert [name for _, name in database.read(lambda tx: instances.served(tx, 10))] == [f"bb/{1:030x}"]


def test_a_file_that_is_no_longer_good_is_wanted_again_and_parked_at_last(database: Database) -> None:
    ordered(database, an_item())
    for number in (1, 2, 3):
        delivery = fetched(database, an_item(), number)
        assert database.read(lambda tx: orders.is_ordered(tx, delivery))  # noqa: B023  run at once
        again = database.write(lambda tx: orders.fetch_again(tx, delivery, START, 3, "Damaged.", "Look."))  # noqa: B023
        assert again == (number < 3)
        assert wanted(database) == ([an_item().id] if again else [])
    (report,) = tell(database)
    assert (report.state, report.cause, report.attempts) == (ItemState.PARKED, "Damaged.", 3)


def test_another_facility_gets_nothing_of_what_this_one_ordered(database: Database) -> None:
    ordered(database, an_item(1))
    ordered(database, an_item(2))
    delivery = fetched(database, an_item(1))
    database.write(lambda tx: orders.abandon_all(tx, START))
    assert state_of(database, delivery) == "cancelled"
    assert wanted(database) == []


@pytest.mark.parametrize(
    "statement",
    [orders.WANTED, orders.ANY_WANTED, orders.UNTOLD, orders.ELSEWHERE, orders.DROPPABLE, orders.IS_ORDERED],
)
def test_no_question_reads_all_that_was_ever_ordered(database: Database, statement: str) -> None:
    names = {"now", "limit", "sop_instance_uid", "dataset_sha256", "destination", "resend", "delivery_id"}
    plan = database.read(lambda tx: tx.execute(f"EXPLAIN QUERY PLAN {statement}", dict.fromkeys(names, "1")).fetchall())
    steps = [row["detail"] for row in plan]
    for step in steps:
        assert not (step.startswith(("SCAN o", "SCAN d", "SCAN i")) and "INDEX" not in step), steps
