"""Times, dates and ages in words."""

from datetime import UTC, date, datetime, timedelta

import pytest

from smartlink.ui import moments
from smartlink.ui.preferences import Language

AT = datetime(2026, 11, 24, 23, 30, 5, tzinfo=UTC)
MADRID = moments.zone("Europe/Madrid")


def test_a_date_is_written_in_the_reader_s_language() -> None:
    assert moments.day(AT.date(), Language.ENGLISH) == "24 Nov 2026"
    assert moments.day(AT.date(), Language.SPANISH) == "24 nov 2026"


def test_a_time_is_local_and_of_24_hours() -> None:
    assert moments.clock(AT, MADRID) == "00:30:05"


def test_today_is_a_day_of_the_local_calendar() -> None:
    assert moments.days_ago(AT, AT + timedelta(hours=1), MADRID) == 0
    assert moments.days_ago(AT, AT + timedelta(hours=1), UTC) == 1


def test_an_unknown_zone_is_read_as_utc() -> None:
    assert moments.zone("Nowhere/Land") is UTC
    assert moments.zone("../etc") is UTC


@pytest.mark.parametrize(
    ("age", "parts"),
    [
        (timedelta(days=2, hours=4), (2, 4, 0, 0)),
        (timedelta(hours=3, minutes=12, seconds=9), (0, 3, 12, 9)),
        (timedelta(seconds=-5), (0, 0, 0, 0)),
    ],
)
def test_an_age_has_days_hours_minutes_seconds_and_is_never_negative(
    age: timedelta, parts: tuple[int, int, int, int]
) -> None:
    assert moments.age_parts(age) == parts


def test_years_are_whole() -> None:
    born = date(1965, 11, 25)
    assert moments.years(born, date(2026, 11, 24)) == 60
    assert moments.years(born, date(2026, 11, 25)) == 61
