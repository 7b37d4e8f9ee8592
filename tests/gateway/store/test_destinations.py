"""The start of an outage outlives retries and restarts; the first acceptance ends it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from smartlink.gateway.store import destinations
from smartlink.gateway.store.database import Database, open_in
from smartlink.gateway.store.destinations import Destination
from tests.gateway.conftest import START

HOUR = timedelta(hours=1)


def test_one_that_was_never_tried_does_well(database: Database) -> None:
    assert database.read(lambda tx: destinations.find(tx, "archive")) == Destination()


@pytest.mark.proves("R144")
def test_an_outage_begins_at_its_first_failure_also_after_a_restart(tmp_path: Path) -> None:
    with open_in(tmp_path) as before:
        before.write(lambda tx: destinations.failing(tx, "archive", START, "Nobody listens.", "port"))
        before.write(lambda tx: destinations.failing(tx, "archive", START + HOUR, "No answer.", "timeout"))
    with open_in(tmp_path) as after:
        found = after.read(lambda tx: destinations.find(tx, "archive"))
        assert found == Destination(START, "timeout", "No answer.")
        assert after.read(lambda tx: destinations.find(tx, "other")) == Destination()


def test_an_acceptance_ends_the_outage(database: Database) -> None:
    database.write(lambda tx: destinations.failing(tx, "archive", START, "Nobody listens."))
    database.write(lambda tx: destinations.accepted(tx, "archive", START + HOUR))
    found = database.read(lambda tx: destinations.find(tx, "archive"))
    assert found == Destination(last_accepted_at=START + HOUR)
    database.write(lambda tx: destinations.failing(tx, "archive", START + 2 * HOUR, "Again."))
    assert database.read(lambda tx: destinations.find(tx, "archive")).failing_since == START + 2 * HOUR
