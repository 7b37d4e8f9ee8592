"""What the service writes of itself, and of its way to Works."""

from __future__ import annotations

from datetime import timedelta

from smartlink.gateway.store import service
from smartlink.gateway.store.database import Database
from tests.gateway.conftest import START

LATER = START + timedelta(minutes=1)


def test_a_run_leaves_its_traces_and_a_new_one_begins_clean(database: Database) -> None:
    assert database.read(service.find) is None
    database.write(lambda tx: service.started(tx, 42, "0.1.0", START))
    database.write(lambda tx: service.receiver_open(tx, "SMARTLINKRCVR", (5104, None), START))
    database.write(lambda tx: service.beat(tx, LATER))
    running = database.read(service.find)
    assert running is not None
    assert (running.pid, running.receiver_port, running.beat_at, running.stopped_at) == (42, 5104, LATER, None)
    database.write(lambda tx: service.stopped(tx, LATER))
    ended = database.read(service.find)
    assert ended is not None
    assert (ended.receiver_port, ended.stopped_at) == (None, LATER)
    database.write(lambda tx: service.started(tx, 43, "0.1.0", LATER))
    anew = database.read(service.find)
    assert anew is not None
    assert (anew.pid, anew.stopped_at) == (43, None)


def test_a_closed_receiver_says_why(database: Database) -> None:
    database.write(lambda tx: service.started(tx, 42, "0.1.0", START))
    database.write(lambda tx: service.receiver_closed(tx, "Port 5104 is in use.", START))
    found = database.read(service.find)
    assert found is not None
    assert found.receiver_problem == "Port 5104 is in use."


def test_an_outage_keeps_its_beginning_until_works_answers(database: Database) -> None:
    database.write(lambda tx: service.failing(tx, START, "no route"))
    database.write(lambda tx: service.failing(tx, LATER, "time-out"))
    failing = database.read(service.find_link)
    assert (failing.failing_since, failing.problem) == (START, "time-out")
    database.write(lambda tx: service.heartbeat(tx, LATER, 0.5))
    database.write(lambda tx: service.synchronised(tx, LATER))
    database.write(lambda tx: service.receipt(tx, LATER))
    well = database.read(service.find_link)
    assert (well.failing_since, well.problem, well.clock_skew_seconds) == (None, None, 0.5)
    assert well.last_heartbeat_at == well.last_sync_at == well.last_receipt_at == LATER
    database.write(lambda tx: service.failing(tx, LATER, "x"))
    database.write(service.recovered)
    assert database.read(service.find_link).failing_since is None
