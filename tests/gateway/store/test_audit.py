"""The audit list: whatever changes settings, connections or licence enters it, and nobody changes the list."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.store import audit, connections, licences, settings
from smartlink.gateway.store.audit import Entry
from smartlink.gateway.store.database import Database
from tests.gateway.conftest import START
from tests.gateway.store.examples import a_pacs
from tests.gateway.store.test_licences import an_activation


def listed(database: Database) -> list[Entry]:
    """What was done, in order."""
    return database.read(lambda tx: audit.listing(tx, START - timedelta(days=1), 100))[::-1]


@pytest.mark.proves("R94")
def test_a_setting_is_told_from_old_to_new_and_who_did_it(database: Database) -> None:
    acting = audit.ACTOR.set("command line: alice")
    for values in ({"port": 5104, "notify_hours": 2}, {"port": 5104}, {"port": 11112, "notify_hours": 2}):
        database.write(lambda tx, values=values: settings.put(tx, values, START))  # type: ignore[misc]
    audit.ACTOR.reset(acting)
    _, changed = listed(database)
    assert (changed.action, changed.actor, changed.at) == ("settings_changed", "command line: alice", START)
    assert (changed.old, changed.new) == ({"port": 5104}, {"port": 11112})


@pytest.mark.proves("R84")
def test_a_connection_s_life_stays_in_the_list_when_it_is_gone(database: Database) -> None:
    pacs = a_pacs(database)
    database.write(lambda tx: connections.edit(tx, replace(pacs, port=11112), START, news=True))
    database.write(lambda tx: connections.delete(tx, pacs.id, START, at_works=True))
    added, changed, deleted = listed(database)
    assert (added.action, added.new["ae_title"], added.actor) == ("connection_added", str(pacs.ae_title), "service")
    assert (changed.old, changed.new) == ({"port": pacs.port}, {"port": 11112})
    assert (deleted.action, deleted.old["name"], deleted.new) == ("connection_deleted", pacs.name, {})


def test_the_licence_is_told_without_its_key(database: Database) -> None:
    database.write(licences.ensure)
    activation = an_activation()
    database.write(lambda tx: licences.activate(tx, activation))
    database.write(lambda tx: licences.revoke(tx, activation.gateway_id, activation.activated_at))
    activated, revoked = database.read(lambda tx: audit.listing(tx, activation.activated_at, 9))[::-1]
    assert (activated.action, activated.old["state"], activated.new["state"]) == (
        "licence_activated",
        "unlicensed",
        "active",
    )
    assert (revoked.old, revoked.new) == ({"state": "active"}, {"state": "revoked"})


@pytest.mark.parametrize("change", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_the_list_is_only_ever_added_to(database: Database, change: str) -> None:
    a_pacs(database)
    with pytest.raises(StoreFailed):
        database.write(lambda tx: tx.execute(change))
    assert len(listed(database)) == 1
