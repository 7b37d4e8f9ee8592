"""What a scanner offers in vain is counted by scanner, so that a person can allow it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from smartlink.gateway import syntaxes as module
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.offered import Offered, listing
from smartlink.gateway.syntaxes import Syntaxes
from tests.gateway.conftest import START, SetClock

PRIVATE, OTHER = "1.2.840.113619.4.30", "1.2.840.113619.4.26"


def listed(database: Database) -> list[Offered]:
    return database.read(lambda tx: listing(tx, 100))


@pytest.mark.proves("R68")
def test_proposals_are_counted_by_caller_and_logged_once(database: Database, clock: SetClock) -> None:
    syntaxes = Syntaxes(database, clock)
    with capture_logs() as logs:
        for _ in range(3):
            syntaxes.note("US01", "192.0.2.7", [PRIVATE, OTHER])
        syntaxes.note("US02", "192.0.2.8", [PRIVATE])
    syntaxes.tick(clock.move(timedelta(minutes=1)))
    syntaxes.note("US01", "192.0.2.9", [PRIVATE])
    later = clock()
    syntaxes.tick(later)
    assert listed(database) == [
        Offered("US01", OTHER, "192.0.2.7", 3, START, START),
        Offered("US01", PRIVATE, "192.0.2.9", 4, START, later),
        Offered("US02", PRIVATE, "192.0.2.8", 1, START, START),
    ]
    assert [(line["calling_ae_title"], line["uids"]) for line in logs] == [
        ("US01", [PRIVATE, OTHER]),
        ("US02", [PRIVATE]),
    ]


def test_nothing_is_written_when_nothing_came(database: Database, clock: SetClock) -> None:
    syntaxes = Syntaxes(database, clock)
    assert not syntaxes.tick(clock())
    syntaxes.note("US01", "192.0.2.7", [PRIVATE])
    syntaxes.tick(clock())
    syntaxes.tick(clock())
    assert listed(database)[0].times == 1


def test_what_is_no_uid_is_not_listed(database: Database, clock: SetClock) -> None:
    syntaxes = Syntaxes(database, clock)
    syntaxes.note("US01", "192.0.2.7", ["", "\xff", "1" * 60_000, "<script>"])
    syntaxes.tick(clock())
    assert listed(database) == []


def test_a_caller_with_ever_new_names_is_bounded(
    database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    syntaxes = Syntaxes(database, clock)
    with capture_logs() as logs:
        for number in range(100):
            syntaxes.note(f"US{number}", "192.0.2.7", [PRIVATE])
    syntaxes.tick(clock())
    assert len(listed(database)) == len(logs) == 10
