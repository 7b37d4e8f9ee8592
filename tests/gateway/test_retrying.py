"""Retry: what needs attention and what waits goes at once; what is at its end is refused with the reason."""

from __future__ import annotations

from datetime import timedelta

import pytest

from smartlink.gateway.delivery import State
from smartlink.gateway.errors import Refused
from smartlink.gateway.retrying import try_again
from smartlink.gateway.store import audit, deliveries, delivery_list
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.deliveries import WORKS, Claim
from tests.gateway.conftest import START
from tests.gateway.store.examples import an_instance

HOUR = timedelta(hours=1)


def claim(database: Database, count: int) -> list[Claim]:
    return database.write(lambda tx: deliveries.claim(tx, WORKS, START, START + HOUR, count))


@pytest.mark.proves("R146")
def test_what_is_parked_and_what_waits_is_tried_at_once(database: Database) -> None:
    for number in range(4):
        an_instance(database, number)
    one, two, three, four = claim(database, 4)
    for parked in (one, two):
        database.write(lambda tx, it=parked: deliveries.refused(tx, it, START, "Damaged.", "Look."))  # type: ignore[misc]
    database.write(lambda tx: deliveries.failed(tx, three, START, START + HOUR, "No route."))
    database.write(lambda tx: deliveries.accepted(tx, four, START))
    assert try_again(database, [three.id, three.id], parked=False, now=START) == [three.id]
    assert [found.id for found in claim(database, 9)] == [three.id]
    assert sorted(try_again(database, [], parked=True, now=START)) == [one.id, two.id]
    assert [found.id for found in claim(database, 9)] == [one.id, two.id]


def test_what_cannot_be_tried_is_told_and_nothing_changes(database: Database) -> None:
    for number in range(2):
        an_instance(database, number)
    parked, sent = claim(database, 2)
    database.write(lambda tx: deliveries.refused(tx, parked, START, "Damaged.", "Look."))
    database.write(lambda tx: deliveries.accepted(tx, sent, START))
    with pytest.raises(Refused, match="is sent"):
        try_again(database, [parked.id, sent.id], parked=False, now=START)
    with pytest.raises(Refused, match="no delivery 99"):
        try_again(database, [99], parked=False, now=START)
    (still,) = database.read(lambda tx: delivery_list.listing(tx, State.PARKED, 9))
    assert still.id == parked.id


def test_who_tries_again_is_in_the_audit_list(database: Database) -> None:
    an_instance(database, 1)
    (parked,) = claim(database, 1)
    database.write(lambda tx: deliveries.refused(tx, parked, START, "Damaged.", "Look."))
    try_again(database, [], parked=True, now=START)
    try_again(database, [], parked=True, now=START)
    (entry,) = database.read(lambda tx: audit.listing(tx, START, 9))
    assert (entry.action, entry.new) == ("deliveries_tried_again", {"delivery_ids": [parked.id]})
