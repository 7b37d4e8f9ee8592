"""Refusals are counted one by one, and logged so seldom that nobody can fill the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from smartlink.gateway.refusals import MOST, Refusal, Refusals
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.refusals import Refused, listing
from tests.gateway.conftest import SetClock

US01 = Refusal("192.0.2.7", "called AE title not recognised (1/1/7)", "US01", "SOMEONE")


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    with capture_logs() as captured:
        yield captured


def listed(database: Database) -> list[Refused]:
    return database.read(lambda tx: listing(tx, 10_000))


@pytest.mark.proves("R69")
def test_a_scanner_that_calls_every_second_is_one_row_and_one_line_an_hour(
    database: Database, clock: SetClock, lines: list[EventDict]
) -> None:
    refusals = Refusals(database, clock)
    for _ in range(2 * 3600):
        refusals.note(US01)
        now = clock.move(timedelta(seconds=1))
    refusals.tick(now)
    (row,) = listed(database)
    assert (row.calling_ae_title, row.called_ae_title, row.address, row.times) == (
        "US01",
        "SOMEONE",
        "192.0.2.7",
        7200,
    )
    assert [(line["event"], line["times"]) for line in lines] == [
        ("association_refused", 1),
        ("association_refused", 3600),
    ]


def test_each_caller_and_each_reason_is_told_at_once(
    database: Database, clock: SetClock, lines: list[EventDict]
) -> None:
    refusals = Refusals(database, clock)
    refusals.note(US01)
    refusals.note(Refusal("192.0.2.8", US01.why, "US02"))
    refusals.note(Refusal("192.0.2.7", "as many associations as are allowed are open (2/3/2)", "US01"))
    assert len(lines) == 3
    refusals.tick(clock())
    refusals.tick(clock())
    assert [row.times for row in listed(database)] == [1, 1, 1]


def test_ever_new_names_fill_neither_table_nor_log(database: Database, clock: SetClock, lines: list[EventDict]) -> None:
    refusals = Refusals(database, clock)
    for number in range(3 * MOST):
        refusals.note(Refusal("192.0.2.66", US01.why, f"X{number}"))
    refusals.tick(clock())
    assert len(listed(database)) == len(lines) == MOST + 1
    assert sum(row.times for row in listed(database)) == 3 * MOST
    refusals.tick(clock.move(timedelta(hours=1)))


def test_who_was_quiet_for_an_hour_is_told_anew_and_its_row_goes_on(
    database: Database, clock: SetClock, lines: list[EventDict]
) -> None:
    refusals = Refusals(database, clock)
    refusals.note(US01)
    refusals.tick(clock())
    refusals.note(Refusal("192.0.2.8", US01.why, "US02"))
    refusals.tick(clock.move(timedelta(hours=2)))
    refusals.note(US01)
    refusals.tick(clock())
    assert [line["calling_ae_title"] for line in lines] == ["US01", "US02", "US01"]
    assert {row.calling_ae_title: row.times for row in listed(database)} == {"US01": 2, "US02": 1}


def test_what_a_caller_sends_as_its_name_can_be_printed(
    database: Database, clock: SetClock, lines: list[EventDict]
) -> None:
    Refusals(database, clock).note(Refusal("192.0.2.7", US01.why, "\x1b[2J\n\xff", "B"))
    assert lines[0]["calling_ae_title"] == "?[2J??"
