"""Uploads on their bench: everything around them real, and a clock set by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from smartlink.gateway.connections import Connection, new_ultrasound
from smartlink.gateway.delivery import State
from smartlink.gateway.store import connections, counters, deliveries, delivery_list, instances
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.deliveries import WORKS
from smartlink.gateway.store.delivery_list import Listed
from smartlink.gateway.store.spool import Kept, Spool
from smartlink.gateway.uplink.http import new_client
from smartlink.gateway.uplink.objects import ObjectClient
from smartlink.gateway.uplink.pace import Pace, no_limit
from smartlink.gateway.uplink.works import WorksClient
from smartlink.gateway.uploads import Uploads
from smartlink.standard.names import AETitle
from tests.gateway.conftest import SetClock
from tests.gateway.fake_works import FakeWorks
from tests.gateway.store.examples import an_entry
from tests.gateway.uplink.examples import signed_in

FIVE = timedelta(minutes=5)


class Bench:
    """Uploads with everything around them real, and a clock set by hand."""

    def __init__(
        self,
        database: Database,
        spool: Spool,
        client: WorksClient,
        works: FakeWorks,
        clock: SetClock,
        proxy: SecretStr | None = None,
    ) -> None:
        self.database = database
        self.works = works
        self.clock = clock
        self.licensed = True
        self.interval = FIVE
        self.spool = spool
        self.client = client
        self.http = new_client(proxy=proxy)
        self.pace = Pace(no_limit, clock)
        self.uploads = Uploads(
            database,
            spool,
            client,
            ObjectClient(self.http, self.pace),
            clock,
            licensed=lambda: self.licensed,
            revoked=self.revoke,
            interval=lambda: self.interval,
            luck=lambda: 0.5,
        )
        self.connection = self.connect("US01")

    def revoke(self) -> None:
        self.licensed = False

    def connect(self, ae: str) -> Connection:
        known = self.database.read(lambda tx: connections.find_by_ae(tx, AETitle(ae)))
        if known is not None:
            return known
        connection = new_ultrasound(uuid4(), AETitle(ae), "192.0.2.7", self.works.specialty_id)
        self.database.write(lambda tx: connections.add(tx, connection, self.clock()))
        self.database.write(lambda tx: connections.acknowledged(tx, connection, connection.id, 1))
        self.works.connections[connection.id] = {}
        return connection

    def enter(self, kept: Kept, *, origin: UUID | None = None, crc32: int | None = None) -> int:
        new = replace(
            an_entry(uid=kept.sop_instance_uid, name=kept.name, origin=origin or self.connection.id, at=kept.kept_at),
            calling_ae_title=kept.calling_ae_title,
            dataset_offset=kept.dataset_offset,
            dataset_length=kept.dataset_length,
            crc32=kept.crc32 if crc32 is None else crc32,
        )
        instance_id = self.database.write(lambda tx: instances.add(tx, new))
        assert instance_id is not None
        self.database.write(
            lambda tx: deliveries.add(tx, instance_id, WORKS, new.connection_id, State.WAITING, kept.kept_at)
        )
        return instance_id

    def spool_file(self, kept: Kept) -> bytes:
        with self.spool.open(kept.name) as file:
            return file.read()

    def tick(self, after: timedelta = timedelta()) -> bool:
        return self.uploads.tick(self.clock.move(after))

    def drain(self, most: int = 100) -> None:
        for _ in range(most):
            if not self.tick():
                return
        pytest.fail("the queue does not drain")

    def states(self) -> dict[State, int]:
        return {s: n for s, n in self.database.read(lambda tx: counters.deliveries(tx, WORKS)).items() if n}

    def listed(self, state: State | None = None) -> list[Listed]:
        return self.database.read(lambda tx: delivery_list.listing(tx, state, 100))

    def close(self) -> None:
        self.uploads.close()
        self.http.close()


@contextmanager
def a_bench(
    database: Database, spool: Spool, works: FakeWorks, clock: SetClock, proxy: SecretStr | None = None
) -> Iterator[Bench]:
    works.now = clock
    with signed_in(works, clock, proxy) as client:
        made = Bench(database, spool, client, works, clock, proxy)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def bench(database: Database, spool: Spool, works: FakeWorks, clock: SetClock) -> Iterator[Bench]:
    with a_bench(database, spool, works, clock) as made:
        yield made
