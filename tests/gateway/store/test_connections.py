"""Connections are one per AE title, remember where they were seen, and know what Works has of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from smartlink.gateway.connections import Connection, new_ultrasound
from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.store import connections
from smartlink.gateway.store.database import Database
from smartlink.standard.names import AETitle
from tests.gateway.conftest import START
from tests.gateway.store.examples import an_ultrasound

MINUTE = timedelta(minutes=1)


def only(database: Database) -> Connection:
    (connection,) = database.read(connections.live)
    return connection


def test_a_connection_comes_back_as_it_went_in(database: Database) -> None:
    assert database.read(connections.is_empty)
    added = an_ultrasound(database)
    assert only(database) == added
    assert database.read(lambda tx: connections.find(tx, added.id)) == added
    assert not database.read(connections.is_empty)


@pytest.mark.proves("R87")
def test_two_connections_cannot_share_an_ae_title_however_it_is_cased(database: Database) -> None:
    added = an_ultrasound(database, "US01")
    assert database.read(lambda tx: connections.find_by_ae(tx, AETitle("us01"))) == added
    with pytest.raises(StoreFailed, match="UNIQUE"):
        an_ultrasound(database, "us01")


@pytest.mark.proves("R61")
def test_a_new_address_is_noted_and_told_to_works_the_same_one_is_not(database: Database) -> None:
    added = an_ultrasound(database)
    database.write(lambda tx: connections.acknowledged(tx, added, added.id, 1))
    database.write(lambda tx: connections.seen(tx, added.id, "192.0.2.7", START, image=False))
    assert not only(database).is_pending
    assert only(database).last_image_at is None
    database.write(lambda tx: connections.seen(tx, added.id, "192.0.2.8", START + MINUTE, image=True))
    seen = only(database)
    assert seen.is_pending
    assert (seen.host, seen.last_seen_at, seen.last_image_at) == ("192.0.2.8", START + MINUTE, START + MINUTE)
    assert database.read(lambda tx: connections.addresses(tx, added.id)) == ["192.0.2.8", "192.0.2.7"]


@pytest.mark.proves("R40")
def test_a_change_stays_pending_until_works_has_acknowledged_that_very_change(database: Database) -> None:
    added = an_ultrasound(database)
    (pushed,) = database.read(lambda tx: connections.to_push(tx, START))
    database.write(lambda tx: connections.seen(tx, added.id, "192.0.2.8", START, image=False))
    known_as = uuid4()
    database.write(lambda tx: connections.acknowledged(tx, pushed, known_as, 4))
    after = only(database)
    assert (after.works_id, after.works_version, after.is_in_works, after.is_pending) == (known_as, 4, True, True)
    database.write(lambda tx: connections.acknowledged(tx, after, known_as, 5))
    assert database.read(lambda tx: connections.to_push(tx, START)) == []


def test_a_push_that_failed_is_due_again_later(database: Database) -> None:
    added = an_ultrasound(database)
    database.write(lambda tx: connections.push_failed(tx, added.id, "no route", START + MINUTE))
    assert only(database).problem == "no route"
    assert database.read(lambda tx: connections.to_push(tx, START)) == []
    assert len(database.read(lambda tx: connections.to_push(tx, START + MINUTE))) == 1


def test_a_connection_that_works_forgot_is_put_anew(database: Database) -> None:
    added = an_ultrasound(database)
    database.write(lambda tx: connections.acknowledged(tx, added, added.id, 1))
    database.write(lambda tx: connections.forgotten_by_works(tx, added.id, START))
    forgotten = only(database)
    assert (forgotten.is_in_works, forgotten.works_version, forgotten.is_pending) == (False, 0, True)
    database.write(lambda tx: connections.acknowledged(tx, forgotten, added.id, 1))
    database.write(lambda tx: connections.all_forgotten(tx, START))
    assert not only(database).is_in_works


def test_a_restored_connection_is_in_works_already(database: Database) -> None:
    restored = replace(an_example(), works_id=uuid4(), works_version=3, pushed_revision=1)
    database.write(lambda tx: connections.add(tx, restored, START))
    assert only(database) == restored
    assert not only(database).is_pending


def an_example() -> Connection:
    return new_ultrasound(uuid4(), AETitle("US09"), "192.0.2.9", uuid4())
