"""Files go a day after their receipt; nothing undelivered is ever touched."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import cast
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.catalogue import Catalogue, Description
from smartlink.gateway.delivery import IllegalMove, State
from smartlink.gateway.janitor import Janitor
from smartlink.gateway.store import counters, deliveries, instances, orders
from smartlink.gateway.store.database import Database, Transaction
from smartlink.gateway.store.deliveries import WORKS
from smartlink.gateway.store.spool import Provenance, Spool
from tests.gateway.conftest import START, Keep, SetClock
from tests.gateway.store.test_orders import ARCHIVE, an_item, claim, ordered
from tests.gateway.test_attempt import entry

DAY = timedelta(hours=24)


@pytest.fixture
def fetched(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "data" / "fetched", tmp_path / "data" / "incomplete")


@pytest.fixture
def janitor(database: Database, spool: Spool, fetched: Spool) -> Janitor:
    return Janitor(database, spool, fetched, lambda: DAY)


def files(tmp_path: Path) -> int:
    return sum(1 for path in (tmp_path / "data" / "spool").rglob("*") if path.is_file())


def keep_three_and_send_one(database: Database, spool: Spool, keep: Keep) -> None:
    catalogue = Catalogue(
        database, spool, lambda kept: Description(kept.sop_class_uid, kept.sop_instance_uid, "1.2.4", "1.2.5", {})
    )
    catalogue.record([keep(f"1.2.3.{number}") for number in range(3)], START)
    origin = database.read(lambda tx: tx.execute("SELECT id FROM connection").fetchone()["id"])
    database.write(lambda tx: deliveries.release_held(tx, UUID(origin), START, 10))
    (claim,) = database.write(lambda tx: deliveries.claim(tx, WORKS, START, START + DAY * 9, 1))
    database.write(lambda tx: deliveries.accepted(tx, claim, START))
    database.write(lambda tx: instances.receipt(tx, claim.instance.id, START))


@pytest.mark.proves("R146")
def test_only_the_delivered_file_goes_and_only_after_a_day(
    janitor: Janitor, database: Database, spool: Spool, keep: Keep, tmp_path: Path
) -> None:
    keep_three_and_send_one(database, spool, keep)
    janitor.tick(START + DAY - timedelta(seconds=1))
    assert files(tmp_path) == 3
    with capture_logs() as lines:
        janitor.tick(START + DAY)
    assert files(tmp_path) == 2
    assert lines[-1]["event"] == "purged"
    janitor.tick(START + 1000 * DAY)
    assert files(tmp_path) == 2
    counts = database.read(counters.instances)
    assert (counts["kept"], counts["purged"]) == (2, 1)


@pytest.mark.proves("R146")
def test_what_is_to_be_sent_again_meanwhile_keeps_its_file(
    database: Database, spool: Spool, fetched: Spool, keep: Keep, tmp_path: Path
) -> None:
    keep_three_and_send_one(database, spool, keep)

    class Between:
        """The catalogue, with a reconciliation right after every look."""

        write = database.write

        def read(self, question: Callable[[Transaction], object]) -> object:
            found = database.read(question)
            with suppress(IllegalMove):
                database.write(lambda tx: deliveries.lost(tx, 1, START))
            return found

    Janitor(cast("Database", Between()), spool, fetched, lambda: DAY).tick(START + DAY)
    assert files(tmp_path) == 3
    assert database.read(counters.instances)["purged"] == 0
    assert database.read(lambda tx: counters.deliveries(tx, WORKS))[State.WAITING] == 3


def test_a_file_that_is_gone_already_is_no_trouble(
    janitor: Janitor, database: Database, spool: Spool, keep: Keep
) -> None:
    keep_three_and_send_one(database, spool, keep)
    ((_, name),) = database.read(lambda tx: instances.purgeable(tx, START, 10))
    spool.remove(name)
    janitor.tick(START + DAY)
    assert database.read(counters.instances)["purged"] == 1


@pytest.mark.proves("R151")
def test_ended_leases_are_returned(
    janitor: Janitor, database: Database, spool: Spool, keep: Keep, clock: SetClock
) -> None:
    keep_three_and_send_one(database, spool, keep)
    database.write(lambda tx: deliveries.claim(tx, WORKS, clock(), clock() + timedelta(minutes=15), 2))
    janitor.tick(clock.move(timedelta(minutes=14)))
    assert database.read(lambda tx: counters.deliveries(tx, WORKS))[State.SENDING] == 2
    with capture_logs() as lines:
        janitor.tick(clock.move(timedelta(minutes=1)))
    assert database.read(lambda tx: counters.deliveries(tx, WORKS))[State.WAITING] == 2
    assert lines[0]["event"] == "leases_expired"


@pytest.mark.proves("R144")
def test_what_was_fetched_from_works_goes_when_works_knows_its_end(
    janitor: Janitor, database: Database, fetched: Spool
) -> None:
    file = fetched.create(Provenance("1.2", "1.2.3.1", "1.2.840.10008.1.2.1", "WORKS", "", "", ""))
    file.write(memoryview(b"Data Set"))
    kept = file.commit(START)
    ordered(database, an_item())

    def write(tx: Transaction) -> None:
        instance_id = instances.add(tx, entry(kept, "1.2.840.10008.1.2.1", from_works=True))
        assert instance_id is not None
        delivery_id = deliveries.add(tx, instance_id, ARCHIVE, None, State.WAITING, START)
        assert delivery_id is not None
        orders.link(tx, an_item().id, delivery_id, START)

    database.write(write)
    janitor.tick(START + 9 * DAY)
    assert len(list(fetched.names())) == 1
    claimed = claim(database)
    database.write(lambda tx: deliveries.accepted(tx, claimed, START))
    janitor.tick(START)
    assert len(list(fetched.names())) == 1
    news = database.read(lambda tx: orders.untold(tx, 10))
    database.write(lambda tx: orders.told(tx, news))
    janitor.tick(START)
    assert list(fetched.names()) == []
    assert database.read(counters.instances)["purged"] == 1
