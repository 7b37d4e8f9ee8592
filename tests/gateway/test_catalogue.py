"""What was kept is entered behind the answer; what a crash left out is taken in; what was never finished is not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.catalogue import Catalogue, Description, Doorkeeper, Unreadable
from smartlink.gateway.connections import Approval, Connection, new_ultrasound
from smartlink.gateway.delivery import State
from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.intake import StoreRefused, StoreRequest
from smartlink.gateway.store import configuration, connections, counters, deliveries, instances, settings
from smartlink.gateway.store.configuration import FacilityConfiguration
from smartlink.gateway.store.database import Database, Transaction
from smartlink.gateway.store.deliveries import WORKS
from smartlink.gateway.store.spool import Kept, Provenance, Spool
from smartlink.link.connections import Kind
from smartlink.link.test_exam import AE_TITLE
from smartlink.standard.names import AETitle
from smartlink.standard.status import Status
from tests.gateway.conftest import START, Keep
from tests.gateway.store.examples import a_pacs

SPECIALTY = uuid4()
T = TypeVar("T")


def describe(kept: Kept) -> Description:
    return Description(kept.sop_class_uid, kept.sop_instance_uid, "1.2.4", "1.2.5", {"00080060": {"vr": "CS"}})


@pytest.fixture
def catalogue(database: Database, spool: Spool) -> Catalogue:
    facility = FacilityConfiguration(None, SPECIALTY, "Europe/Madrid", {SPECIALTY: "Cardiology"}, START)
    database.write(lambda tx: configuration.put(tx, facility))
    return Catalogue(database, spool, describe)


def states(database: Database) -> dict[State, int]:
    return {state: n for state, n in database.read(lambda tx: counters.deliveries(tx, WORKS)).items() if n}


def only_connection(database: Database) -> Connection:
    (connection,) = database.read(connections.live)
    return connection


@pytest.mark.proves("R61", "R62", "R63", "R66")
def test_an_unknown_scanner_registers_itself_and_its_images_wait_for_works(
    catalogue: Catalogue, database: Database, keep: Keep
) -> None:
    catalogue.tell(keep("1.2.3.1"))
    catalogue.tell(keep("1.2.3.2"))
    assert catalogue.finish(START)
    connection = only_connection(database)
    assert (connection.ae_title, connection.specialty_ids) == ("US01", (SPECIALTY,))
    assert connection.last_image_at == START
    assert states(database) == {State.HELD: 2}


def test_images_of_a_known_scanner_are_ready_to_go(catalogue: Catalogue, database: Database, keep: Keep) -> None:
    known = new_ultrasound(uuid4(), AETitle("US01"), "192.0.2.7", SPECIALTY)
    database.write(lambda tx: connections.add(tx, replace(known, works_id=uuid4(), pushed_revision=1), START))
    catalogue.tell(keep("1.2.3.1"))
    catalogue.finish(START)
    assert states(database) == {State.WAITING: 1}


def test_when_an_image_was_entered_is_kept_beside_when_it_came(
    catalogue: Catalogue, database: Database, keep: Keep
) -> None:
    catalogue.record([keep("1.2.3.1")], START + timedelta(seconds=2))
    (row,) = database.read(lambda tx: tx.execute("SELECT kept_at, entered_at FROM instance").fetchall())
    assert (row["kept_at"], row["entered_at"]) == ("2026-11-24T04:00:00.000000Z", "2026-11-24T04:00:02.000000Z")


def test_our_own_check_of_the_port_registers_nobody(catalogue: Catalogue, database: Database) -> None:
    catalogue.seen(AE_TITLE, "127.0.0.1")
    catalogue.finish(START)
    assert database.read(connections.live) == []


@pytest.mark.proves("R61")
def test_a_scanner_that_only_verifies_is_registered_once(catalogue: Catalogue, database: Database) -> None:
    for _ in range(3):
        catalogue.seen("US01", "192.0.2.7")
        catalogue.finish(START)
    assert only_connection(database).last_image_at is None
    catalogue.seen("not an AE title at all", "192.0.2.7")
    catalogue.finish(START)
    assert only_connection(database).ae_title == "US01"


@pytest.mark.proves("R61")
def test_a_pacs_that_tests_us_is_answered_but_not_registered_and_may_not_store(
    catalogue: Catalogue, database: Database
) -> None:
    pacs = replace(new_ultrasound(uuid4(), AETitle("ARCHIVE"), "192.0.2.9", SPECIALTY), kind=Kind.PACS, port=104)
    database.write(lambda tx: connections.add(tx, pacs, START))
    catalogue.seen("ARCHIVE", "192.0.2.10")
    catalogue.finish(START)
    assert only_connection(database) == pacs
    doorkeeper = Doorkeeper(database)
    doorkeeper.refresh()
    request = StoreRequest("1.2", "1.2.3", "1.2.840.10008.1.2", "ARCHIVE", "R", "192.0.2.10", "192.0.2.1")
    with capture_logs() as lines, pytest.raises(StoreRefused) as refusal:
        doorkeeper.admit(request)
    assert refusal.value.status is Status.REFUSED_NOT_AUTHORIZED
    assert lines[0]["message"] == "Check for possible duplicate connections with AETitle"
    doorkeeper.admit(replace(request, calling_ae_title="US01"))


def asked_first(database: Database, **values: object) -> None:
    stored = {"approve_new_scanners": True, **values}
    database.write(lambda tx: settings.put(tx, stored, START))


@pytest.mark.proves("R67")
def test_an_unknown_scanner_waits_for_approval_its_images_held_for_works_and_pacs(
    catalogue: Catalogue, database: Database, keep: Keep
) -> None:
    asked_first(database)
    a_pacs(database, specialty=SPECIALTY)
    catalogue.seen("US01", "192.0.2.7")
    catalogue.finish(START)
    (scanner,) = (one for one in database.read(connections.live) if one.kind is Kind.ULTRASOUND)
    assert scanner.status_words == "Waiting for approval"
    database.write(lambda tx: connections.edit(tx, replace(scanner, send_directly=True), START, news=False))
    catalogue.tell(keep("1.2.3.1", data=b"x" * 1000))
    catalogue.finish(START)
    rows = database.read(lambda tx: tx.execute("SELECT destination, state FROM delivery").fetchall())
    assert {row["destination"] == WORKS for row in rows} == {True, False}
    assert {row["state"] for row in rows} == {"held"}
    waiting = database.read(lambda tx: connections.find(tx, scanner.id))
    assert waiting is not None
    assert waiting.waiting_bytes >= 1000
    assert scanner not in database.read(lambda tx: connections.to_push(tx, START))


@pytest.mark.proves("R67")
def test_who_waits_is_held_to_its_share_and_who_is_blocked_stores_nothing_more(
    catalogue: Catalogue, database: Database, keep: Keep
) -> None:
    asked_first(database, unapproved_bytes=1024 * 1024)
    doorkeeper = Doorkeeper(database)
    request = StoreRequest("1.2", "1.2.3", "1.2.840.10008.1.2", "us01 ", "R", "192.0.2.7", "192.0.2.1")
    catalogue.tell(keep("1.2.3.1", data=b"x" * 1024 * 1023))
    catalogue.finish(START)
    doorkeeper.refresh()
    doorkeeper.admit(request)
    catalogue.tell(keep("1.2.3.2", data=b"x" * 1024))
    catalogue.finish(START)
    doorkeeper.refresh()
    with pytest.raises(StoreRefused) as refusal:
        doorkeeper.admit(request)
    assert refusal.value.status is Status.OUT_OF_RESOURCES
    scanner = only_connection(database)
    database.write(lambda tx: connections.judge(tx, scanner, Approval.APPROVED, START))
    doorkeeper.refresh()
    doorkeeper.admit(request)
    assert not doorkeeper.is_blocked(AETitle("US01"))
    database.write(lambda tx: connections.judge(tx, scanner, Approval.BLOCKED, START))
    doorkeeper.refresh()
    assert doorkeeper.is_blocked(AETitle("us01"))
    with pytest.raises(StoreRefused) as refusal:
        doorkeeper.admit(request)
    assert refusal.value.status is Status.REFUSED_NOT_AUTHORIZED


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sop_instance_uid": "1.9"}, "SOP Instance UID in the Data Set"),
        ({"sop_class_uid": "1.9"}, "SOP Class UID in the Data Set"),
        ({"study_instance_uid": ""}, "Study Instance UID is missing"),
        ({"series_instance_uid": "x"}, "Series Instance UID is missing"),
    ],
)
def test_what_is_not_what_the_command_said_is_kept_as_unreadable(
    database: Database, spool: Spool, keep: Keep, change: dict[str, Any], why: str
) -> None:
    catalogue = Catalogue(database, spool, lambda kept: replace(describe(kept), **change))
    catalogue.tell(keep("1.2.3.1"))
    with capture_logs():
        catalogue.finish(START)
    (unreadable,) = database.read(lambda tx: instances.unreadable(tx, 10))
    assert why in (unreadable.unreadable or "")
    assert states(database) == {}
    assert database.read(counters.instances)["unreadable"] == 1


def test_a_header_that_cannot_be_walked_harms_nobody_else(database: Database, spool: Spool, keep: Keep) -> None:
    def walk(kept: Kept) -> Description:
        if kept.sop_instance_uid == "1.2.3.1":
            raise Unreadable("The header ends too early.")
        return describe(kept)

    catalogue = Catalogue(database, spool, walk)
    for number in range(3):
        catalogue.tell(keep(f"1.2.3.{number}"))
    with capture_logs():
        catalogue.finish(START)
    assert states(database) == {State.HELD: 2}


@pytest.mark.proves("R151")
def test_files_that_the_catalogue_does_not_know_are_taken_in_once(
    catalogue: Catalogue, database: Database, keep: Keep
) -> None:
    known, unknown = keep("1.2.3.1"), keep("1.2.3.2")
    catalogue.record([known], START)
    with capture_logs() as lines:
        assert catalogue.scan(START).taken_in == 1
        assert catalogue.scan(START).taken_in == 0
    assert [line["event"] for line in lines if line["event"] == "spool_scanned"] == ["spool_scanned"]
    assert catalogue.record([known, unknown], START) == 0
    assert states(database) == {State.HELD: 2}


@pytest.mark.proves("R151")
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign"])
def test_a_damaged_file_is_set_aside_and_never_taken_in(
    catalogue: Catalogue, database: Database, keep: Keep, tmp_path: Path, damage: str
) -> None:
    kept = keep("1.2.3.1", data=b"pixels" * 1000)
    path = tmp_path / "data" / "spool" / kept.name
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-1], "flipped": whole[:-1] + b"X", "empty": b"", "foreign": b"hello" * 100}[damage])
    with capture_logs() as lines:
        report = catalogue.scan(START)
    assert (report.taken_in, report.set_aside) == (0, 1)
    assert lines[0]["event"] == "incomplete_file_set_aside"
    assert not path.exists()
    assert len(list((tmp_path / "data" / "incomplete").iterdir())) == 1
    assert database.read(counters.instances)["kept"] == 0


def test_a_file_being_written_is_left_alone(catalogue: Catalogue, spool: Spool) -> None:
    file = spool.create(Provenance("1.2", "1.2.3", "1.2.840.10008.1.2", "US01", "R", "192.0.2.7", "192.0.2.1"))
    report = catalogue.scan(START)
    assert (report.taken_in, report.set_aside) == (0, 0)
    file.discard()


@pytest.mark.proves("R136")
def test_a_failing_catalogue_is_message_13_fatal_and_nothing_told_is_lost(
    database: Database, spool: Spool, keep: Keep
) -> None:
    class Failing(Database):
        """A catalogue whose disk is full for a while."""

        failing = True

        def __init__(self) -> None:
            """Stand before the real one."""

        def write(self, work: Callable[[Transaction], T]) -> T:
            if self.failing:
                raise StoreFailed("The catalogue cannot be written (SQLITE_FULL).")
            return database.write(work)

    failing = Failing()
    catalogue = Catalogue(failing, spool, describe)
    catalogue.tell(keep("1.2.3.1"))
    assert catalogue.ready()
    with capture_logs() as lines:
        assert not catalogue.tick(START)
        assert not catalogue.tick(START + timedelta(seconds=2))
        assert not catalogue.ready()
        failing.failing = False
        assert catalogue.tick(START + timedelta(seconds=4))
    assert catalogue.ready()
    told = [line for line in lines if line.get("message") == "Failed to store image in local database"]
    assert [line["log_level"] for line in told] == ["critical"]
    assert states(database) == {State.HELD: 1}


def test_a_quiet_moment_is_no_reason_to_stop(catalogue: Catalogue) -> None:
    assert catalogue.tick(START)
    assert catalogue.ready()


def test_many_arrivals_share_few_commits(catalogue: Catalogue, database: Database, keep: Keep) -> None:
    for number in range(300):
        catalogue.tell(keep(f"1.2.3.{number}"))
    ticks = 0
    while database.read(counters.instances)["kept"] < 300:
        catalogue.tick(START)
        ticks += 1
    assert ticks == 2
    assert database.read(lambda tx: deliveries.oldest(tx, WORKS, State.HELD)) == START


@pytest.mark.proves("R44")
@pytest.mark.parametrize(("directly", "expected"), [(True, {State.WAITING: 1}), (False, {})])
def test_images_of_a_scanner_that_sends_directly_also_go_to_the_pacs_at_once(
    catalogue: Catalogue, database: Database, keep: Keep, *, directly: bool, expected: dict[State, int]
) -> None:
    scanner = new_ultrasound(uuid4(), AETitle("US01"), "192.0.2.7", SPECIALTY)
    database.write(lambda tx: connections.add(tx, replace(scanner, send_directly=directly), START))
    pacs, other = a_pacs(database, specialty=SPECIALTY), a_pacs(database, "OTHER")
    catalogue.tell(keep("1.2.3.1"))
    catalogue.tell(keep("1.2.3.1"))
    catalogue.finish(START)
    counts = database.read(lambda tx: counters.deliveries(tx, str(pacs.id)))
    assert {state: n // 2 for state, n in counts.items() if n} == expected
    assert not any(database.read(lambda tx: counters.deliveries(tx, str(other.id))).values())
    assert states(database) == {State.HELD: 2}, "also while Works does not know the scanner"


def test_whoever_waits_until_all_is_entered_is_told_when_it_is(
    catalogue: Catalogue, database: Database, keep: Keep
) -> None:
    for number in range(3):
        catalogue.tell(keep(f"1.2.3.{number}"))
    assert not catalogue.caught_up(0)
    waiter = ThreadPoolExecutor(1).submit(catalogue.caught_up, 20)
    assert catalogue.finish(START)
    while not waiter.done():
        catalogue.finish(START)
    assert waiter.result()
    assert states(database) == {State.HELD: 3}
