"""What a person sees: counts and times, bounded lists, nothing about a patient."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from smartlink.gateway.delivery import State
from smartlink.gateway.status import connections_of, queue_of, refusals_of, status_of
from smartlink.gateway.store import commitments, deliveries, destinations, licences, refusals, service
from smartlink.gateway.store.commitments import Asked, Reference
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.refusals import Refused
from tests.gateway.conftest import START
from tests.gateway.store.examples import a_pacs, an_instance, an_ultrasound
from tests.gateway.store.test_licences import an_activation


def test_before_anything_ran_everything_is_closed_and_zero(database: Database, tmp_path: Path) -> None:
    found = status_of(database, tmp_path, START)
    assert found["licence"] == {"state": "unlicensed"}
    assert found["service"]["running"] is False
    assert found["receiver"]["open"] is False
    assert set(found["deliveries"].values()) == {0}
    assert found["disk"]["total_bytes"] >= found["disk"]["free_bytes"]


def test_a_running_service_shows_its_port_and_a_silent_one_does_not(database: Database, tmp_path: Path) -> None:
    database.write(licences.ensure)
    database.write(lambda tx: licences.activate(tx, an_activation()))
    database.write(lambda tx: service.started(tx, os.getpid(), "0.1.0", START))
    database.write(lambda tx: service.receiver_open(tx, "SMARTLINKRCVR", (33333, None), START))
    found = status_of(database, tmp_path, START + timedelta(seconds=5))
    assert found["licence"]["facility"] == "Emergency"
    assert found["receiver"] == {
        "open": True,
        "ae_title": "SMARTLINKRCVR",
        "port": 33333,
        "tls_port": None,
        "problem": None,
    }
    silent = status_of(database, tmp_path, START + timedelta(minutes=1))
    assert (silent["service"]["running"], silent["receiver"]["open"]) == (False, False)
    database.write(lambda tx: service.stopped(tx, START))
    assert not status_of(database, tmp_path, START)["service"]["running"]


@pytest.mark.proves("R42")
def test_connections_are_listed_with_their_status(database: Database) -> None:
    an_ultrasound(database)
    (found,) = connections_of(database)
    assert (found["name"], found["kind"], found["status"], found["in_works"]) == (
        "US01",
        "ultrasound",
        "Pending sync",
        False,
    )


def test_the_queue_is_bounded_and_its_totals_are_whole(database: Database) -> None:
    for number in range(5):
        an_instance(database, number, state=State.HELD if number == 0 else State.WAITING)
    found = queue_of(database, None, 2)
    assert (found["total"], len(found["items"])) == (5, 2)
    assert found["counts"]["waiting"] == 4
    held = queue_of(database, State.HELD, 10)
    assert [one["sop_instance_uid"] for one in held["items"]] == ["1.2.3.0"]
    assert "00080060" not in json.dumps(found, default=str)


@pytest.mark.proves("R143")
def test_each_pacs_is_shown_with_what_waits_for_it_and_why(database: Database, tmp_path: Path) -> None:
    pacs = a_pacs(database)
    instance_id = an_instance(database, 1)
    database.write(lambda tx: deliveries.add(tx, instance_id, str(pacs.id), None, State.WAITING, START))
    database.write(lambda tx: destinations.failing(tx, str(pacs.id), START, "Nobody listens.", "port"))
    for found in (status_of(database, tmp_path, START), queue_of(database, None, 10)):
        shown = found["pacs"]["ARCHIVE"]
        assert (shown["waiting"], shown["failing_since"], shown["problem"]) == (1, START, "Nobody listens.")
        assert found["to_be_fetched"] == 0


@pytest.mark.proves("R69")
def test_who_was_turned_away_is_counted_and_listed(database: Database, tmp_path: Path) -> None:
    assert status_of(database, tmp_path, START)["refused"] == {"callers": 0, "times": 0, "last_at": None}
    one = Refused("US01", "SOMEONE", "192.0.2.7", "called AE title not recognised (1/1/7)", 3, START, START)
    database.write(lambda tx: refusals.add(tx, one))
    assert status_of(database, tmp_path, START)["refused"]["times"] == 3
    assert [row["why"] for row in refusals_of(database, 10)] == [one.why]


def test_results_that_are_still_to_be_told_are_counted_with_what_is_in_the_way(
    database: Database, tmp_path: Path
) -> None:
    assert status_of(database, tmp_path, START)["commitments"] == {"waiting": 0, "problem": None}
    asked = Asked("US01", "SMARTLINKRCVR", "192.0.2.7", "1.2.9", (Reference("1.2", "1.2.3"),))
    number = database.write(lambda tx: commitments.add(tx, asked, START, START))
    database.write(lambda tx: commitments.postpone(tx, number, START, "Nobody listens."))
    assert status_of(database, tmp_path, START)["commitments"] == {"waiting": 1, "problem": "Nobody listens."}
