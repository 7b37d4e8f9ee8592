"""One bucket for all: bytes go at the rate, at any rate that is set meanwhile, and end when the program ends."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from smartlink.gateway.errors import Stopping
from smartlink.gateway.uplink.pace import LARGEST_PIECE, Pace, no_limit
from tests.gateway.conftest import START, SetClock


class Road:
    """A pace whose waiting moves the clock, so that what it would take is counted and nobody waits."""

    def __init__(self, rate: int | None) -> None:
        self.rate = rate
        self.clock = SetClock()
        self.pace = Pace(lambda: self.rate, self.clock, self.wait)

    def wait(self, _ended: threading.Event, seconds: float) -> None:
        self.clock.move(timedelta(seconds=seconds))

    def seconds(self) -> float:
        return (self.clock() - START).total_seconds()


@pytest.fixture
def road() -> Road:
    return Road(1_000_000)


def test_bytes_go_at_the_rate(road: Road) -> None:
    for _ in range(101):
        road.pace.take(100_000)
    assert road.seconds() == pytest.approx(10.0)


def test_without_a_limit_nobody_waits() -> None:
    clock = SetClock()
    pace = Pace(no_limit, clock)
    for _ in range(1000):
        pace.take(LARGEST_PIECE)
    assert clock() == START
    assert (pace.piece, pace.within(timedelta(hours=1))) == (LARGEST_PIECE, None)


def test_a_new_rate_counts_from_the_next_piece(road: Road) -> None:
    road.pace.take(1_000_000)
    road.rate = 10_000_000
    for _ in range(11):
        road.pace.take(1_000_000)
    assert road.seconds() == pytest.approx(2.0)
    road.rate = None
    road.pace.take(1_000_000_000)
    assert road.seconds() == pytest.approx(2.0)


def test_what_was_not_used_is_not_saved_up(road: Road) -> None:
    road.pace.take(1_000_000)
    road.clock.move(timedelta(hours=1))
    before = road.seconds()
    for _ in range(3):
        road.pace.take(1_000_000)
    assert road.seconds() - before == pytest.approx(2.0)


def test_a_clock_that_is_set_back_stops_nothing(road: Road) -> None:
    road.pace.take(1_000_000)
    road.clock.move(-timedelta(hours=1))
    before = road.seconds()
    road.pace.take(1_000_000)
    assert road.seconds() - before < 60


def test_on_a_slow_line_pieces_are_small_so_that_it_never_stands_still() -> None:
    assert Road(8_000).pace.piece == 4096
    assert Road(1_000_000).pace.piece == 250_000
    assert Road(1_000_000_000).pace.piece == LARGEST_PIECE
    assert Road(1_000_000).pace.within(timedelta(minutes=1)) == 60_000_000


def test_when_the_program_ends_a_limited_transfer_ends_at_once_and_a_quick_one_has_seconds(road: Road) -> None:
    road.pace.end()
    with pytest.raises(Stopping):
        road.pace.take(1)
    road.rate = None
    road.pace.take(1)
    road.clock.move(timedelta(seconds=11))
    with pytest.raises(Stopping):
        road.pace.take(1)


def test_who_waits_is_woken_by_the_end() -> None:
    pace = Pace(lambda: 1000, SetClock())
    pace.take(3000)
    ended: list[Stopping] = []

    def transfer() -> None:
        try:
            pace.take(1000)
        except Stopping as stopping:
            ended.append(stopping)

    waiting = threading.Thread(target=transfer)
    waiting.start()
    pace.end()
    waiting.join(2)
    assert len(ended) == 1
