"""Counters kept by the database itself agree with what a count would say."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smartlink.gateway.delivery import State
from smartlink.gateway.store import counters, deliveries, delivery_list
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.deliveries import WORKS
from tests.gateway.conftest import START
from tests.gateway.store.examples import an_instance


def test_an_empty_catalogue_has_a_zero_for_every_state(database: Database) -> None:
    assert database.read(lambda tx: counters.deliveries(tx, WORKS)) == dict.fromkeys(State, 0)
    assert set(database.read(counters.instances).values()) == {0}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.sampled_from(["add", "claim", "accept", "fail", "refuse", "expire", "retry"]), max_size=12))
def test_counters_agree_with_a_count_after_any_history(database: Database, moves: list[str]) -> None:
    held: list[deliveries.Claim] = []
    at = START + timedelta(days=400)
    for move in moves:
        if move == "add":
            _add_one(database)
        elif move == "claim":
            held += database.write(lambda tx: deliveries.claim(tx, WORKS, at, at, 1))
        elif move == "expire":
            database.write(lambda tx: deliveries.expire_leases(tx, START, at))
        elif move == "retry":
            for parked in database.read(lambda tx: delivery_list.listing(tx, State.PARKED, 1)):
                database.write(lambda tx: deliveries.retry(tx, parked.id, START))  # noqa: B023
        elif held:
            _finish(database, move, held.pop())
    counted = dict.fromkeys(State, 0) | {
        State(row["state"]): row["n"]
        for row in database.read(
            lambda tx: tx.execute("SELECT state, count(*) AS n FROM delivery GROUP BY state").fetchall()
        )
    }
    assert database.read(lambda tx: counters.deliveries(tx, WORKS)) == counted


def _add_one(database: Database) -> None:
    an_instance(database, database.read(counters.instances)["kept"])


def _finish(database: Database, move: str, claim: deliveries.Claim) -> None:
    if move == "accept":
        database.write(lambda tx: deliveries.accepted(tx, claim, START))
    elif move == "fail":
        database.write(lambda tx: deliveries.failed(tx, claim, START, START, "cause"))
    else:
        database.write(lambda tx: deliveries.refused(tx, claim, START, "cause", "remedy"))
