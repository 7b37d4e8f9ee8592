"""We vouch for what is safe and for nothing else; and whoever asked hears of it, however long that takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from smartlink.gateway import commitments as module
from smartlink.gateway.calling import AssociationFailed, Layer, Peer
from smartlink.gateway.catalogue import Catalogue, Description
from smartlink.gateway.commitments import (
    GIVE_UP_AFTER,
    Asked,
    CommitmentRefused,
    Commitments,
    Failure,
    Reference,
    Result,
    judge,
)
from smartlink.gateway.errors import Stopping, StoreFailed
from smartlink.gateway.store import commitments, connections, instances
from smartlink.gateway.store.commitments import Held
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.spool import Kept, Spool
from smartlink.standard.status import Status
from tests.gateway.conftest import START, Keep, SetClock
from tests.gateway.store.examples import an_ultrasound

CLASS = "1.2.840.10008.5.1.4.1.1.6.1"
CINE = "1.2.840.10008.5.1.4.1.1.3.1"
EXPLICIT = "1.2.840.10008.1.2.1"
MINUTE = timedelta(minutes=1)
KEPT = Held(CLASS, "1.2.3.1", EXPLICIT, "aa/1", 1300, kept=True, received=False, unreadable=False)


def asked(*uids: str, transaction: str = "1.2.9", ae: str = "US01") -> Asked:
    return Asked(ae, "SMARTLINKRCVR", "192.0.2.7", transaction, tuple(Reference(CLASS, uid) for uid in uids))


CASES: dict[str, tuple[list[Held], bool, Status | None]] = {
    "kept": ([KEPT], True, None),
    "kept and received": ([replace(KEPT, received=True)], True, None),
    "purged after the receipt": ([replace(KEPT, kept=False, received=True)], False, None),
    "discarded without a receipt": ([replace(KEPT, kept=False)], False, Status.NO_SUCH_OBJECT_INSTANCE),
    "never seen": ([], True, Status.NO_SUCH_OBJECT_INSTANCE),
    "another class": ([replace(KEPT, sop_class_uid=CINE)], True, Status.CLASS_INSTANCE_CONFLICT),
    "both classes": ([replace(KEPT, sop_class_uid=CINE), KEPT], True, None),
    "unreadable": ([replace(KEPT, unreadable=True)], True, Status.PROCESSING_FAILURE),
    "its file is gone": ([KEPT], False, Status.PROCESSING_FAILURE),
    "its pixels are elsewhere": (
        [replace(KEPT, transfer_syntax_uid="1.2.840.10008.1.2.4.94")],
        True,
        Status.PROCESSING_FAILURE,
    ),
    "unreadable once, and safe once": ([replace(KEPT, unreadable=True), KEPT], True, None),
    "a file that is gone, and a receipt": ([replace(KEPT, received=True)], False, None),
}


@pytest.mark.parametrize(("held", "whole", "reason"), CASES.values(), ids=CASES.keys())
def test_we_vouch_for_what_lies_here_or_in_works(held: list[Held], *, whole: bool, reason: Status | None) -> None:
    reference = Reference(CLASS, "1.2.3.1")
    result = judge("1.2.9", [reference], held, lambda _: whole)
    expected = ((reference,), ()) if reason is None else ((), (Failure(reference, reason),))
    assert (result.committed, result.failed) == expected


def test_an_instance_that_is_named_twice_is_answered_once() -> None:
    reference = Reference(CLASS, "1.2.3.1")
    assert judge("1.2.9", [reference, reference], [KEPT], lambda _: True).committed == (reference,)


@dataclass
class Scanner:
    """Hears results on Associations of ours, and answers as it is told."""

    heard: list[tuple[Peer, Result]] = field(default_factory=list)
    answer: Callable[[], int] = lambda: 0

    def tell(self, peer: Peer, result: Result, _stop: Callable[[], bool]) -> int:
        self.heard.append((peer, result))
        return self.answer()


def describe(kept: Kept) -> Description:
    return Description(kept.sop_class_uid, kept.sop_instance_uid, "1.2.4", "1.2.5", {})


@dataclass
class House:
    """The use case on a real catalogue; `keep` enters instances as the catalogue does."""

    database: Database
    spool: Spool
    clock: SetClock
    scanner: Scanner = field(default_factory=Scanner)
    caught_up: bool = True

    def __post_init__(self) -> None:
        self.commitments = Commitments(
            self.database, self.spool, self.scanner.tell, self.clock, caught_up=lambda _: self.caught_up
        )

    def enter(self, *kept: Kept) -> None:
        Catalogue(self.database, self.spool, describe).record(kept, self.clock())

    def port(self, port: int) -> None:
        with_port = replace(an_ultrasound(self.database), port=port)
        self.database.write(lambda tx: connections.edit(tx, with_port, START, news=True))

    def tick(self, after: timedelta = MINUTE) -> bool:
        return self.commitments.tick(self.clock.move(after))

    @property
    def waiting(self) -> list[commitments.Commitment]:
        return self.database.read(lambda tx: commitments.listing(tx, 100))


@pytest.fixture
def house(database: Database, spool: Spool, clock: SetClock) -> House:
    return House(database, spool, clock)


def test_a_result_is_told_at_the_connections_address_once(house: House, keep: Keep) -> None:
    house.port(11112)
    house.enter(keep("1.2.3.1"))
    house.commitments.ask(asked("1.2.3.1", "1.2.3.2"))
    assert not house.tick(timedelta(seconds=10))  # its own Association may still take it
    assert house.tick()
    ((peer, result),) = house.scanner.heard
    assert peer == Peer("192.0.2.7", 11112, "US01", "SMARTLINKRCVR")
    assert result.committed == (Reference(CLASS, "1.2.3.1"),)
    assert result.failed == (Failure(Reference(CLASS, "1.2.3.2"), Status.NO_SUCH_OBJECT_INSTANCE),)
    assert house.waiting == []
    assert not house.tick()


def test_what_is_purged_after_its_receipt_is_vouched_for(house: House, keep: Keep) -> None:
    kept = keep("1.2.3.1")
    house.enter(kept)
    house.database.write(lambda tx: instances.receipt(tx, 1, START))
    house.spool.remove(kept.name)
    house.database.write(lambda tx: instances.purged(tx, 1, START))
    number = house.commitments.ask(asked("1.2.3.1"))
    result = house.commitments.fresh(number)
    assert result is not None
    assert not result.failed


def test_a_row_without_its_file_is_not_vouched_for(house: House, keep: Keep) -> None:
    kept = keep("1.2.3.1")
    house.enter(kept)
    house.spool.path(kept.name).unlink()
    with capture_logs() as logs:
        result = house.commitments.fresh(house.commitments.ask(asked("1.2.3.1")))
    assert result is not None
    assert [one.reason for one in result.failed] == [Status.PROCESSING_FAILURE]
    assert {"event": "instance_missing", "spool_name": kept.name, "log_level": "error"} in logs


def test_a_peer_that_stays_is_told_on_its_own_association_and_nowhere_else(house: House) -> None:
    house.port(11112)
    number = house.commitments.ask(asked("1.2.3.1"))
    assert house.commitments.fresh(number) is not None
    assert not house.tick()
    house.commitments.told(number, 0)
    assert house.waiting == []
    assert house.scanner.heard == []


def test_a_peer_that_leaves_is_called_at_once(house: House) -> None:
    house.port(11112)
    number = house.commitments.ask(asked("1.2.3.1"))
    house.commitments.untold(number)
    assert house.tick(timedelta(0))
    assert len(house.scanner.heard) == 1


def test_a_peer_whose_port_is_not_known_may_still_be_told_on_its_own_association(house: House) -> None:
    number = house.commitments.ask(asked("1.2.3.1"))
    with capture_logs() as logs:
        for _ in range(5):
            assert house.tick()
    (line,) = [line for line in logs if line["event"] == "commitment_not_told"]
    assert "smartlink connections edit US01 --port" in line["why"]
    assert house.scanner.heard == []
    assert house.commitments.fresh(number) is not None


def test_a_peer_that_does_not_answer_is_called_again_after_growing_pauses(house: House) -> None:
    house.port(11112)

    def nobody() -> int:
        raise AssociationFailed(Layer.PORT, "Nothing listens.", "Switch it on.")

    house.scanner.answer = nobody
    house.commitments.ask(asked("1.2.3.1"))
    with capture_logs() as logs:
        for minute in range(1, 61):
            house.tick()
            if minute in (1, 2, 4, 8, 16, 32):
                assert len(house.scanner.heard) == minute.bit_length()
    assert [line["why"] for line in logs if line["event"] == "commitment_not_told"] == [
        "Nothing listens. Switch it on."
    ]
    house.scanner.answer = lambda: 0
    house.tick(timedelta(hours=1))
    assert house.waiting == []


def test_a_result_that_nobody_hears_for_a_week_is_given_up_and_said_so(house: House) -> None:
    house.commitments.ask(asked("1.2.3.1"))
    with capture_logs() as logs:
        assert house.tick(GIVE_UP_AFTER)
    assert [line["event"] for line in logs] == ["commitment_given_up"]
    assert house.waiting == []


@pytest.mark.parametrize("on_its_own", [True, False])
def test_a_result_that_is_not_taken_is_told_again(house: House, *, on_its_own: bool) -> None:
    house.port(11112)
    number = house.commitments.ask(asked("1.2.3.1"))
    if on_its_own:
        house.commitments.fresh(number)
        house.commitments.told(number, 0x0110)
    else:
        house.scanner.answer = lambda: 0x0110
        house.tick()
        house.scanner.answer = lambda: 0
    (waiting,) = house.waiting
    assert waiting.problem == "The result was answered with the status 0110."
    house.tick(2 * MINUTE)
    assert house.waiting == []


def test_nothing_is_said_before_the_catalogue_knows_all_that_was_answered(house: House, keep: Keep) -> None:
    house.port(11112)
    house.caught_up = False
    number = house.commitments.ask(asked("1.2.3.1"))
    assert house.commitments.fresh(number) is None
    house.tick()
    assert house.scanner.heard == []
    house.enter(keep("1.2.3.1"))
    house.caught_up = True
    house.tick(5 * MINUTE)
    ((_, result),) = house.scanner.heard
    assert not result.failed


def test_a_program_that_ends_leaves_the_result_for_its_next_start(
    house: House, database: Database, spool: Spool, clock: SetClock
) -> None:
    house.port(11112)
    house.commitments.ask(asked("1.2.3.1"))

    def stopping() -> int:
        house.commitments.end()
        raise Stopping("SmartLink is stopping.")

    house.scanner.answer = stopping
    assert not house.tick()
    assert not house.tick()
    again = House(database, spool, clock)
    assert again.tick(timedelta(0))
    assert len(again.scanner.heard) == 1


def test_one_that_asks_without_end_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    for number in range(3):
        house.commitments.ask(asked("1.2.3.1", transaction=f"1.2.9.{number}"))
    with pytest.raises(CommitmentRefused) as refusal:
        house.commitments.ask(asked("1.2.3.1", transaction="1.2.9.9"))
    assert refusal.value.status is Status.RESOURCE_LIMITATION


def test_a_catalogue_that_cannot_be_written_refuses_and_nothing_is_raised_into_an_association(house: House) -> None:
    number = house.commitments.ask(asked("1.2.3.1"))
    house.database.close()
    with pytest.raises(CommitmentRefused) as refusal:
        house.commitments.ask(asked("1.2.3.1", transaction="1.2.10"))
    assert refusal.value.status is Status.PROCESSING_FAILURE
    assert house.commitments.fresh(number) is None
    house.commitments.told(number, 0)
    house.commitments.untold(number)
    with pytest.raises(StoreFailed):
        house.tick()
