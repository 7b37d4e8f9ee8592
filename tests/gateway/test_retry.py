"""When to try again, when to tell again, when to ask again: decisions without a clock of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartlink.gateway.retry import PROBE_LONGEST, Breaker, Outage, latest_attempt, next_attempt, probe_pause

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
FIVE = timedelta(minutes=5)


@pytest.mark.proves("R112")
@given(luck=st.floats(min_value=0, max_value=1), minutes=st.sampled_from([5, 15, 30]))
def test_the_next_attempt_comes_after_the_interval_give_or_take_a_tenth(luck: float, minutes: int) -> None:
    interval = timedelta(minutes=minutes)
    pause = next_attempt(NOW, interval, luck) - NOW
    assert interval * 0.9 - timedelta(milliseconds=1) <= pause <= interval * 1.1 + timedelta(milliseconds=1)


def test_nothing_is_put_off_for_longer_than_the_worst_of_luck() -> None:
    assert latest_attempt(NOW, FIVE) == next_attempt(NOW, FIVE, 1.0)


def test_no_luck_either_way_is_the_interval_itself() -> None:
    assert next_attempt(NOW, FIVE, 0.5) == NOW + FIVE


@pytest.mark.parametrize("luck", [-0.1, 1.1])
def test_luck_outside_its_range_is_a_mistake(luck: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        next_attempt(NOW, FIVE, luck)


def test_probes_begin_quickly_and_end_at_half_a_minute() -> None:
    pauses = [probe_pause(failures).total_seconds() for failures in range(8)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert probe_pause(10_000) == PROBE_LONGEST


def test_an_outage_is_told_once_per_interval_and_anew_after_a_success() -> None:
    outage = Outage(lambda: FIVE)
    assert [outage.should_be_told(NOW + timedelta(minutes=minute)) for minute in (0, 1, 4, 5, 6)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    outage.is_over()
    assert not outage.is_on
    assert outage.should_be_told(NOW + timedelta(minutes=7))


def test_a_breaker_lets_one_item_through_after_a_good_probe_and_all_after_its_success() -> None:
    breaker = Breaker()
    assert breaker.limit(16) == 16
    breaker.failed(NOW)
    assert breaker.is_open
    assert breaker.limit(16) == 0
    assert not breaker.may_probe(NOW)
    assert breaker.may_probe(NOW + timedelta(seconds=1))
    breaker.probed()
    assert breaker.limit(16) == 1
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.limit(16) == 16


def test_a_breaker_opens_again_when_the_one_item_fails() -> None:
    breaker = Breaker()
    breaker.failed(NOW)
    breaker.probed()
    breaker.failed(NOW)
    assert breaker.is_open
    assert not breaker.may_probe(NOW + timedelta(seconds=1))
    assert breaker.may_probe(NOW + timedelta(seconds=2))


def test_an_outage_remembers_when_it_began() -> None:
    outage = Outage(lambda: timedelta(minutes=5))
    assert outage.since is None
    for minutes in (0, 3, 6):
        outage.should_be_told(NOW + timedelta(minutes=minutes))
        assert outage.since == NOW
    outage.is_over()
    assert outage.since is None


def test_an_answer_to_what_was_asked_before_an_outage_does_not_end_it() -> None:
    outage = Outage(lambda: FIVE)
    assert outage.should_be_told(NOW)
    outage.is_over(NOW - timedelta(seconds=1))
    assert outage.is_on
    assert not outage.should_be_told(NOW + timedelta(seconds=1))
    outage.is_over(NOW + timedelta(seconds=2))
    assert not outage.is_on


@pytest.mark.proves("R111")
def test_an_interval_that_is_changed_counts_from_the_next_failure_on() -> None:
    interval = [timedelta(minutes=30)]
    outage = Outage(lambda: interval[0])
    assert outage.should_be_told(NOW)
    assert not outage.should_be_told(NOW + timedelta(minutes=6))
    interval[0] = timedelta(minutes=5)
    assert outage.should_be_told(NOW + timedelta(minutes=7))
