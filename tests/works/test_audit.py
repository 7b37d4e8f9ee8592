"""The audit trail is appended to in the transaction of what it tells of, and the application cannot change it."""

from __future__ import annotations

import itertools
import json
import threading
from datetime import datetime, timedelta
from hashlib import sha256

import psycopg
import pytest
import sqlalchemy as sa

from smartlink.works import audit
from smartlink.works.access import Access
from tests.works.cast import Cast
from tests.works.services import TestDatabase

COUNT = "SELECT count(*) FROM audit_event WHERE action = 'look'"


def _look(site: audit.Site, now: datetime, cast: Cast) -> None:
    audit.record(
        site, now=now, actor_kind="person", actor_id=cast.bob, action="look", object_kind="exam", object_id="e1"
    )


def test_an_event_stands_and_belongs_to_its_organisation(access: Access, cast: Cast, now: datetime) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        _look(site, now, cast)
    with access.organisation(cast.lakeside.organisation_id) as site:
        assert site.value(COUNT) == 1
    with access.organisation(cast.elsewhere.organisation_id) as site:
        assert site.value(COUNT) == 0


def test_what_did_not_happen_is_not_told(access: Access, cast: Cast, now: datetime) -> None:
    with pytest.raises(RuntimeError), access.organisation(cast.lakeside.organisation_id) as site:
        _look(site, now, cast)
        raise RuntimeError
    with access.organisation(cast.lakeside.organisation_id) as site:
        assert site.value(COUNT) == 0


@pytest.mark.parametrize("change", ["UPDATE audit_event SET outcome = 'x'", "DELETE FROM audit_event"])
def test_the_application_cannot_change_what_was_told(access: Access, cast: Cast, change: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError), access.organisation(cast.lakeside.organisation_id) as site:
        site.run(change)


def _events(access: Access, cast: Cast, now: datetime, count: int = 4) -> None:
    for _ in range(count):
        with access.organisation(cast.lakeside.organisation_id) as site:
            _look(site, now, cast)


def _tamper(database: TestDatabase, *changes: str) -> None:
    """What only somebody who rules the whole server can do: no triggers, no row-level security."""
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SET session_replication_role = replica")
        for change in changes:
            connection.execute(change)


SLIPPED_IN = """
    INSERT INTO audit_event (organisation_id, at, actor_kind, action, object_kind, outcome)
    VALUES ('{organisation}', now(), 'system', 'x', 'y', 'success')
"""
ONE = "(SELECT event_id FROM audit_seal WHERE seq = 4 AND organisation_id = '{organisation}')"


@pytest.mark.parametrize(
    ("change", "where", "why"),
    [
        ("UPDATE audit_event SET outcome = 'failure' WHERE id = " + ONE, 4, "was altered"),
        ("UPDATE audit_event SET ip = '10.9.9.9' WHERE id = " + ONE, 4, "was altered"),
        ("DELETE FROM audit_event WHERE id = " + ONE, 4, "was removed"),
        ("DELETE FROM audit_seal WHERE seq = 4 AND organisation_id = '{organisation}'", 4, "4 to 4 are missing"),
        (
            SLIPPED_IN,
            0,
            "without a seal",
        ),
    ],
)
def test_it_is_told_where_the_chain_breaks(
    access: Access, cast: Cast, now: datetime, database: TestDatabase, change: str, where: int, why: str
) -> None:
    _events(access, cast, now)
    place = cast.lakeside.organisation_id
    whole = audit.verify(access, place)
    assert whole.broken_at is None
    _tamper(database, change.format(organisation=place))
    found = audit.verify(access, place)
    assert found.broken_at == (where or whole.head.seq + 1)
    assert found.why is not None
    assert why in found.why
    # The other organisation's chain is another one.
    assert audit.verify(access, cast.elsewhere.organisation_id).broken_at is None


def test_a_chain_whose_end_was_cut_off_is_found_by_a_head_that_was_noted(
    access: Access, cast: Cast, now: datetime, database: TestDatabase
) -> None:
    place = cast.lakeside.organisation_id
    early = audit.verify(access, place).head
    _events(access, cast, now)
    noted = audit.verify(access, place).head
    assert audit.verify(access, place, noted).broken_at is None
    assert audit.verify(access, place, early).broken_at is None
    last = f"SELECT event_id FROM audit_seal WHERE seq = {noted.seq} AND organisation_id = '{place}'"
    _tamper(
        database,
        f"DELETE FROM audit_event WHERE id = ({last})",
        f"DELETE FROM audit_seal WHERE seq = {noted.seq} AND organisation_id = '{place}'",
    )
    assert audit.verify(access, place).broken_at is None
    assert "cut off" in (audit.verify(access, place, noted).why or "")
    _events(access, cast, now, 1)
    assert "written anew" in (audit.verify(access, place, noted).why or "")


def test_the_owner_of_the_tables_cannot_change_the_trail_either(
    access: Access, cast: Cast, now: datetime, database: TestDatabase
) -> None:
    _events(access, cast, now, 1)
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('works.organisation', %s, false)", (str(cast.lakeside.organisation_id),))
        for table in ("audit_event", "audit_seal"):
            for change in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
                with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
                    connection.execute(change)


@pytest.mark.parametrize("change", ["UPDATE audit_seal SET seq = 9", "DELETE FROM audit_seal", "INSERT"])
def test_the_application_cannot_write_seals(access: Access, cast: Cast, change: str) -> None:
    if change == "INSERT":
        change = "INSERT INTO audit_seal SELECT organisation_id, seq + 99, event_id, prev_hash, hash FROM audit_seal"
    with pytest.raises(sa.exc.ProgrammingError), access.organisation(cast.lakeside.organisation_id) as site:
        site.run(change)


def test_those_who_tell_at_the_same_time_make_one_chain(access: Access, cast: Cast, now: datetime) -> None:
    def tell() -> None:
        _events(access, cast, now, 5)

    threads = [threading.Thread(target=tell) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = audit.verify(access, cast.lakeside.organisation_id)
    assert found.broken_at is None
    assert len(list(audit.export(access, cast.lakeside.organisation_id, now, now + timedelta(days=1)))) >= 30
    assert found.head.seq >= 30


def test_what_is_exported_can_be_checked_without_works(access: Access, cast: Cast, now: datetime) -> None:
    token = audit.ADDRESS.set("192.0.2.7")
    _events(access, cast, now, 2)
    audit.ADDRESS.reset(token)
    told = list(audit.export(access, cast.lakeside.organisation_id, now - timedelta(days=1), now + timedelta(days=1)))
    for before, entry in itertools.pairwise(told):
        assert entry.prev_hash == before.hash
        assert sha256(bytes.fromhex(entry.prev_hash) + entry.sealed.encode()).hexdigest() == entry.hash
        assert json.loads(entry.sealed)[6] == entry.action
    assert told[-1].ip == "192.0.2.7"
    assert list(audit.export(access, cast.elsewhere.organisation_id, now + timedelta(days=1), now)) == []


def test_the_same_look_is_told_once(access: Access, cast: Cast, now: datetime) -> None:
    for minutes in (0, 9, 11):
        with access.organisation(cast.lakeside.organisation_id) as site:
            at = now + timedelta(minutes=minutes)
            audit.looked(site, now=at, person_id=cast.bob, action="look", kind="exam", object_id="e1")
    with access.organisation(cast.lakeside.organisation_id) as site:
        assert site.value(COUNT) == 2
