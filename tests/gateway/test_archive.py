"""Real PACS that take, refuse, abort, hang, go down and come back: nothing is lost, and nothing is sent twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.archive import Archive
from smartlink.gateway.attempt import Line, Rules
from smartlink.gateway.calling import SendLimits
from smartlink.gateway.connections import Connection
from smartlink.gateway.delivery import State
from smartlink.gateway.dicom.storage_scu import store
from smartlink.gateway.dicom.verification_scu import echo
from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.store import connections, counters, deliveries, destinations, instances, orders
from smartlink.gateway.store.database import Database, Transaction
from smartlink.gateway.store.spool import Spool
from smartlink.link.deliveries import ItemReport
from smartlink.standard.names import AETitle
from tests.gateway.conftest import START, Keep, SetClock
from tests.gateway.fake_orders import an_image, data_set
from tests.gateway.store.examples import a_pacs
from tests.gateway.store.test_orders import an_item
from tests.gateway.test_attempt import entry
from tests.real.pacs import Mood, Scripted, Storescp

MINUTE = timedelta(minutes=1)
FIVE = 5 * MINUTE
DAY = timedelta(days=1)
LIMITS = SendLimits(connect_seconds=2, associate_seconds=2, response_seconds=2, idle_seconds=2, stop_seconds=1)


class Bench:
    """The archive with real PACS, a real catalogue and spool, and a clock set by hand."""

    def __init__(self, database: Database, spool: Spool, keep: Keep, clock: SetClock) -> None:
        self.database, self.spool, self.keep, self.clock = database, spool, keep, clock
        self.licensed = True
        self.interval, self.keep_trying = FIVE, 4 * DAY
        self.numbers = iter(range(1, 10**6))
        self.archive = self.anew()

    def anew(self) -> Archive:
        """The archive of a gateway that has just started."""
        return Archive(
            self.database,
            lambda _instance: self.spool,
            Line(store, echo),
            self.clock,
            licensed=lambda: self.licensed,
            rules=lambda: Rules("SMARTLINKSNDR", self.interval, self.keep_trying),
            limits=LIMITS,
            luck=lambda: 0.5,
        )

    def pacs(self, peer: Scripted | Storescp) -> Connection:
        taken = self.database.read(connections.live)
        connection = a_pacs(self.database, peer.ae_title if not taken else f"{peer.ae_title}{len(taken)}", peer.port)
        if connection.ae_title != peer.ae_title:
            peer.ae_title = connection.ae_title
        return connection

    def order(self, pacs: Connection, count: int = 1, study: str = "1.2.4") -> list[str]:
        """Enter images that Works ordered and that are here; return their UIDs."""
        return [self._enter(pacs, f"{study}.{next(self.numbers)}", study) for _ in range(count)]

    def _enter(self, pacs: Connection, uid: str, study: str) -> str:
        kept = self.keep(uid, data=data_set(an_image(uid, study=study)), at=self.clock())
        item = an_item(int(uid.rpartition(".")[2]), destination=str(pacs.id))

        def write(tx: Transaction) -> None:
            new = entry(kept, "1.2.840.10008.1.2.1", from_works=True)
            instance_id = instances.add(tx, new)
            assert instance_id is not None
            tx.execute("UPDATE instance SET study_instance_uid = ? WHERE id = ?", (study, instance_id))
            delivery_id = deliveries.add(tx, instance_id, item.destination, None, State.WAITING, self.clock())
            assert delivery_id is not None
            orders.order(tx, item, self.clock())
            orders.link(tx, item.id, delivery_id, self.clock())

        self.database.write(write)
        return uid

    def tick(self, after: timedelta = timedelta()) -> None:
        """Tick, wait for the lanes, and tick again, which looks at how they ended."""
        self.archive.tick(self.clock.move(after))
        self.archive.join()

    def states(self, pacs: Connection) -> dict[State, int]:
        counts = self.database.read(lambda tx: counters.deliveries(tx, str(pacs.id)))
        return {state: n for state, n in counts.items() if n}

    def news(self) -> list[ItemReport]:
        found = self.database.read(lambda tx: orders.untold(tx, 1000))
        self.database.write(lambda tx: orders.told(tx, found))
        return [one.report for one in found]

    def destination(self, pacs: Connection) -> destinations.Destination:
        return self.database.read(lambda tx: destinations.find(tx, str(pacs.id)))


@pytest.fixture
def bench(database: Database, spool: Spool, keep: Keep, clock: SetClock) -> Iterator[Bench]:
    made = Bench(database, spool, keep, clock)
    yield made
    made.archive.close()


@pytest.fixture
def pacs() -> Iterator[Scripted]:
    with Scripted() as made:
        yield made.up()


def store_failures(lines: list[MutableMapping[str, Any]]) -> int:
    return [line.get("message") for line in lines].count("Store to PACS Failed")


@pytest.mark.proves("R44")
def test_an_exam_goes_in_one_association_and_another_exam_in_another(bench: Bench, pacs: Scripted) -> None:
    to = bench.pacs(pacs)
    uids = [*bench.order(to, 5, "1.2.4"), *bench.order(to, 3, "1.2.5")]
    bench.tick()
    assert pacs.count() == Counter(uids)
    assert pacs.associations == 2
    assert bench.states(to) == {State.SENT: 8}
    assert {report.state for report in bench.news()} == {"sent"}


@pytest.mark.real
@pytest.mark.proves("R44")
def test_storescp_has_exactly_the_bytes(bench: Bench, tmp_path: Path) -> None:
    with Storescp(tmp_path / "pacs") as storescp:
        to = bench.pacs(storescp.up())
        uids = bench.order(to, 3)
        bench.tick()
        held = storescp.held()
    assert Counter(one.sop_instance_uid for one in held) == Counter(uids)
    assert {one.data_set for one in held} == {data_set(an_image(uid)) for uid in uids}


@pytest.mark.proves("R142", "R143")
def test_a_pacs_that_is_down_parks_nothing_is_probed_and_drains_at_once(bench: Bench, pacs: Scripted) -> None:
    to = bench.pacs(pacs)
    pacs.down()
    uids = bench.order(to, 40)
    with capture_logs() as lines:
        bench.tick()
        for _ in range(8):
            bench.tick(30 * MINUTE / 60)
    assert bench.states(to) == {State.WAITING: 40}
    assert store_failures(lines) == 1, "message 1 is written once per outage and interval"
    assert bench.destination(to).failing_since == START
    assert {report.state for report in bench.news()} == {"waiting"}
    pacs.up()
    bench.tick(timedelta(seconds=30))
    assert pacs.count() == Counter(uids)
    assert pacs.associations == 3, "the probe, one image, and then all the others"
    assert bench.destination(to).failing_since is None


def test_message_1_comes_again_after_the_interval(bench: Bench, pacs: Scripted) -> None:
    to = bench.pacs(pacs)
    pacs.down()
    bench.order(to)
    with capture_logs() as lines:
        for _ in range(11):
            bench.tick(MINUTE)
    assert store_failures(lines) == 3


@pytest.mark.parametrize("mood", [Mood.REFUSES, Mood.ABORTS_DURING, Mood.ABORTS_AFTER])
@pytest.mark.real
@pytest.mark.proves("R143")
def test_storescp_in_a_bad_mood_parks_nothing_and_has_all_when_it_is_well(
    bench: Bench, tmp_path: Path, mood: Mood
) -> None:
    with Storescp(tmp_path / "pacs") as storescp:
        to = bench.pacs(storescp.up(mood))
        uids = bench.order(to, 3)
        for _ in range(3):
            bench.tick(timedelta(seconds=30))
        assert bench.states(to) == {State.WAITING: 3}
        before = storescp.count()
        storescp.up()
        for _ in range(3):
            bench.tick(FIVE)
        assert bench.states(to) == {State.SENT: 3}
        assert set(storescp.count()) == set(uids)
        again = storescp.count() - before
    assert all(times == 1 for times in again.values()), "only what was not answered was sent again"


@pytest.mark.proves("R112")
def test_a_pacs_without_verification_is_probed_with_one_image(bench: Bench, pacs: Scripted) -> None:
    pacs.down()
    pacs.verifies = False
    to = bench.pacs(pacs)
    uids = bench.order(to, 5)
    bench.tick()
    pacs.up()
    bench.tick(timedelta(seconds=30))
    assert pacs.count() == Counter(uids)


@pytest.mark.proves("R112")
def test_only_a_success_closes_the_breaker(bench: Bench, pacs: Scripted) -> None:
    to = bench.pacs(pacs)
    uids = bench.order(to, 4)
    pacs.answer = lambda _uid, _attempt: 0xA700
    for _ in range(3):
        bench.tick(timedelta(seconds=30))
    assert sum(pacs.attempts.values()) == 3, "one image for each good probe"
    assert bench.states(to) == {State.WAITING: 4}
    pacs.answer = lambda _uid, _attempt: 0
    bench.tick(timedelta(seconds=30))
    bench.tick(FIVE)
    assert pacs.count() == Counter(uids)


def test_one_image_that_the_pacs_cannot_store_does_not_hold_up_the_others(bench: Bench, pacs: Scripted) -> None:
    to = bench.pacs(pacs)
    uids = bench.order(to, 4)
    pacs.answer = lambda uid, _attempt: 0xA700 if uid == uids[0] else 0
    for _ in range(4):
        bench.tick(timedelta(seconds=31))
    assert pacs.count() == Counter(uids[1:])
    assert bench.states(to) == {State.WAITING: 1, State.SENT: 3}


@pytest.mark.proves("R112")
def test_a_bad_image_is_parked_and_the_others_arrive(bench: Bench, pacs: Scripted) -> None:
    to = bench.pacs(pacs)
    uids = bench.order(to, 3)
    pacs.answer = lambda uid, _attempt: 0xC000 if uid == uids[1] else 0
    for _ in range(3):
        bench.tick(FIVE)
    assert bench.states(to) == {State.SENT: 2, State.PARKED: 1}
    assert pacs.attempts[uids[1]] == 3
    assert pacs.count() == Counter([uids[0], uids[2]])


def test_one_bad_pacs_does_not_hold_up_another(bench: Bench, pacs: Scripted) -> None:
    with Scripted() as silent:
        slow = bench.pacs(silent)
        silent.up().silent.set()
        good = bench.pacs(pacs)
        pacs.down()
        pacs.up()
        bench.order(slow, 2)
        uids = bench.order(good, 3)
        began = monotonic()
        bench.archive.tick(bench.clock())
        wait_until(lambda: pacs.count() == Counter(uids))
        assert monotonic() - began < LIMITS.response_seconds
        bench.archive.join()
        assert bench.states(slow) == {State.WAITING: 2}
        silent.silent.clear()


def wait_until(fact: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a fact, not for a duration."""
    patience, end = threading.Event(), monotonic() + seconds
    while not fact():
        assert monotonic() < end, "it never came true"
        patience.wait(0.01)


@pytest.mark.proves("R109", "R144")
@pytest.mark.parametrize("days", [1, 4])
def test_a_pacs_that_is_down_for_days_ends_in_the_outbox(bench: Bench, pacs: Scripted, days: int) -> None:
    bench.keep_trying = days * DAY
    to = bench.pacs(pacs)
    pacs.down()
    bench.order(to, 3)
    bench.tick()
    bench.tick(days * DAY - 2 * MINUTE)
    (late,) = bench.order(to)
    assert bench.states(to) == {State.WAITING: 4}
    with capture_logs() as lines:
        bench.tick(2 * MINUTE)
        bench.tick(MINUTE)
    assert bench.states(to) == {State.EXHAUSTED: 3, State.WAITING: 1}
    assert "retries_exhausted" in [line["event"] for line in lines]
    told = bench.news()
    assert Counter(report.state.value for report in told) == {"exhausted": 3, "waiting": 1}
    assert all("nothing listens" in (report.cause or "") for report in told)
    pacs.up()
    bench.tick(MINUTE)
    assert pacs.count() == Counter([late])


@pytest.mark.proves("R144")
def test_the_window_begins_with_the_outage_and_not_with_one_before(bench: Bench, pacs: Scripted) -> None:
    to = bench.pacs(pacs)
    pacs.down()
    bench.order(to)
    bench.tick()
    pacs.up()
    bench.tick(3 * DAY)
    assert bench.states(to) == {State.SENT: 1}
    pacs.down()
    bench.order(to)
    bench.tick(MINUTE)
    bench.tick(2 * DAY)
    assert bench.states(to)[State.WAITING] == 1


@pytest.mark.proves("R144")
@pytest.mark.parametrize(("back", "state"), [(False, State.EXHAUSTED), (True, State.SENT)])
def test_a_window_that_closed_while_the_gateway_was_off_ends_with_a_last_try(
    bench: Bench, pacs: Scripted, *, back: bool, state: State
) -> None:
    to = bench.pacs(pacs)
    pacs.down()
    bench.order(to, 2)
    bench.tick()
    bench.archive.close()
    bench.archive = bench.anew()
    if back:
        pacs.up()
    bench.tick(5 * DAY)
    assert bench.states(to) == {state: 2}


@pytest.mark.proves("R86")
def test_what_waits_for_a_deleted_pacs_goes_to_the_outbox(bench: Bench, pacs: Scripted) -> None:
    to = bench.pacs(pacs)
    pacs.down()
    bench.order(to, 2)
    bench.tick()
    bench.news()
    bench.database.write(lambda tx: connections.delete(tx, to.id, START, at_works=True))
    bench.tick(2 * MINUTE)
    assert bench.states(to) == {State.EXHAUSTED: 2}
    assert {report.state for report in bench.news()} == {"exhausted"}


@pytest.mark.proves("R111")
def test_a_shorter_interval_applies_to_what_waits_already(bench: Bench, pacs: Scripted) -> None:
    to = bench.pacs(pacs)
    bench.interval = 6 * FIVE
    (uid,) = bench.order(to)
    pacs.answer = lambda _uid, attempt: 0xC000 if attempt == 1 else 0
    bench.tick()
    bench.interval = FIVE
    bench.tick(MINUTE)
    bench.tick(FIVE + MINUTE)
    assert pacs.count() == Counter([uid])


@pytest.mark.proves("R27")
def test_without_a_licence_nothing_goes(bench: Bench, pacs: Scripted) -> None:
    to = bench.pacs(pacs)
    bench.order(to)
    bench.licensed = False
    bench.tick()
    assert bench.states(to) == {State.WAITING: 1}


def test_the_end_of_the_program_does_not_wait_for_a_pacs_that_is_silent(bench: Bench, pacs: Scripted) -> None:
    to = bench.pacs(pacs)
    pacs.silent.set()
    bench.order(to, 2)
    bench.archive.tick(bench.clock())
    wait_until(lambda: bench.states(to) == {State.SENDING: 2})
    bench.archive.close()
    assert bench.states(to) == {State.WAITING: 2}
    assert bench.destination(to).failing_since is None
    pacs.silent.clear()


def test_what_was_in_hand_when_the_catalogue_failed_goes_on(
    bench: Bench, pacs: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = bench.pacs(pacs)
    uids = bench.order(to, 2)

    def fail(*_: object, **__: object) -> bool:
        raise StoreFailed("The disk is full.")

    monkeypatch.setattr(deliveries, "accepted", fail)
    bench.tick()
    monkeypatch.undo()
    with pytest.raises(StoreFailed):
        bench.tick()
    assert bench.states(to) == {State.SENDING: 2}
    bench.tick()
    assert bench.states(to) == {State.SENT: 2}
    assert set(pacs.count()) == set(uids)


def test_another_address_is_used_from_the_next_attempt_on(bench: Bench, pacs: Scripted) -> None:
    with Scripted(ae_title="MOVED") as moved:
        to = bench.pacs(pacs)
        pacs.down()
        uids = bench.order(to)
        bench.tick()
        moved.up()
        changes = (moved.port, AETitle("MOVED"), str(to.id))
        bench.database.write(lambda tx: tx.execute("UPDATE connection SET port=?, ae_title=? WHERE id=?", changes))
        bench.tick(timedelta(seconds=30))
        assert moved.count() == Counter(uids)
