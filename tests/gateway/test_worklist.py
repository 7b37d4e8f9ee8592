"""Answers become items: in moments, in letters, and never cut where a patient is named."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from smartlink.gateway.errors import Refused
from smartlink.gateway.worklist import (
    Answer,
    Answers,
    Key,
    Query,
    QueryChanges,
    Unusable,
    Window,
    asked,
    changed,
    item_of,
    listed,
)
from smartlink.link.worklist import MOST_ITEMS

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
BOGOTA = ZoneInfo("America/Bogota")
WINDOW = Window.around(NOW, timedelta(hours=12), timedelta(hours=24))


def answer(**values: str) -> Answer:
    known = {"PATIENT_NAME": "Rivera^Elena", "PATIENT_ID": "7", "START_DATE": "20261123", "START_TIME": "2230"}
    return Answer({Key[name]: value for name, value in (known | values).items()})


@pytest.mark.proves("R52")
def test_a_server_is_asked_for_the_days_of_its_own_calendar() -> None:
    query = Query("America/Bogota", "US", "US01")
    wanted = asked(query, WINDOW, "Europe/Madrid")
    assert (wanted.day_range, wanted.modality, wanted.station_ae_title) == ("20261123-20261124", "US", "US01")
    assert asked(Query(), WINDOW, "Asia/Tokyo").day_range == "20261124-20261125"
    noon = Window.around(datetime(2026, 11, 24, 12, tzinfo=UTC), timedelta(), timedelta(hours=1))
    assert asked(Query(), noon, "UTC").day_range == "20261124"


@pytest.mark.proves("R52")
@pytest.mark.parametrize(
    ("values", "at", "has_time"),
    [
        ({}, datetime(2026, 11, 23, 22, 30, tzinfo=BOGOTA), True),
        ({"TIMEZONE_OFFSET_FROM_UTC": "+0100"}, datetime(2026, 11, 23, 21, 30, tzinfo=UTC), True),
        ({"TIMEZONE_OFFSET_FROM_UTC": "+9900"}, datetime(2026, 11, 23, 22, 30, tzinfo=BOGOTA), True),
        ({"START_TIME": ""}, datetime(2026, 11, 23, tzinfo=BOGOTA), False),
        ({"START_TIME": "22:30:15.5"}, datetime(2026, 11, 23, 22, 30, 15, tzinfo=BOGOTA), True),
        ({"START_TIME": "99"}, datetime(2026, 11, 23, tzinfo=BOGOTA), False),
        ({"START_DATE": "2026.11.23"}, datetime(2026, 11, 23, 22, 30, tzinfo=BOGOTA), True),
    ],
)
def test_a_step_has_a_moment_in_the_servers_time_zone(values: dict[str, str], at: datetime, *, has_time: bool) -> None:
    item = item_of(answer(**values), BOGOTA)
    assert (item.start_at, item.start_has_time) == (at, has_time)


def test_values_lose_their_padding_and_nothing_else() -> None:
    item = item_of(
        answer(PATIENT_NAME=" Rivera ^Elena^^=山田　^太郎== ", PATIENT_SEX="f", PATIENT_BIRTH_DATE="19650312"), BOGOTA
    )
    assert item.patient_name == "Rivera ^Elena=山田　^太郎"
    assert (item.sex, item.birth_date) == ("", date(1965, 3, 12))
    odd = item_of(answer(PATIENT_BIRTH_DATE="1965", PATIENT_NAME="A\\B", STEP_DESCRIPTION="x" * 70), BOGOTA)
    assert (odd.birth_date, odd.patient_name, len(odd.step_description)) == (None, "A", 64)


@pytest.mark.parametrize(
    "values",
    [
        {"PATIENT_ID": "x" * 65},
        {"ACCESSION_NUMBER": "x" * 17},
        {"PATIENT_NAME": "x" * 195},
        {"PATIENT_NAME": "", "PATIENT_ID": ""},
        {"START_DATE": ""},
        {"START_DATE": "20261332"},
        {"STUDY_INSTANCE_UID": "1.2.x"},
    ],
)
def test_what_would_have_to_be_cut_or_made_up_is_no_item(values: dict[str, str]) -> None:
    with pytest.raises(Unusable) as refused:
        item_of(answer(**values), BOGOTA)
    assert "xx" not in str(refused.value)


def test_a_list_holds_what_is_within_the_window_once_and_counts_the_rest() -> None:
    found = [answer(START_TIME="2359"), answer(), answer(), answer(START_DATE="20261120"), answer(PATIENT_ID="x" * 99)]
    result = listed(Answers(found, unreadable=1), Query("America/Bogota"), WINDOW, "UTC")
    assert [item.start_at.minute for item in result.items] == [30, 59]
    assert (result.unreadable, result.truncated) == (2, False)


def test_a_step_of_which_only_the_day_is_known_stays_until_the_day_is_over() -> None:
    today = answer(START_DATE="20261124", START_TIME="")
    yesterday = answer(START_DATE="20261122", START_TIME="")
    result = listed(Answers([today, yesterday]), Query(), WINDOW, "UTC")
    assert [item.start_at.day for item in result.items] == [24]


def test_a_list_is_bounded_and_says_so() -> None:
    many = [answer(PATIENT_ID=str(number)) for number in range(MOST_ITEMS + 1)]
    result = listed(Answers(many), Query("America/Bogota"), WINDOW, "UTC")
    assert (len(result.items), result.truncated) == (MOST_ITEMS, True)


def test_a_name_with_a_letter_that_is_missing_is_guessed() -> None:
    assert item_of(answer(PATIENT_NAME="Mu�oz"), BOGOTA).guessed
    assert not item_of(answer(), BOGOTA).guessed


def test_how_a_server_is_asked_is_parsed_at_the_door() -> None:
    after = changed(None, QueryChanges("Europe/Madrid", "us", "US01", "iso-ir 100"))
    assert after == Query("Europe/Madrid", "US", "US01", "ISO_IR 100")
    assert changed(after, QueryChanges(modality="", station_ae_title=" ")) == Query(
        "Europe/Madrid", None, None, "ISO_IR 100"
    )
    for wanted in (
        QueryChanges(time_zone="Europe/Atlantis"),
        QueryChanges(time_zone="../etc/passwd"),
        QueryChanges(modality="ULTRA-SOUND"),
        QueryChanges(station_ae_title="x" * 17),
        QueryChanges(character_set="latin-99"),
    ):
        with pytest.raises(Refused):
            changed(None, wanted)
