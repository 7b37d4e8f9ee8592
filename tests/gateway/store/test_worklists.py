"""The last good list stays until another one comes, its time is over, or its server is deleted."""

from __future__ import annotations

from datetime import timedelta

from smartlink.gateway.store import connections, worklists
from smartlink.gateway.store.database import Database
from smartlink.link.worklist import WorklistItem
from tests.gateway.conftest import START
from tests.gateway.store.examples import a_worklist

LATER = START + timedelta(minutes=5)
EXPIRES = START + timedelta(hours=48)


def item(number: int) -> WorklistItem:
    return WorklistItem(patient_name="Yamada^Tarou=山田^太郎", patient_id=str(number), start_at=START)


def test_a_list_replaces_the_one_before_and_a_failure_leaves_it(database: Database) -> None:
    server = a_worklist(database)
    for numbers in ((1, 2), (3,)):
        content = [(item(number), EXPIRES) for number in numbers]
        database.write(
            lambda tx, content=content: worklists.found(  # type: ignore[misc]
                tx, server.id, content, START, truncated=True, unreadable=2
            )
        )
    for at in (LATER, LATER + timedelta(minutes=1)):
        database.write(lambda tx, at=at: worklists.failed(tx, server.id, at, "It is down.", "Start it."))  # type: ignore[misc]
    known = database.read(worklists.live)[server.id]
    assert (known.fetched_at, known.failing_since, known.items) == (START, LATER, 1)
    assert (known.checked_at, known.problem, known.remedy) == (LATER + timedelta(minutes=1), "It is down.", "Start it.")
    assert (known.truncated, known.unreadable) == (True, 2)
    assert database.read(lambda tx: worklists.items(tx, server.id)) == [item(3)]
    database.write(lambda tx: worklists.found(tx, server.id, [], LATER, truncated=False, unreadable=0))
    known = database.read(worklists.live)[server.id]
    assert (known.failing_since, known.problem, known.items, known.truncated) == (None, None, 0, False)


def test_what_works_was_told_is_no_news_until_something_changes(database: Database) -> None:
    server = a_worklist(database)

    def known() -> worklists.Worklist:
        return database.read(worklists.live)[server.id]

    database.write(lambda tx: worklists.failed(tx, server.id, START, "It is down.", ""))
    assert known().is_news
    database.write(lambda tx: worklists.told(tx, known()))
    database.write(lambda tx: worklists.failed(tx, server.id, LATER, "It is down.", ""))
    assert not known().is_news
    database.write(lambda tx: worklists.found(tx, server.id, [], LATER, truncated=False, unreadable=0))
    assert known().is_news
    database.write(lambda tx: worklists.told(tx, known()))
    assert not known().is_news
    database.write(worklists.none_is_told)
    assert known().is_news


def test_items_are_purged_by_the_clock(database: Database) -> None:
    server = a_worklist(database)
    content = [(item(1), START + timedelta(hours=1)), (item(2), EXPIRES)]
    database.write(lambda tx: worklists.found(tx, server.id, content, START, truncated=False, unreadable=0))
    assert not database.read(lambda tx: worklists.any_expired(tx, START))
    later = START + timedelta(hours=1)
    assert database.read(lambda tx: worklists.any_expired(tx, later))
    assert database.write(lambda tx: worklists.purge(tx, later)) == 1
    assert database.read(lambda tx: worklists.items(tx, server.id)) == [item(2)]


def test_nothing_is_left_of_a_deleted_server(database: Database) -> None:
    server = a_worklist(database)
    database.write(
        lambda tx: worklists.found(tx, server.id, [(item(1), EXPIRES)], START, truncated=False, unreadable=0)
    )
    database.write(lambda tx: connections.delete(tx, server.id, START, at_works=True))
    assert database.read(worklists.live) == {}
    database.write(lambda tx: worklists.forget(tx, server.id))
    assert database.read(lambda tx: worklists.items(tx, server.id)) == []
