"""Connections are one per AE title, remember where they were seen, and know what Works has of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from smartlink.gateway.calling import Tls
from smartlink.gateway.connections import Changes, Connection, new_pacs, new_ultrasound
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
    assert database.read(connections.none_is_known)
    added = an_ultrasound(database)
    assert only(database) == added
    assert database.read(lambda tx: connections.find(tx, added.id)) == added


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


@pytest.mark.proves("R41")
def test_a_scanner_that_registered_itself_is_no_knowledge_of_what_works_has(database: Database) -> None:
    scanner = an_ultrasound(database)
    assert database.read(connections.none_is_known)
    at_works = replace(an_example(), name="Cart 9", works_id=uuid4(), works_version=3)
    database.write(lambda tx: connections.adopt(tx, scanner.id, at_works, START))
    adopted = only(database)
    assert (adopted.id, adopted.ae_title, adopted.name) == (scanner.id, scanner.ae_title, "Cart 9")
    assert (adopted.works_id, adopted.works_version, adopted.is_pending) == (at_works.works_id, 3, True)
    assert not database.read(connections.none_is_known)


def an_example() -> Connection:
    return new_ultrasound(uuid4(), AETitle("US09"), "192.0.2.9", uuid4())


def a_pacs(database: Database, ae_title: str = "ARCHIVE") -> Connection:
    """Enter a PACS connection that Works does not have yet."""
    typed = Changes(name=ae_title, ae_title=ae_title, host="192.0.2.9", port=104, specialty_ids=(uuid4(),))
    connection = new_pacs(uuid4(), typed)
    database.write(lambda tx: connections.add(tx, connection, START))
    return connection


@pytest.mark.proves("R40")
def test_an_edit_is_stored_and_pushed_at_once_whatever_failed_before(database: Database) -> None:
    added = a_pacs(database)
    database.write(lambda tx: connections.acknowledged(tx, added, uuid4(), 1))
    database.write(lambda tx: connections.push_failed(tx, added.id, "no", START + MINUTE))
    after = replace(only(database), name="Archive 2", port=105)
    database.write(lambda tx: connections.edit(tx, after, START, news=True))
    assert (only(database).name, only(database).port, only(database).problem) == ("Archive 2", 105, None)
    assert [one.id for one in database.read(lambda tx: connections.to_push(tx, START))] == [added.id]


@pytest.mark.proves("R44")
def test_send_directly_is_stored_and_no_news_for_works(database: Database) -> None:
    added = an_ultrasound(database)
    database.write(lambda tx: connections.acknowledged(tx, added, uuid4(), 1))
    database.write(lambda tx: connections.edit(tx, replace(only(database), send_directly=True), START, news=False))
    assert only(database).send_directly
    assert not only(database).is_pending


@pytest.mark.proves("R49")
def test_a_verified_connection_is_active_and_works_is_told_once(database: Database) -> None:
    added = a_pacs(database)
    database.write(lambda tx: connections.acknowledged(tx, added, uuid4(), 1))
    assert database.write(lambda tx: connections.verified(tx, added, START))
    assert (only(database).status_words, only(database).verified_at) == ("Pending sync", START)
    database.write(lambda tx: connections.acknowledged(tx, only(database), uuid4(), 2))
    database.write(lambda tx: connections.verified(tx, added, START + MINUTE))
    assert (only(database).status_words, only(database).verified_at) == ("Active", START + MINUTE)


@pytest.mark.proves("R49")
def test_what_was_verified_counts_no_more_after_a_change(database: Database) -> None:
    added = a_pacs(database)
    database.write(lambda tx: connections.edit(tx, replace(added, port=105), START, news=True))
    assert not database.write(lambda tx: connections.verified(tx, added, START))
    assert only(database).verified_at is None


@pytest.mark.proves("R84", "R86")
def test_a_deleted_connection_is_not_pushed_any_more_and_its_ae_title_is_free(database: Database) -> None:
    added = a_pacs(database)
    database.write(lambda tx: connections.delete(tx, added.id, START, at_works=True))
    assert database.read(connections.live) == []
    assert database.read(lambda tx: connections.to_push(tx, START)) == []
    assert database.read(lambda tx: connections.find(tx, added.id)) is not None
    assert a_pacs(database).id != added.id


@pytest.mark.proves("R84")
def test_what_works_heard_of_during_the_deletion_is_deleted_there_too(database: Database) -> None:
    added = a_pacs(database)
    database.write(lambda tx: connections.delete(tx, added.id, START, at_works=False))
    assert database.read(connections.to_delete_at_works) == []
    database.write(lambda tx: connections.acknowledged(tx, added, added.id, 1))
    assert [one.id for one in database.read(connections.to_delete_at_works)] == [added.id]
    database.write(lambda tx: connections.deleted_at_works(tx, added.id, START))
    assert database.read(connections.to_delete_at_works) == []


def test_how_a_connection_is_secured_is_kept_and_part_of_what_is_verified(database: Database) -> None:
    plain = a_pacs(database)
    tls = Tls(Path("/ca.pem"), Path("/c.pem"), Path("/k.pem"), "pacs.example")
    database.write(lambda tx: connections.edit(tx, replace(plain, tls=tls), START, news=False))
    found = database.read(lambda tx: connections.find(tx, plain.id))
    assert found is not None
    assert found.tls == tls
    assert not database.write(lambda tx: connections.verified(tx, plain, START))
    assert database.write(lambda tx: connections.verified(tx, found, START))
