from __future__ import annotations

from datetime import timedelta

from smartlink.gateway.store import commitments, instances
from smartlink.gateway.store.commitments import Asked, Commitment, Held, Reference
from smartlink.gateway.store.database import Database
from tests.gateway.conftest import START
from tests.gateway.store.examples import an_entry, an_instance

CLASS = "1.2.840.10008.5.1.4.1.1.6.1"
ASKED = Asked("US01", "SMARTLINKRCVR", "192.0.2.7", "1.2.9", (Reference(CLASS, "1.2.3.1"), Reference(CLASS, "1.2.3.2")))
SOON, LATER = START + timedelta(seconds=30), START + timedelta(minutes=10)


def add(database: Database, asked: Asked = ASKED) -> int:
    return database.write(lambda tx: commitments.add(tx, asked, START, SOON))


def listing(database: Database) -> list[Commitment]:
    return database.read(lambda tx: commitments.listing(tx, 100))


def test_a_request_is_found_when_it_is_due_and_by_one_only(database: Database) -> None:
    number = add(database)
    assert database.write(lambda tx: commitments.claim(tx, START, LATER)) is None
    found = database.write(lambda tx: commitments.claim(tx, SOON, LATER))
    assert found == Commitment(number, ASKED, START, 1, LATER, None)
    assert database.write(lambda tx: commitments.claim(tx, SOON, LATER)) is None
    assert database.write(lambda tx: commitments.claim_fresh(tx, number, LATER)) is None


def test_a_fresh_request_goes_to_its_own_association_first(database: Database) -> None:
    number = add(database)
    found = database.write(lambda tx: commitments.claim_fresh(tx, number, LATER))
    assert found is not None
    assert found.asked == ASKED
    assert database.write(lambda tx: commitments.claim(tx, SOON, LATER)) is None


def test_a_request_that_was_not_tried_is_still_fresh(database: Database) -> None:
    number = add(database)
    database.write(lambda tx: commitments.claim(tx, SOON, LATER))
    database.write(lambda tx: commitments.postpone(tx, number, LATER, "No port.", tried=False))
    assert listing(database)[0].problem == "No port."
    assert database.write(lambda tx: commitments.claim_fresh(tx, number, LATER)) is not None


def test_the_same_request_again_is_one_request_and_fresh(database: Database) -> None:
    number = add(database)
    database.write(lambda tx: commitments.claim(tx, SOON, LATER))
    database.write(lambda tx: commitments.postpone(tx, number, LATER, "Nobody answers."))
    fewer = Asked("US01", "SMARTLINKRCVR", "192.0.2.8", "1.2.9", ASKED.instances[:1])
    assert add(database, fewer) == number
    assert listing(database) == [Commitment(number, fewer, START, 0, SOON, None)]
    add(database, Asked("US02", "SMARTLINKRCVR", "192.0.2.9", "1.2.9", ASKED.instances))
    assert database.read(commitments.count) == 2


def test_a_request_whose_result_was_told_is_gone(database: Database) -> None:
    number = add(database)
    database.write(lambda tx: commitments.delete(tx, number))
    assert listing(database) == []


def test_what_scanners_sent_is_held_even_when_it_is_purged_and_what_works_sent_is_not(database: Database) -> None:
    kept = an_instance(database, 1)
    purged = an_instance(database, 2)
    database.write(lambda tx: instances.add(tx, an_entry(3, from_works=True)))
    database.write(lambda tx: instances.receipt(tx, purged, START))
    database.write(lambda tx: instances.purged(tx, purged, START))
    held = database.read(lambda tx: commitments.held(tx, ["1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.4"]))
    assert kept != purged
    assert sorted(held, key=lambda one: one.sop_instance_uid) == [
        Held(
            CLASS, "1.2.3.1", "1.2.840.10008.1.2.1", f"aa/{1:030x}", 1300, kept=True, received=False, unreadable=False
        ),
        Held(
            CLASS, "1.2.3.2", "1.2.840.10008.1.2.1", f"aa/{2:030x}", 1300, kept=False, received=True, unreadable=False
        ),
    ]
