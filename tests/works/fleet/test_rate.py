"""Attempts are counted for each caller within a window."""

from datetime import UTC, datetime, timedelta

from smartlink.works.fleet.rate import Rate

START = datetime(2026, 1, 31, tzinfo=UTC)


def test_one_too_many_waits_until_the_first_is_forgotten() -> None:
    rate = Rate(2, timedelta(minutes=1))
    assert rate.allows("a", START)
    assert rate.allows("a", START + timedelta(seconds=30))
    assert not rate.allows("a", START + timedelta(seconds=59))
    assert rate.allows("b", START + timedelta(seconds=59))
    assert rate.allows("a", START + timedelta(seconds=60))
    assert not rate.allows("a", START + timedelta(seconds=61))


def test_callers_beyond_ten_thousand_push_out_the_longest_silent() -> None:
    rate = Rate(1, timedelta(minutes=1))
    assert rate.allows("first", START)
    for number in range(10_000):
        assert rate.allows(str(number), START)
    assert rate.allows("first", START)
    assert not rate.allows("9999", START)
