"""Works is told what became of each ordered instance until it says that it knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from smartlink.gateway.reports import Reports
from smartlink.gateway.store import deliveries, orders
from smartlink.gateway.store.database import Database
from smartlink.link import paths
from smartlink.link.deliveries import ItemState
from tests.gateway.conftest import START, SetClock
from tests.gateway.fake_works import PORTAL_PAGE, PROXY_PAGE, FakeWorks, Reply
from tests.gateway.store.test_orders import an_item, claim, fetched, ordered
from tests.gateway.uplink.examples import signed_in

SECOND = timedelta(seconds=1)


class Bench:
    """Reports on a real catalogue, and Works at the other end."""

    def __init__(self, database: Database, works: FakeWorks, reports: Reports, clock: SetClock) -> None:
        self.database, self.works, self.reports, self.clock = database, works, reports, clock

    def tick(self, after: timedelta = timedelta()) -> bool:
        return self.reports.tick(self.clock.move(after))


@pytest.fixture
def licence() -> list[bool]:
    return [True]


@pytest.fixture
def bench(database: Database, works: FakeWorks, clock: SetClock, licence: list[bool]) -> Iterator[Bench]:
    works.now = clock
    with signed_in(works, clock) as client:
        reports = Reports(database, client, licensed=lambda: all(licence), revoked=lambda: licence.append(False))
        yield Bench(database, works, reports, clock)


def an_end(database: Database, number: int = 1) -> None:
    ordered(database, an_item(number))
    database.write(lambda tx: orders.end(tx, an_item(number).id, ItemState.EXHAUSTED, START, "Why."))


def test_each_end_is_told_once(bench: Bench) -> None:
    ordered(bench.database, an_item())
    fetched(bench.database, an_item())
    assert not bench.tick()
    one = claim(bench.database)
    bench.database.write(lambda tx: deliveries.accepted(tx, one, START, status="B000"))
    bench.tick()
    bench.tick()
    (told,) = bench.works.orders.reports
    assert (told["item_id"], told["state"], told["status"]) == (str(an_item().id), "sent", "B000")


@pytest.mark.proves("R112")
@pytest.mark.parametrize("reply", [PROXY_PAGE, PORTAL_PAGE, None])
def test_what_could_not_be_told_is_told_later(bench: Bench, reply: Reply | None) -> None:
    an_end(bench.database)
    bench.works.disturb(paths.DELIVERIES_REPORT, reply, times=2)
    assert not bench.tick()
    assert not bench.tick(SECOND / 2)
    assert not bench.tick(SECOND)
    assert bench.works.orders.reports == []
    bench.tick(2 * SECOND)
    assert bench.works.orders.states() == ["exhausted"]
    assert bench.database.read(lambda tx: orders.untold(tx, 10)) == []


def test_a_backlog_goes_in_batches(bench: Bench) -> None:
    for number in range(201):
        an_end(bench.database, number)
    assert bench.tick()
    assert not bench.tick()
    assert len(bench.works.orders.last()) == 201


@pytest.mark.proves("R34")
def test_without_a_licence_nothing_is_told(bench: Bench, licence: list[bool]) -> None:
    an_end(bench.database)
    bench.works.revoked.update(bench.works.gateways)
    assert not bench.tick()
    assert licence == [True, False]
    calls = len(bench.works.calls)
    assert not bench.tick()
    assert len(bench.works.calls) == calls
