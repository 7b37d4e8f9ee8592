"""Instances are entered once, find their twins, and go only when nobody waits for them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from smartlink.gateway.delivery import State
from smartlink.gateway.store import counters, deliveries, instances
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.deliveries import WORKS
from smartlink.gateway.store.instances import Instance
from tests.gateway.conftest import START
from tests.gateway.store.examples import an_instance, an_ultrasound

HASH, OTHER = "a" * 64, "b" * 64
HOUR = timedelta(hours=1)


def found(database: Database, instance_id: int) -> Instance:
    instance = database.read(lambda tx: instances.find(tx, instance_id))
    assert instance is not None
    return instance


def digest(database: Database, instance_id: int, dataset: str = HASH) -> None:
    database.write(lambda tx: instances.store_digests(tx, instance_id, dataset_sha256=dataset, object_sha256="c" * 64))


def send(database: Database) -> None:
    for claim in database.write(lambda tx: deliveries.claim(tx, WORKS, START, START + HOUR, 1)):
        database.write(lambda tx: deliveries.accepted(tx, claim, START))  # noqa: B023
        database.write(lambda tx: instances.receipt(tx, claim.instance.id, START))  # noqa: B023


def test_a_file_is_entered_once(database: Database) -> None:
    instance_id = an_instance(database, 1)
    instance = found(database, instance_id)
    assert (instance.size, instance.attributes["00080060"]["Value"]) == (1300, ["US"])
    with pytest.raises(AssertionError):
        an_instance(database, 1)
    assert database.read(counters.instances)["kept"] == 1


def test_unknown_names_are_told_apart_in_their_order(database: Database) -> None:
    an_instance(database, 1)
    names = ["aa/x", f"aa/{1:030x}", "bb/y"]
    assert database.read(lambda tx: instances.unknown(tx, names)) == ["aa/x", "bb/y"]


@pytest.mark.proves("R152")
def test_a_twin_has_the_same_uid_and_bytes_and_is_sent_or_older(database: Database) -> None:
    origin = an_ultrasound(database).id
    first = an_instance(database, 1, uid="1.2.9", origin=origin)
    second = an_instance(database, 2, uid="1.2.9", origin=origin)
    digest(database, first)
    younger, elder = found(database, second), found(database, first)
    on_its_way = database.read(lambda tx: instances.twin(tx, younger, HASH, WORKS))
    assert on_its_way is not None
    assert (on_its_way.id, on_its_way.is_sent) == (first, False)
    assert database.read(lambda tx: instances.twin(tx, younger, OTHER, WORKS)) is None
    digest(database, second)
    assert database.read(lambda tx: instances.twin(tx, elder, HASH, WORKS)) is None
    send(database)
    sent = database.read(lambda tx: instances.twin(tx, younger, HASH, WORKS))
    assert sent is not None
    assert sent.is_sent
    database.write(lambda tx: instances.purged(tx, first, START))
    assert database.read(lambda tx: instances.twin(tx, younger, HASH, WORKS)) is None


@pytest.mark.proves("R35")
def test_what_another_facility_received_is_no_twin(database: Database) -> None:
    origin = an_ultrasound(database).id
    first = an_instance(database, 1, uid="1.2.9", origin=origin)
    digest(database, first)
    send(database)
    database.write(instances.orphan_all)
    again = found(database, an_instance(database, 2, uid="1.2.9", origin=origin))
    assert database.read(lambda tx: instances.twin(tx, again, HASH, WORKS)) is None


def test_flags_are_counted(database: Database) -> None:
    first, second = an_instance(database, 1), an_instance(database, 2)
    database.write(lambda tx: instances.flag_duplicate(tx, second, first, START))
    database.write(lambda tx: instances.flag_conflict(tx, first))
    counts = database.read(counters.instances)
    assert (counts["duplicate"], counts["conflict"]) == (1, 1)
    assert found(database, first).conflict
    assert found(database, second).duplicate_of == first


def test_only_what_has_a_receipt_and_no_living_delivery_may_go(database: Database) -> None:
    sent, waiting = an_instance(database, 1), an_instance(database, 2)
    send(database)
    database.write(lambda tx: instances.receipt(tx, waiting, START))
    assert database.read(lambda tx: instances.purgeable(tx, START - HOUR, 10)) == []
    assert database.read(lambda tx: instances.purgeable(tx, START, 10)) == [(sent, f"aa/{1:030x}")]
    database.write(lambda tx: instances.purged(tx, sent, START))
    assert found(database, sent).attributes == {}
    assert database.read(lambda tx: instances.purgeable(tx, START, 10)) == []
    counts = database.read(counters.instances)
    assert (counts["kept"], counts["purged"]) == (1, 1)


@pytest.mark.proves("R35")
def test_images_of_another_facility_lose_their_origin(database: Database) -> None:
    origin = an_ultrasound(database)
    waiting = an_instance(database, 1, origin=origin.id)
    an_instance(database, 2, origin=origin.id, state=State.HELD)
    delivered = an_instance(database, 3, origin=origin.id)
    database.write(lambda tx: instances.receipt(tx, delivered, START))
    database.write(instances.orphan_all)
    database.write(deliveries.orphan_undelivered)
    assert found(database, waiting).connection_id is found(database, delivered).connection_id is None
    assert database.write(lambda tx: deliveries.release_held(tx, origin.id, START, 10)) == 0


def test_what_works_has_no_receipt_for_is_listed_in_order(database: Database) -> None:
    first, second, third = (an_instance(database, number) for number in range(3))
    database.write(lambda tx: instances.receipt(tx, second, START))
    assert [one for one, _ in database.read(lambda tx: instances.owed_after(tx, 0, 10))] == [first, third]
    assert [one for one, _ in database.read(lambda tx: instances.owed_after(tx, first, 10))] == [third]
