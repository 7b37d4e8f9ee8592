"""Rows turned into what a page prints."""

from datetime import UTC, date, datetime, timedelta

import pytest

from smartlink.works.store.exam_pages import GatewayContact, Looker
from smartlink.works.web import shown

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Rivera^Elena", "Rivera, Elena"),
        ("RIVERA^ELENA^MARIA", "RIVERA, ELENA MARIA"),
        ("Rivera^Elena^^Dra.^PhD", "Dra. Rivera, Elena PhD"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou · 山田, 太郎 · やまだ, たろう"),
        ("=山田^太郎", "山田, 太郎"),
        ("Rivera", "Rivera"),
        ("^^^^", ""),
        (None, ""),
    ],
)
def test_a_person_name_is_shown_in_every_script_it_was_sent_in(value: str | None, name: str) -> None:
    assert shown.patient_name(value) == name


@pytest.mark.parametrize(
    ("value", "born"),
    [("1965-03-12", date(1965, 3, 12)), ("19650312", date(1965, 3, 12)), ("1965", None), ("", None), (None, None)],
)
def test_a_birth_date_that_is_none_is_left_out(value: str | None, born: date | None) -> None:
    assert shown.birth(value) == born


@pytest.mark.parametrize(
    ("name", "mark"),
    [("Dr. Lucía Ferrer", "LF"), ("Cher", "C"), ("", ""), ("Ferrer, Lucía", "FL"), ("Dr. A. B. Doe", "D")],
)
def test_two_letters_stand_for_a_person(name: str, mark: str) -> None:
    assert shown.initials(name) == mark


@pytest.mark.parametrize(
    ("hours", "kind"), [(11.9, None), (12.0, "warn"), (47.9, "warn"), (48.0, "fail"), (1000.0, "fail")]
)
def test_waiting_is_plain_then_amber_then_red(hours: float, kind: str | None) -> None:
    assert shown.waiting_kind(timedelta(hours=hours)) == kind


@pytest.mark.parametrize(
    ("frames", "frame_ms", "length"),
    [(1, None, ""), (60, 33.3, "0:02"), (2, 10.0, "0:01"), (9000, None, "5:00"), (60, 0.0, "0:02")],
)
def test_a_cine_is_as_long_as_its_header_says(frames: int, frame_ms: float | None, length: str) -> None:
    assert shown.length(frames, frame_ms) == length


def test_a_gateway_is_online_only_while_its_heartbeat_is_not_overdue() -> None:
    heard = GatewayContact("Lakeside", NOW - timedelta(days=9), NOW)
    assert shown.gateway(heard, NOW + timedelta(seconds=180)).kind == "ok"
    assert shown.gateway(heard, NOW + timedelta(seconds=181)).kind == "fail"


def test_a_gateway_whose_clock_is_ahead_was_heard_just_now() -> None:
    assert shown.gateway(GatewayContact("Lakeside", NOW, NOW + timedelta(minutes=1)), NOW).silent_for == timedelta()


def test_who_works_in_several_facilities_is_shown_with_the_organisation() -> None:
    one = Looker("Dr. Bob", "Lakeside Health", ["General"], ["Cardiology", "Radiology"], "UTC")
    several = Looker("Dr. Bob", "Lakeside Health", ["Clinic", "General"], [], None)
    assert shown.looker(one).place == "General, Cardiology"
    assert shown.looker(several).place == "Lakeside Health"
