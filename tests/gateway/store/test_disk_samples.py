from __future__ import annotations

from datetime import timedelta

from smartlink.gateway.store import disk_samples
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.disk_samples import Sample
from tests.gateway.conftest import START


def test_samples_come_back_in_their_order_and_old_ones_are_forgotten(database: Database) -> None:
    assert database.read(disk_samples.last) is None
    samples = [Sample(START + timedelta(hours=hour), 100 - hour) for hour in range(3)]
    for one in samples:
        database.write(lambda tx, one=one: disk_samples.add(tx, one, START))  # type: ignore[misc]
    assert database.read(disk_samples.listing) == samples
    assert database.read(disk_samples.last) == samples[-1].at
    newest = Sample(START + timedelta(hours=3), 1)
    database.write(lambda tx: disk_samples.add(tx, newest, START + timedelta(hours=2)))
    assert database.read(disk_samples.listing) == [samples[2], newest]
