"""The queue for Hypothesis to play with: everything that can happen to a delivery, on the real catalogue.

A model keeps book beside it, in its own words. `HAPPENINGS` says what may come, the likely more often.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import target
from hypothesis.stateful import RuleBasedStateMachine, initialize

from smartlink.gateway.connections import new_ultrasound
from smartlink.gateway.delivery import IllegalMove, State
from smartlink.gateway.retry import Breaker, next_attempt
from smartlink.gateway.store import connections, counters, deliveries, instances
from smartlink.gateway.store.database import Database, open_in
from smartlink.gateway.store.deliveries import WORKS, Claim
from smartlink.standard.names import AETitle
from tests.gateway.store.examples import an_entry

if TYPE_CHECKING:
    from smartlink.gateway.store.database import Transaction

T = TypeVar("T")

Decision = Callable[["Transaction", int, datetime], State]

START = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
LEASE = timedelta(minutes=15)
INTERVAL = timedelta(minutes=5)
FAR_FUTURE = datetime(9999, 1, 1, tzinfo=UTC)
ARCHIVE, STUBBORN = "ARCHIVE", "STUBBORN"
DESTINATIONS = (WORKS, ARCHIVE, STUBBORN)
LIVE = frozenset({"held", "waiting", "sending", "parked"})
ENDED = frozenset({"sent", "exhausted", "cancelled"})
MOST = 40
QUICK_FOLDER = next((path for path in ("/dev/shm",) if Path(path).is_dir()), None)
"""Memory, where there is such a folder: what survives a power cut is tested elsewhere."""


@dataclass(slots=True)
class Owed:
    """What the model knows of one delivery."""

    instance: int
    destination: str
    state: str
    lease: str | None = None
    due: datetime = START
    window: datetime = START
    """Since when Continue Retry Until counts for it."""
    fault: datetime | None = None
    """Its first failure by its own fault."""


@dataclass(slots=True)
class InHand:
    """A claim that somebody works on, or believes to."""

    claim: Claim
    until: datetime
    destination: str


class Queue(RuleBasedStateMachine):
    """Deliveries on a real catalogue in a folder of their own."""

    HAPPENINGS: ClassVar[tuple[str, ...]] = (
        "an_instance_is_acknowledged",
        *("some_are_claimed",) * 4,
        *("an_instance_is_accepted",) * 2,
        "an_attempt_fails_by_itself",
        "an_instance_is_refused",
        "works_does_not_know_the_connection",
        "a_destination_is_probed",
        "a_destination_fails",
        "works_acknowledges_a_connection",
        "a_person_retries",
        "a_person_gives_up",
        *("time_passes",) * 2,
        "the_janitor_comes",
        *("the_program_is_killed_and_started_again",) * 2,
    )

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="queue-", dir=QUICK_FOLDER))
        self.kills = 0
        self.now = START
        self.database = self._open()
        self.origins: list[UUID] = []
        self.known_to_works: set[UUID] = set()
        self.origin_of: dict[int, UUID] = {}
        self.received_at: dict[int, datetime] = {}
        self.receipts: set[int] = set()
        self.purged: set[int] = set()
        self.owed: dict[int, Owed] = {}
        self.in_hand: list[InHand] = []
        self.breakers = {destination: Breaker() for destination in DESTINATIONS}

    def _open(self) -> Database:
        return open_in(self.folder / f"run-{self.kills}")

    def _write(self, work: Callable[..., T], *values: object) -> T:
        return self.database.write(lambda tx: work(tx, *values))

    def they_happen(self, what: list[tuple[str, int]]) -> None:
        """Let these come in this order, and look after each whether what must hold does."""
        for name, number in what:
            getattr(self, name)(number)
            self.what_always_holds()

    def what_always_holds(self) -> None:
        self.every_accepted_instance_has_a_live_delivery_or_a_final_state()
        self.the_counters_are_what_is_there()

    # -- arrivals

    @initialize()
    def two_ultrasound_systems(self) -> None:
        for title in ("US01", "US02"):
            origin = new_ultrasound(uuid4(), AETitle(title), "192.0.2.7", uuid4())
            self._write(connections.add, origin, START)
            self.origins.append(origin.id)
        self.known_to_works.add(self.origins[0])
        for which, also_to in ((0, (ARCHIVE,)), (1, ()), (0, (ARCHIVE, STUBBORN))):
            self._acknowledge(which, also_to)

    def an_instance_is_acknowledged(self, number: int) -> None:
        """It is owed to Works, and to each PACS whose specialties include the connection's (R44)."""
        self._acknowledge(number % 2, DESTINATIONS[1 : 1 + number % 3])

    def _acknowledge(self, which: int, also_to: tuple[str, ...]) -> None:
        origin, number = self.origins[which], len(self.received_at) + 1
        first = State.WAITING if origin in self.known_to_works else State.HELD

        def enter(tx: Transaction) -> int:
            entered = instances.add(tx, an_entry(number, origin=origin, at=self.now))
            assert entered is not None
            deliveries.add(tx, entered, WORKS, origin, first, self.now)
            for pacs in also_to:
                deliveries.add(tx, entered, pacs, origin, State.WAITING, self.now)
            dataset, whole = digests(number)
            instances.store_digests(tx, entered, dataset_sha256=dataset, object_sha256=whole)
            return entered

        entered = self.database.write(enter)
        self.origin_of[entered], self.received_at[entered] = origin, self.now
        for row in self._rows("SELECT id, destination, state FROM delivery WHERE instance_id = ?", entered):
            self.owed[row["id"]] = Owed(entered, row["destination"], row["state"], due=self.now, window=self.now)
        assert {one.destination for one in self.owed.values() if one.instance == entered} == {WORKS, *also_to}

    # -- attempts

    def some_are_claimed(self, number: int) -> None:
        destination = DESTINATIONS[number % 3]
        breaker = self.breakers[destination]
        until, limit = self.now + LEASE, breaker.limit(1 + number % 4)
        if breaker.is_open:
            assert limit == 0, "nothing goes to a destination that fails"
            return
        claims = self.database.write(lambda tx: deliveries.claim(tx, destination, self.now, until, limit))
        due = [
            key
            for key, one in self.owed.items()
            if (one.destination, one.state) == (destination, "waiting") and one.due <= self.now
        ]
        assert len(claims) == min(len(due), limit), "whatever is due goes, one destination beside the other"
        for claim in claims:
            assert claim.id in due
            self.owed[claim.id].state, self.owed[claim.id].lease = "sending", claim.lease
            self.in_hand.append(InHand(claim, until, destination))

    def an_attempt_fails_by_itself(self, number: int) -> None:
        if hand := self._one_in_hand(number):
            due = next_attempt(self.now, INTERVAL, number / MOST)
            self._write(deliveries.fault, hand.claim, self.now)
            counted = self._write(deliveries.failed, hand.claim, self.now, due, "Not this time.")
            if self._ended(hand, "waiting", counted=counted, due=due):
                one = self.owed[hand.claim.id]
                one.fault = one.fault or self.now

    def an_instance_is_refused(self, number: int) -> None:
        if hand := self._one_in_hand(number):
            counted = self._write(deliveries.refused, hand.claim, self.now, "Damaged.", "Send it again.")
            self._ended(hand, "parked", counted=counted)

    def works_does_not_know_the_connection(self, number: int) -> None:
        hand = self._one_in_hand(number, WORKS)
        if hand:
            counted = self._write(deliveries.withheld, hand.claim, self.now, "Works does not know the connection.")
            if self._ended(hand, "held", counted=counted):
                self.known_to_works.discard(self.origin_of[hand.claim.instance.id])

    def an_instance_is_accepted(self, number: int) -> None:
        hand = self._one_in_hand(number)
        if hand is None:
            return

        def write(tx: Transaction) -> bool:
            counted = deliveries.accepted(tx, hand.claim, self.now)
            if counted and hand.destination == WORKS:
                instances.receipt(tx, hand.claim.instance.id, self.now)
            return counted

        if self._ended(hand, "sent", counted=self.database.write(write)):
            self.breakers[hand.destination].succeeded()
            if hand.destination == WORKS:
                self.receipts.add(hand.claim.instance.id)

    # -- the destination as a whole

    def a_destination_is_probed(self, number: int) -> None:
        """A good probe lets one through."""
        breaker = self.breakers[DESTINATIONS[number % 3]]
        if breaker.is_open and breaker.may_probe(self.now):
            breaker.probed()
            assert breaker.limit(16) == 1

    def a_destination_fails(self, number: int) -> None:
        """All that is in hand for it goes back at once; nothing is parked."""
        destination = DESTINATIONS[number % 3]
        self.breakers[destination].failed(self.now)
        mine = [hand for hand in self.in_hand if hand.destination == destination]
        self.in_hand = [hand for hand in self.in_hand if hand.destination != destination]
        for hand in mine:
            counted = self._write(deliveries.failed, hand.claim, self.now, self.now, "No route.")
            self._ended(hand, "waiting", counted=counted, due=self.now)

    def works_acknowledges_a_connection(self, number: int) -> None:
        origin = self.origins[number % 2]
        self.known_to_works.add(origin)
        while self.database.write(lambda tx: deliveries.release_held(tx, origin, self.now, 2)):
            pass
        for one in self.owed.values():
            if one.state == "held" and one.destination == WORKS and self.origin_of[one.instance] == origin:
                one.state, one.due = "waiting", self.now

    # -- people

    def a_person_retries(self, number: int) -> None:
        self._a_person(deliveries.retry, number, {"parked"}, "waiting")

    def a_person_gives_up(self, number: int) -> None:
        self._a_person(deliveries.cancel, number, LIVE, "cancelled")

    # -- time, leases, kills, the janitor

    def time_passes(self, number: int) -> None:
        self.now += timedelta(minutes=(1, 6, 16, 600)[number % 4])

    def the_janitor_comes(self, _: int) -> None:
        self._write(deliveries.expire_leases, self.now)
        ended = {hand.claim.lease for hand in self.in_hand if hand.until <= self.now}
        self._back(one for one in self.owed.values() if one.state == "sending" and one.lease in ended)
        self._purge()

    def the_program_is_killed_and_started_again(self, _: int) -> None:
        """The files as SIGKILL leaves them, opened by a new program; the old one's claims are returned at its start."""
        before, self.kills = self.folder / f"run-{self.kills}", self.kills + 1
        shutil.copytree(before, self.folder / f"run-{self.kills}", ignore=shutil.ignore_patterns("*-shm"))
        self.database.close()
        shutil.rmtree(before)
        self.database = self._open()
        self._write(deliveries.expire_leases, self.now, FAR_FUTURE)
        self._back(one for one in self.owed.values() if one.state == "sending")
        self.breakers = {destination: Breaker() for destination in DESTINATIONS}
        if self.kills % 2:
            self.in_hand.clear()  # else an answer still comes in from before: it must not count

    # -- what always holds

    def every_accepted_instance_has_a_live_delivery_or_a_final_state(self) -> None:
        rows = self._rows("SELECT d.*, i.state AS kept FROM delivery d JOIN instance i ON i.id = d.instance_id")
        found = {row["id"]: row for row in rows}
        assert set(found) == set(self.owed), "no delivery vanishes and none is invented"
        for key, row in found.items():
            assert row["state"] == self.owed[key].state
            assert row["state"] in LIVE | ENDED
            assert (row["lease"] is not None) == (row["lease_until"] is not None) == (row["state"] == "sending")
            assert row["state"] != "parked" or (row["cause"] and row["remedy"]), "who parks says why and what to do"
            assert row["state"] != "exhausted" or row["destination"] != WORKS, "uploads are never exhausted away"
            assert row["kept"] == "kept" or row["state"] in ENDED, "nothing undelivered is purged"

    def the_counters_are_what_is_there(self) -> None:
        for destination in DESTINATIONS:
            counted = self.database.read(lambda tx: counters.deliveries(tx, destination))  # noqa: B023  read at once
            there = [one.state for one in self.owed.values() if one.destination == destination]
            assert counted == {state: there.count(state) for state in State}

    def teardown(self) -> None:
        """Whatever happened: when everything is well again, everything comes to its end."""
        try:
            self._all_is_well_again()
        finally:
            self.database.close()
            shutil.rmtree(self.folder)

    def _all_is_well_again(self) -> None:
        target(float(len(self.owed)), label="deliveries")
        self._drain()
        (left,) = self._rows("SELECT count(*) AS n FROM delivery WHERE state NOT IN ('sent', 'exhausted', 'cancelled')")
        assert left["n"] == 0, "nothing is stuck"

    def _drain(self) -> None:
        self.now += timedelta(days=30)
        self._write(deliveries.expire_leases, self.now)
        for origin in self.origins:
            while self.database.write(lambda tx: deliveries.release_held(tx, origin, self.now, 100)):  # noqa: B023  at once
                pass
        for row in self._rows("SELECT id FROM delivery WHERE state = 'parked'"):
            self._write(deliveries.retry, row["id"], self.now)
        for destination in DESTINATIONS:
            while claims := self.database.write(
                lambda tx: deliveries.claim(tx, destination, self.now, self.now + LEASE, 16)  # noqa: B023  at once
            ):
                for claim in claims:
                    assert self._write(deliveries.accepted, claim, self.now)

    # -- the model's own bookkeeping

    def _one_in_hand(self, number: int, destination: str | None = None) -> InHand | None:
        """Return an attempt, which is then no longer under way."""
        mine = [hand for hand in self.in_hand if destination in {None, hand.destination}]
        if not mine:
            return None
        hand = mine[number % len(mine)]
        self.in_hand.remove(hand)
        return hand

    def _a_person(self, asks: Decision, number: int, allowed: Collection[str], then: str) -> None:
        key = sorted(self.owed)[number % len(self.owed)]
        one = self.owed[key]
        if one.state not in allowed:
            with pytest.raises(IllegalMove):
                self._write(asks, key, self.now)
            return
        self._write(asks, key, self.now)
        one.state, one.lease, one.due, one.window, one.fault = then, None, self.now, self.now, None

    def _ended(self, hand: InHand, state: str, *, counted: bool, due: datetime | None = None) -> bool:
        """Note how an attempt ended; it counts if and only if the lease is still the delivery's."""
        one = self.owed[hand.claim.id]
        holds = one.state == "sending" and one.lease == hand.claim.lease
        assert counted is holds, "only who holds the lease ends an attempt"
        if holds:
            one.state, one.lease, one.due = state, None, due or self.now
        return holds

    def _back(self, lost: Iterable[Owed]) -> None:
        for one in lost:
            one.state, one.lease, one.due = "waiting", None, self.now

    def _purge(self) -> None:
        live = {one.instance for one in self.owed.values() if one.state in LIVE}
        gone = self.database.read(lambda tx: instances.purgeable(tx, self.now, 100))
        assert {key for key, _ in gone} == self.receipts - live - self.purged
        for key, _ in gone:
            self._write(instances.purged, key, self.now)
            self.purged.add(key)

    def _rows(self, question: str, *values: object) -> list[dict[str, Any]]:
        return self.database.read(lambda tx: [dict(row) for row in tx.execute(question, values).fetchall()])


def uid(number: int) -> str:
    """The SOP Instance UID of the example with this number."""
    return f"1.2.3.{number}"


def digests(number: int) -> tuple[str, str]:
    """Its two digests: of the Data Set, and of the whole file."""
    return f"{number:064x}", f"{number + (1 << 200):064x}"
