"""What a PACS says of an image decides about that image; what cannot be read is fetched again or parked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.attempt import Attempt, Line, Rules, Tools, digest_of
from smartlink.gateway.calling import (
    Answered,
    AssociationFailed,
    ContextRefused,
    Layer,
    Outcome,
    Outgoing,
    Peer,
    SendLimits,
    Unreadable,
)
from smartlink.gateway.connections import Connection
from smartlink.gateway.delivery import State
from smartlink.gateway.store import connections, counters, deliveries, delivery_list, destinations, instances, orders
from smartlink.gateway.store.database import Database, Transaction
from smartlink.gateway.store.deliveries import Claim
from smartlink.gateway.store.delivery_list import Listed
from smartlink.gateway.store.spool import Kept, Spool, SpoolDamaged
from smartlink.link.connections import ConnectionStatus
from smartlink.link.deliveries import ItemState
from tests.gateway.conftest import START, Keep, SetClock
from tests.gateway.store.examples import a_pacs, an_entry, an_ultrasound
from tests.gateway.store.test_orders import an_item

MINUTE = timedelta(minutes=1)
FIVE = 5 * MINUTE
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
Answer = Callable[[Outgoing], Outcome]


class Bench:
    """One PACS whose answers a test writes down; the catalogue and the spool are real."""

    def __init__(self, database: Database, spool: Spool, keep: Keep, clock: SetClock) -> None:
        self.database, self.spool, self.keep, self.clock = database, spool, keep, clock
        self.pacs: Connection = a_pacs(database)
        self.scanner = an_ultrasound(database)
        self.answer: Answer = lambda item: Answered(item.key, 0)
        self.breaks_after = 10**6
        self.stopping = False
        self.sent: list[str] = []
        self.told: list[str] = []
        self.successes = 0
        self.tools = Tools(
            database,
            lambda _instance: spool,
            Line(self._store, lambda _peer, _limits, _stop: 0.0),
            clock,
            lambda: Rules("SMARTLINKSNDR", FIVE, timedelta(days=4)),
            SendLimits(),
            lambda: self.stopping,
            lambda: 0.5,
        )

    def tell(self, problem: str, layer: Layer | None = None) -> None:  # noqa: ARG002  as Tidings
        self.told.append(problem)

    def succeeded(self) -> None:
        self.successes += 1

    def _store(
        self,
        _peer: Peer,
        items: Sequence[Outgoing],
        _limits: SendLimits,
        tell: Callable[[Outcome], None],
        stop: Callable[[], bool],
    ) -> None:
        for number, item in enumerate(items):
            if number >= self.breaks_after:
                raise AssociationFailed(Layer.ABORTED, "The PACS ended the Association.")
            if stop():
                return
            self.sent.append(item.sop_instance_uid)
            tell(self.answer(item))

    def enter(self, number: int, *, ordered: bool = True, uid: str | None = None, syntax: str = EXPLICIT) -> int:
        """Enter an instance and its delivery to the PACS, ordered by Works or on its way directly."""
        kept = self.keep(uid or f"1.2.3.{number}", data=f"Data Set of {uid or number}".encode())
        origin = None if ordered else self.scanner.id

        def write(tx: Transaction) -> int:
            instance_id = instances.add(tx, replace(entry(kept, syntax, from_works=ordered), connection_id=origin))
            assert instance_id is not None
            to = str(self.pacs.id)
            delivery_id = deliveries.add(tx, instance_id, to, None, State.WAITING, self.clock())
            assert delivery_id is not None
            if ordered:
                orders.order(tx, self.item(number), self.clock())
                orders.link(tx, self.item(number).id, delivery_id, self.clock())
            return delivery_id

        return self.database.write(write)

    def item(self, number: int) -> orders.Item:
        return an_item(number, destination=str(self.pacs.id))

    def claim(self) -> list[Claim]:
        now = self.clock()
        return self.database.write(lambda tx: deliveries.claim_exam(tx, str(self.pacs.id), now, now + FIVE, 100))

    def attempt(self, after: timedelta = timedelta()) -> Attempt:
        """Claim what is due and send it."""
        self.clock.move(after)
        attempt = Attempt(self, self.pacs, self.claim(), self.tools, self.clock())
        attempt.send(Peer("127.0.0.1", 104, "ARCHIVE", "SMARTLINKSNDR"))
        return attempt

    def states(self) -> dict[State, int]:
        counts = self.database.read(lambda tx: counters.deliveries(tx, str(self.pacs.id)))
        return {state: n for state, n in counts.items() if n}

    def listed(self, state: State | None = None) -> list[Listed]:
        return self.database.read(lambda tx: delivery_list.listing(tx, state, 100))

    def news(self) -> list[tuple[ItemState, str | None]]:
        found = self.database.read(lambda tx: orders.untold(tx, 100))
        return [(one.report.state, one.report.status) for one in found]


def entry(kept: Kept, syntax: str, *, from_works: bool) -> instances.NewInstance:
    return replace(
        an_entry(uid=kept.sop_instance_uid, name=kept.name, at=kept.kept_at, from_works=from_works),
        transfer_syntax_uid=syntax,
        dataset_offset=kept.dataset_offset,
        dataset_length=kept.dataset_length,
        crc32=kept.crc32,
    )


@pytest.fixture
def bench(database: Database, spool: Spool, keep: Keep, clock: SetClock) -> Bench:
    return Bench(database, spool, keep, clock)


@pytest.mark.proves("R44")
@pytest.mark.parametrize(
    ("status", "note"),
    [
        (0x0000, None),
        (0xB000, "Stored with a warning of the PACS: Warning (B000)."),
        (0xB006, "Stored with a warning of the PACS: Warning (B006)."),
        (0xB007, "Stored with a warning of the PACS: Warning (B007)."),
        (0x0111, "The PACS had this image already (0111)."),
    ],
)
def test_what_the_pacs_has_is_sent_and_its_status_told(bench: Bench, status: int, note: str | None) -> None:
    bench.enter(1)
    bench.answer = lambda item: Answered(item.key, status)
    bench.attempt()
    (sent,) = bench.listed(State.SENT)
    assert (sent.note, sent.sent_at) == (note, bench.clock())
    assert bench.news() == [(ItemState.SENT, f"{status:04X}")]
    assert bench.successes == 1
    found = bench.database.read(lambda tx: destinations.find(tx, str(bench.pacs.id)))
    assert found.last_accepted_at == bench.clock()


@pytest.mark.proves("R49")
def test_a_success_makes_the_connection_active(bench: Bench) -> None:
    bench.enter(1)
    bench.attempt()
    found = bench.database.read(lambda tx: connections.find(tx, bench.pacs.id))
    assert found is not None
    assert found.status is ConnectionStatus.ACTIVE


@pytest.mark.proves("R112")
@pytest.mark.parametrize("status", [0xA700, 0xA7FF, 0x0110])
def test_a_pacs_that_can_store_nothing_now_is_given_no_more(bench: Bench, status: int) -> None:
    for number in (1, 2, 3):
        bench.enter(number)
    bench.answer = lambda item: Answered(item.key, 0 if item.sop_instance_uid == "1.2.3.1" else status)
    attempt = bench.attempt()
    assert attempt.problem is not None
    assert f"({status:04X})" in attempt.problem
    assert bench.sent == ["1.2.3.1", "1.2.3.2"]
    attempt.fail(attempt.problem, met=True)
    assert bench.states() == {State.SENT: 1, State.WAITING: 2}
    assert [one.instance.sop_instance_uid for one in bench.claim()] == ["1.2.3.3"], "the others go first"


@pytest.mark.proves("R112")
@pytest.mark.parametrize("status", [0xA900, 0xC000, 0xCFFF, 0x0117, 0x0122, 0x0124])
def test_a_refused_image_is_tried_three_times_at_the_interval_and_then_parked(bench: Bench, status: int) -> None:
    bench.enter(1)
    bench.enter(2)
    bench.answer = lambda item: Answered(item.key, status if item.sop_instance_uid == "1.2.3.1" else 0)
    bench.attempt()
    assert bench.states() == {State.WAITING: 1, State.SENT: 1}
    bench.attempt(FIVE - MINUTE)
    assert len(bench.sent) == 2
    bench.attempt(MINUTE)
    assert bench.states() == {State.WAITING: 1, State.SENT: 1}
    bench.attempt(FIVE)
    (parked,) = bench.listed(State.PARKED)
    assert f"({status:04X})" in (parked.cause or "")
    assert parked.remedy
    assert (ItemState.PARKED, f"{status:04X}") in bench.news()


@pytest.mark.proves("R112")
def test_a_pacs_that_refuses_everything_parks_nothing(bench: Bench) -> None:
    for number in (1, 2):
        bench.enter(number)
    bench.answer = lambda item: Answered(item.key, 0xC000)
    for _ in range(6):
        bench.attempt(FIVE)
    assert bench.states() == {State.WAITING: 2}
    assert len(bench.sent) == 12
    bench.answer = lambda item: Answered(item.key, 0)
    bench.attempt(FIVE)
    assert bench.states() == {State.SENT: 2}


def test_a_retry_by_a_person_counts_faults_anew(bench: Bench) -> None:
    delivery = bench.enter(1)
    bench.enter(2)
    bench.answer = lambda item: Answered(item.key, 0xC000 if item.sop_instance_uid == "1.2.3.1" else 0)
    for _ in range(3):
        bench.attempt(FIVE)
    bench.database.write(lambda tx: deliveries.retry(tx, delivery, bench.clock()))
    bench.attempt()
    assert bench.states()[State.WAITING] == 1


@pytest.mark.proves("R143")
def test_an_association_that_ends_early_leaves_what_was_answered_answered(bench: Bench) -> None:
    for number in range(4):
        bench.enter(number)
    bench.breaks_after = 2
    claims = bench.claim()
    attempt = Attempt(bench, bench.pacs, claims, bench.tools, bench.clock())
    with pytest.raises(AssociationFailed):
        attempt.send(Peer("127.0.0.1", 104, "ARCHIVE", "SMARTLINKSNDR"))
    attempt.fail("It ended.", met=True)
    assert bench.states() == {State.SENT: 2, State.WAITING: 2}
    assert [one.instance.sop_instance_uid for one in bench.claim()] == ["1.2.3.3"], "the others go first"


def test_an_image_under_which_associations_end_again_and_again_waits_for_the_interval(bench: Bench) -> None:
    bench.enter(1)
    bench.breaks_after = 0
    for after in (timedelta(), MINUTE, MINUTE):
        bench.clock.move(after)
        attempt = Attempt(bench, bench.pacs, bench.claim(), bench.tools, bench.clock())
        with pytest.raises(AssociationFailed):
            attempt.send(Peer("127.0.0.1", 104, "ARCHIVE", "SMARTLINKSNDR"))
        attempt.fail("It ended.", met=True)
    bench.clock.move(FIVE - MINUTE)
    assert bench.claim() == []
    bench.clock.move(MINUTE)
    assert len(bench.claim()) == 1


def test_the_end_of_the_program_blames_nobody(bench: Bench) -> None:
    for number in (1, 2):
        bench.enter(number)

    def then_stop(item: Outgoing) -> Outcome:
        bench.stopping = True
        return Answered(item.key, 0)

    bench.answer = then_stop
    bench.attempt().give_back()
    assert bench.states() == {State.SENT: 1, State.WAITING: 1}
    assert [state for state, _ in bench.news()] == [ItemState.SENT]


def test_a_refused_syntax_of_an_ordered_image_asks_works_for_another_copy(bench: Bench) -> None:
    bench.enter(1, syntax="1.2.840.10008.1.2.4.50")
    bench.answer = lambda item: ContextRefused(item.key, (EXPLICIT, IMPLICIT))
    bench.attempt()
    (news,) = bench.database.read(lambda tx: orders.untold(tx, 10))
    assert news.report.state is ItemState.SYNTAX_REFUSED
    assert news.report.accepted_transfer_syntaxes == (EXPLICIT, IMPLICIT)
    assert bench.states() == {State.CANCELLED: 1}


@pytest.mark.parametrize(
    ("ordered", "syntax", "accepted", "cause"),
    [
        (False, "1.2.840.10008.1.2.4.50", (EXPLICIT,), "Transfer Syntax"),
        (True, EXPLICIT, (IMPLICIT,), "SOP Class"),
        (True, EXPLICIT, (EXPLICIT,), "SOP Class"),
        (True, "1.2.840.10008.1.2.4.50", (), "SOP Class"),
        (True, "1.2.840.10008.1.2.4.50", (IMPLICIT,), "SOP Class"),
    ],
)
def test_what_no_other_copy_can_help_is_parked_with_what_to_do(
    bench: Bench, *, ordered: bool, syntax: str, accepted: tuple[str, ...], cause: str
) -> None:
    bench.enter(1, ordered=ordered, syntax=syntax)
    bench.answer = lambda item: ContextRefused(item.key, accepted)
    bench.attempt()
    (parked,) = bench.listed(State.PARKED)
    assert cause in (parked.cause or "")
    assert "Retry" in (parked.remedy or "")


@pytest.mark.parametrize("damage", ["gone", "changed", "shorter"])
def test_a_damaged_file_that_works_ordered_is_fetched_again(bench: Bench, damage: str, tmp_path: Path) -> None:
    bench.enter(1)
    spoil(tmp_path, damage)
    with capture_logs() as lines:
        bench.attempt()
    assert bench.sent == []
    assert [one.id for one in bench.database.read(lambda tx: orders.wanted(tx, bench.clock(), 10))] == [
        bench.item(1).id
    ]
    assert "stored_file_damaged" in [line["event"] for line in lines]
    assert "Data Set of" not in str(lines)


def test_a_damaged_file_that_nobody_else_has_is_parked(bench: Bench, tmp_path: Path) -> None:
    bench.enter(1, ordered=False)
    spoil(tmp_path, "changed")
    bench.attempt()
    (parked,) = bench.listed(State.PARKED)
    assert "cannot be read" in (parked.cause or "")


def test_a_file_that_fails_while_it_is_sent_is_fetched_again(bench: Bench) -> None:
    bench.enter(1)
    bench.answer = lambda item: Unreadable(item.key, "It became shorter.")
    bench.attempt()
    assert len(bench.database.read(lambda tx: orders.wanted(tx, bench.clock(), 10))) == 1


@pytest.mark.proves("R152")
def test_an_image_that_a_scanner_sends_twice_goes_to_the_pacs_once(bench: Bench) -> None:
    bench.enter(1, ordered=False, uid="1.2.3.9")
    bench.enter(2, ordered=False, uid="1.2.3.9")
    bench.attempt().give_back()
    bench.attempt(MINUTE).give_back()
    assert bench.sent == ["1.2.3.9"]
    assert bench.states() == {State.SENT: 2}
    assert "Duplicate: the PACS has this image already." in [one.note for one in bench.listed()]


@pytest.mark.proves("R145")
def test_an_order_to_send_again_sends_again(bench: Bench) -> None:
    bench.enter(1, uid="1.2.3.9")
    bench.enter(2, uid="1.2.3.9")
    bench.attempt()
    assert bench.sent == ["1.2.3.9", "1.2.3.9"]


def test_a_cancelled_order_ends_when_what_was_being_sent_failed(bench: Bench) -> None:
    bench.enter(1)
    attempt = Attempt(bench, bench.pacs, bench.claim(), bench.tools, bench.clock())
    bench.database.write(lambda tx: orders.cancel(tx, UUID(int=1), START))
    assert bench.states() == {State.SENDING: 1}
    attempt.fail("No route.", met=False)
    assert bench.states() == {State.CANCELLED: 1}


def test_the_digest_is_of_the_data_set_alone(bench: Bench) -> None:
    bench.enter(1, ordered=False)
    (claim,) = bench.claim()
    assert digest_of(bench.spool, claim.instance) == hashlib.sha256(b"Data Set of 1").hexdigest()
    bench.spool.remove(claim.instance.spool_name)
    with pytest.raises(SpoolDamaged, match="FileNotFoundError"):
        digest_of(bench.spool, claim.instance)


def spoil(folder: Path, damage: str) -> None:
    """Damage the only file of the spool."""
    (path,) = (one for one in (folder / "data" / "spool").rglob("*") if one.is_file())
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "changed":
        path.write_bytes(whole[:-1] + b"\xff")
    else:
        path.write_bytes(whole[:-1])
