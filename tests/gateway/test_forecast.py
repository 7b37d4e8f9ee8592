"""When the disk is full: the straight line of a week, and nothing where there is no line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from smartlink.gateway.forecast import EVERY, Gauge, forecast
from smartlink.gateway.intake import DiskSpace
from smartlink.gateway.store import disk_samples
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.disk_samples import Sample
from tests.gateway.conftest import START, SetClock

GB = 10**9
HOUR = timedelta(hours=1)


def a_week(per_day: int, *, hours: int = 168, ripple: int = 0) -> list[Sample]:
    free = [500 * GB - per_day * hour // 24 + (ripple if hour % 2 else -ripple) for hour in range(hours)]
    return [Sample(START + HOUR * hour, one) for hour, one in enumerate(free)]


@pytest.mark.proves("R104")
@pytest.mark.parametrize(
    ("samples", "free", "days"),
    [
        (a_week(20 * GB), 80 * GB, 3.0),
        (a_week(20 * GB, ripple=GB), 80 * GB, 3.0),
        (a_week(20 * GB), 10 * GB, 0.0),
        (a_week(0), 80 * GB, None),
        (a_week(-5 * GB), 80 * GB, None),
        (a_week(20 * GB, hours=20), 80 * GB, None),
        (a_week(1), 80 * GB, None),
        ([], 80 * GB, None),
    ],
)
def test_the_line_through_a_week_tells_when_only_the_reserve_is_left(
    samples: list[Sample], free: int, days: float | None
) -> None:
    found = forecast(samples, DiskSpace(total=1000 * GB, free=free), reserve=20 * GB)
    assert found == (None if days is None else pytest.approx(days, abs=0.05))


def test_the_gauge_reads_once_an_hour_and_forgets_what_is_older_than_a_week(database: Database) -> None:
    clock = SetClock()
    free = iter(range(1000, 0, -1))
    gauge = Gauge(database, lambda: DiskSpace(total=2000, free=next(free)))
    for _ in range(9 * 24 * 2):
        gauge.tick(clock.move(EVERY / 2))
    kept = database.read(disk_samples.listing)
    assert 167 <= len(kept) <= 169
    assert kept[0].free > kept[-1].free
    again = Gauge(database, lambda: DiskSpace(total=2000, free=5))
    again.tick(clock())
    assert database.read(disk_samples.listing) == kept


def test_samples_of_a_clock_that_went_ahead_are_forgotten(database: Database) -> None:
    ahead = Sample(START + timedelta(days=400), 9)
    database.write(lambda tx: disk_samples.add(tx, ahead, START))
    Gauge(database, lambda: DiskSpace(total=10, free=5)).tick(START)
    assert database.read(disk_samples.listing) == [Sample(START, 5)]
