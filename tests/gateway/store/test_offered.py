from __future__ import annotations

from datetime import timedelta

from smartlink.gateway.store import offered
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.offered import Offered
from tests.gateway.conftest import START

LATER = START + timedelta(hours=1)
PRIVATE = "1.2.840.113619.4.30"


def test_proposals_of_one_class_by_one_caller_are_one_row_that_counts(database: Database) -> None:
    database.write(lambda tx: offered.add(tx, Offered("US01", PRIVATE, "192.0.2.7", 3, START, START)))
    database.write(lambda tx: offered.add(tx, Offered("US01", PRIVATE, "192.0.2.8", 2, LATER, LATER)))
    database.write(lambda tx: offered.add(tx, Offered("US02", PRIVATE, "192.0.2.9", 1, LATER, LATER)))
    assert database.read(lambda tx: offered.listing(tx, 10)) == [
        Offered("US01", PRIVATE, "192.0.2.8", 5, START, LATER),
        Offered("US02", PRIVATE, "192.0.2.9", 1, LATER, LATER),
    ]


def test_only_the_last_are_remembered(database: Database) -> None:
    for number in range(10):
        at = START + timedelta(minutes=number)
        one = Offered("US01", f"1.2.{number}", "192.0.2.7", 1, at, at)
        database.write(lambda tx, one=one: offered.add(tx, one))  # type: ignore[misc]
    database.write(lambda tx: offered.forget(tx, 3))
    left = database.read(lambda tx: offered.listing(tx, 100))
    assert [one.abstract_syntax_uid for one in left] == ["1.2.7", "1.2.8", "1.2.9"]
