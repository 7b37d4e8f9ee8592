"""Table `refusal`: repeats are counted, and the table stays short."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from smartlink.gateway.store import refusals
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.refusals import Refused, Total
from tests.gateway.conftest import START

ONE = Refused("US01", "SOMEONE", "192.0.2.7", "called AE title not recognised (1/1/7)", 2, START, START)


def test_repeats_are_counted_and_the_first_stays_in_mind(database: Database) -> None:
    later = START + timedelta(hours=1)
    database.write(lambda tx: refusals.add(tx, ONE))
    database.write(lambda tx: refusals.add(tx, replace(ONE, times=3, first_at=later, last_at=later)))
    assert database.read(lambda tx: refusals.listing(tx, 10)) == [replace(ONE, times=5, last_at=later)]
    assert database.read(refusals.total) == Total(1, 5, later)


def test_the_old_and_the_many_are_forgotten(database: Database) -> None:
    assert database.read(refusals.total) == Total(0, 0, None)
    rows = [replace(ONE, address=f"192.0.2.{n}", last_at=START + timedelta(minutes=n)) for n in range(6)]
    for row in rows:
        database.write(lambda tx, row=row: refusals.add(tx, row))  # type: ignore[misc]
    database.write(lambda tx: refusals.forget(tx, START + timedelta(minutes=2), 10))
    left = [one.address for one in database.read(lambda tx: refusals.listing(tx, 10))]
    assert left == ["192.0.2.5", "192.0.2.4", "192.0.2.3", "192.0.2.2"]
    database.write(lambda tx: refusals.forget(tx, START, 2))
    assert [one.address for one in database.read(lambda tx: refusals.listing(tx, 10))] == left[:2]
