"""The queue as a state machine on the real catalogue: no accepted instance is without a live delivery or an end.

Hypothesis plays arrivals, claims, answers, lost leases, kills, retries, a destination that fails and comes back,
connections that Works does not know or that are deleted, orders of Works and their ends, and the janitor, in any
order. The same holds for what Works orders: each item is wanted, on its way, or at an end that Works is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from smartlink.gateway.delivery import State
from smartlink.gateway.store import deliveries, instances, orders
from smartlink.gateway.store.database import moment, moment_or_none
from smartlink.link.deliveries import ItemState
from tests.faults.queue_machine import (
    ARCHIVE,
    DESTINATIONS,
    ENDED,
    MOST,
    STUBBORN,
    Owed,
    Queue,
    digests,
    uid,
)
from tests.gateway.store.examples import an_entry

if TYPE_CHECKING:
    from collections.abc import Collection

    from smartlink.gateway.store.database import Transaction

WINDOW = timedelta(days=1)
DROPPED = frozenset({("waiting", "cancelled"), ("parked", "cancelled")})
GONE = "This PACS connection was deleted."


@dataclass(slots=True)
class Ordered:
    """What the model knows of one ordered instance."""

    order: UUID
    number: int
    destination: str
    wanted: bool = True
    """Nobody took the order back."""


class OrderedQueue(Queue):
    """The queue, and what Works orders for the PACS."""

    HAPPENINGS: ClassVar[tuple[str, ...]] = (
        *Queue.HAPPENINGS,
        *("works_orders",) * 3,
        *("a_file_is_fetched",) * 3,
        "works_orders_the_same_again",
        "works_takes_an_order_back",
        *("works_is_told",) * 2,
        "the_retry_window_closes",
        "the_retry_interval_becomes_shorter",
        "a_pacs_is_deleted",
    )

    def __init__(self) -> None:
        super().__init__()
        self.ordered: dict[UUID, Ordered] = {}
        self.deleted: set[str] = set()
        self.fetched = self.given = 0

    @rule(what=st.lists(st.tuples(st.sampled_from(HAPPENINGS), st.integers(0, MOST)), min_size=1))
    def these_happen(self, what: list[tuple[str, int]]) -> None:
        """One rule, since Hypothesis leaves out whole rules in a run, and most runs would claim or end nothing."""
        self.they_happen(what)

    def an_instance_is_acknowledged(self, number: int) -> None:
        live = [destination for destination in DESTINATIONS[1 : 1 + number % 3] if destination not in self.deleted]
        self._acknowledge(number % 2, tuple(live))

    # -- orders

    def works_orders(self, number: int) -> None:
        """Some are of instances that came from here, some of others; some for a PACS that is gone."""
        of = 1 + number % 3 if number % 2 else 1000 + number % 3
        self._order(
            self._new_id(), Ordered(self._new_id(), of, (ARCHIVE, STUBBORN)[number % 2]), resend=number % 7 == 0
        )

    def works_orders_the_same_again(self, number: int) -> None:
        """A person pressed Send in the Outbox, or other bytes were derived: the same item in another order."""
        if self.ordered:
            key = sorted(self.ordered)[number % len(self.ordered)]
            known, other_bytes = self.ordered[key], number % 5 == 0
            self._order(
                key, Ordered(self._new_id(), known.number + other_bytes, known.destination), resend=number % 3 == 0
            )

    def a_file_is_fetched(self, number: int) -> None:
        """What has to be; what is settled meanwhile is not fetched."""

        def write(tx: Transaction) -> None:
            for item in orders.wanted(tx, self.now, 1 + number % 2):
                if item.destination in self.deleted:
                    orders.end(tx, item.id, ItemState.EXHAUSTED, self.now, GONE)
                elif not orders.settle(tx, item, self.now):
                    self._enter(tx, item)

        self.database.write(write)
        self._learn({("parked", "waiting"), ("waiting", "waiting"), ("new", "waiting")})

    def works_takes_an_order_back(self, number: int) -> None:
        if not self.ordered:
            return
        order = self.ordered[sorted(self.ordered)[number % len(self.ordered)]].order
        self._write(orders.cancel, order, self.now)
        for one in self.ordered.values():
            one.wanted &= one.order != order
        self._nobody_else_lost(self._learn(DROPPED))

    def works_is_told(self, number: int) -> None:
        news = self.database.read(lambda tx: orders.untold(tx, 1 + number % 8))
        self._write(orders.told, news)

    def the_retry_window_closes(self, number: int) -> None:
        """R144: what was ordered and failed for the whole of Continue Retry Until; uploads never."""
        destination, failing = (ARCHIVE, STUBBORN)[number % 2], number % 3 == 0
        before = self.now - WINDOW
        of_orders = self._linked()
        due = {
            key
            for key, one in self.owed.items()
            if (one.destination, one.state) == (destination, "waiting")
            and one.window <= before
            and (failing or (one.fault is not None and one.fault <= before))
            and key in of_orders
        }
        count = self.database.write(
            lambda tx: deliveries.exhaust(tx, destination, self.now, before, failing=failing, cause="No answer.")
        )
        assert count == len(due)
        assert self._learn({("waiting", "exhausted")}) == due

    def the_retry_interval_becomes_shorter(self, number: int) -> None:
        self._write(deliveries.hurry, DESTINATIONS[number % 3], self.now)
        self._learn({("waiting", "waiting")})

    def a_pacs_is_deleted(self, _: int) -> None:
        """R86: what Works ordered goes to its Outbox; what is being sent now ends first, and is found again later."""
        self.deleted.add(STUBBORN)
        self._write(deliveries.abandon, STUBBORN, self.now, GONE)
        self._learn({("waiting", "exhausted"), *DROPPED})

    def the_janitor_comes(self, number: int) -> None:
        super().the_janitor_comes(number)
        self._write(orders.drop_unwanted, self.now)
        self._nobody_else_lost(self._learn(DROPPED))
        if self.deleted:
            self.a_pacs_is_deleted(0)
        for instance_id, _ in self.database.read(lambda tx: instances.served(tx, 100)):
            self._write(instances.purged, instance_id, self.now)

    # -- what always holds

    def what_always_holds(self) -> None:
        super().what_always_holds()
        self.every_ordered_instance_is_wanted_on_its_way_or_at_an_end_that_is_told()

    def every_ordered_instance_is_wanted_on_its_way_or_at_an_end_that_is_told(self) -> None:
        rows = {row["id"]: row for row in self._items()}
        assert set(rows) == {str(key) for key in self.ordered}, "no order vanishes"
        for key, model in self.ordered.items():
            row = rows[str(key)]
            end = row["outcome"] or (row["state"] if row["state"] in ENDED else None)
            assert row["outcome"] is None or row["delivery_id"] is None
            assert row["delivery_id"] is None or row["delivery_destination"] == model.destination
            assert row["delivery_id"] is None or row["dataset_sha256"] == row["delivered_sha256"], "these bytes only"
            assert end is None or row["told_revision"] < row["revision"] or row["told_state"] == end, "Works hears"

    def _all_is_well_again(self) -> None:
        for _ in range(2):  # an order that waited for another delivery of the same bytes comes in the second round
            self.now += timedelta(days=30)
            while self._rows("SELECT 1 FROM order_item WHERE delivery_id IS NULL AND outcome IS NULL"):
                self.a_file_is_fetched(1)
            self._drain()
        self._write(orders.drop_unwanted, self.now)
        while news := self.database.read(lambda tx: orders.untold(tx, 50)):
            self._write(orders.told, news)
        for row in self._items():
            assert row["told_state"] in ENDED, "Works knows how each order ended"
        (left,) = self._rows("SELECT count(*) AS n FROM delivery WHERE state NOT IN ('sent', 'exhausted', 'cancelled')")
        assert left["n"] == 0, "nothing is stuck"

    # -- the model's own bookkeeping

    def _new_id(self) -> UUID:
        """The same in every replay."""
        self.given += 1
        return UUID(int=self.given)

    def _order(self, key: UUID, one: Ordered, *, resend: bool) -> None:
        dataset, whole = digests(one.number)
        item = orders.Item(
            id=key,
            order_id=one.order,
            destination=one.destination,
            sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1",
            sop_instance_uid=uid(one.number),
            study_instance_uid="1.2.4",
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            size=1300,
            object_sha256=whole,
            dataset_sha256=dataset,
            resend=resend,
        )

        def write(tx: Transaction) -> None:
            orders.order(tx, item, self.now)
            if one.destination in self.deleted:
                orders.end(tx, key, ItemState.EXHAUSTED, self.now, GONE)
            else:
                orders.settle(tx, item, self.now)

        self.ordered[key] = one
        self.database.write(write)
        self._nobody_else_lost(self._learn({("parked", "waiting"), ("waiting", "waiting"), *DROPPED}))

    def _enter(self, tx: Transaction, item: orders.Item) -> None:
        """The file came: an instance of its own, its delivery, and the item linked to it."""
        self.fetched += 1
        number = int(item.sop_instance_uid.rpartition(".")[2])
        new = an_entry(number, at=self.now, name=f"bb/{self.fetched:030x}", from_works=True)
        entered = instances.add(tx, new)
        assert entered is not None
        instances.store_digests(tx, entered, dataset_sha256=item.dataset_sha256, object_sha256=item.object_sha256)
        delivery = deliveries.add(tx, entered, item.destination, None, State.WAITING, self.now)
        assert delivery is not None
        orders.link(tx, item.id, delivery, self.now)

    def _learn(self, allowed: Collection[tuple[str, str]]) -> set[int]:
        """Take over what changed, if it may change in this way; return the deliveries whose state did."""
        changed = set()
        for row in self._rows("SELECT * FROM delivery"):
            known = self.owed.get(row["id"])
            if known is None:
                assert ("new", row["state"]) in allowed
                self.owed[row["id"]] = self._owed_in(row)
            elif known.state != row["state"]:
                assert (known.state, row["state"]) in allowed, f"{known} became {row['state']}"
                changed.add(row["id"])
                self.owed[row["id"]] = self._owed_in(row)
            elif known.state == "waiting" and ("waiting", "waiting") in allowed:
                self.owed[row["id"]] = self._owed_in(row)
        return changed

    def _nobody_else_lost(self, changed: Collection[int]) -> None:
        for row in self._items():
            if row["delivery_id"] in changed and row["state"] == "cancelled":
                assert not self.ordered[UUID(row["id"])].wanted, "nobody loses an order because another is taken back"

    def _owed_in(self, row: dict[str, Any]) -> Owed:
        return Owed(
            instance=row["instance_id"],
            destination=row["destination"],
            state=row["state"],
            lease=row["lease"],
            due=moment(row["next_attempt_at"]),
            window=moment(row["window_from"] or row["created_at"]),
            fault=moment_or_none(row["first_fault_at"]),
        )

    def _linked(self) -> set[int]:
        return {row["delivery_id"] for row in self._items()}

    def _items(self) -> list[dict[str, Any]]:
        return self._rows("""
            SELECT o.*, d.state, d.destination AS delivery_destination, i.dataset_sha256 AS delivered_sha256
            FROM order_item AS o LEFT JOIN delivery AS d ON d.id = o.delivery_id
            LEFT JOIN instance AS i ON i.id = d.instance_id
        """)


@pytest.mark.faults
@pytest.mark.proves("R142", "R143", "R144", "R146", "R151")
def test_no_accepted_instance_is_ever_without_a_live_delivery_or_a_final_state() -> None:
    long = settings.get_current_profile_name() != "test"
    run_state_machine_as_test(OrderedQueue, settings=settings(max_examples=2000 if long else 60, stateful_step_count=6))
