from __future__ import annotations

from smartlink.gateway.delivery import State
from smartlink.gateway.store import delivery_list
from smartlink.gateway.store.database import Database
from tests.gateway.store.examples import an_instance


def test_lists_are_bounded_and_show_the_newest_first(database: Database) -> None:
    for number in range(5):
        an_instance(database, number)
    listed = database.read(lambda tx: delivery_list.listing(tx, None, 2))
    assert [one.sop_instance_uid for one in listed] == ["1.2.3.4", "1.2.3.3"]


def test_a_list_of_one_state_has_no_other(database: Database) -> None:
    an_instance(database, 1)
    assert len(database.read(lambda tx: delivery_list.listing(tx, State.WAITING, 2))) == 1
    assert database.read(lambda tx: delivery_list.listing(tx, State.PARKED, 2)) == []
