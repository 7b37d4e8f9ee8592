"""The way to Works closes with a failure, opens after a good probe for one item, and tells of each outage once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from smartlink.gateway.errors import Unreachable
from smartlink.gateway.way_to_works import WayToWorks
from tests.gateway.conftest import START, SetClock

MINUTE = timedelta(minutes=1)


class Health:
    """Works, well or not, and how often it was asked."""

    def __init__(self) -> None:
        self.well = True
        self.asked = 0

    def __call__(self) -> None:
        self.asked += 1
        if not self.well:
            raise Unreachable("No answer.")


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def way(health: Health, clock: SetClock, told: list[str]) -> WayToWorks:
    return WayToWorks(health, clock, lambda: 5 * MINUTE, told.append)


def test_an_open_way_is_not_probed(way: WayToWorks, health: Health, clock: SetClock) -> None:
    assert way.is_open(clock())
    assert way.limit(16) == 16
    assert way.failing is None
    assert not way.is_well()
    assert health.asked == 0


def test_a_failure_closes_it_until_a_probe_succeeds_and_an_item_has_gone(
    way: WayToWorks, health: Health, clock: SetClock
) -> None:
    way.failed("No answer.")
    assert not way.is_open(clock())
    assert health.asked == 0
    assert way.failing == (START, "No answer.")
    assert way.is_open(clock.move(MINUTE))
    assert (health.asked, way.limit(16)) == (1, 1)
    assert way.is_well()
    assert way.limit(16) == 16
    assert way.failing is None


def test_probes_that_fail_come_ever_more_rarely(way: WayToWorks, health: Health, clock: SetClock) -> None:
    health.well = False
    way.failed("No answer.")
    for _ in range(300):
        assert not way.is_open(clock.move(timedelta(seconds=1)))
    assert 10 <= health.asked <= 15


def test_an_outage_is_told_once_per_interval_with_its_latest_reason(
    way: WayToWorks, clock: SetClock, told: list[str]
) -> None:
    way.failed("No answer.")
    clock.move(MINUTE)
    way.failed("A proxy answers.")
    assert told == ["No answer."]
    assert way.failing == (START, "A proxy answers.")
    clock.move(5 * MINUTE)
    way.failed("A proxy answers.")
    assert told == ["No answer.", "A proxy answers."]


def test_an_outage_in_which_only_probes_go_is_told_once_per_interval_too(
    way: WayToWorks, health: Health, clock: SetClock, told: list[str]
) -> None:
    health.well = False
    way.failed("A proxy answers.")
    for _ in range(11):
        assert not way.is_open(clock.move(MINUTE))
    assert told == ["A proxy answers.", "No answer.", "No answer."]
    assert way.failing == (START, "No answer.")
