"""Rows for the tests of the tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from smartlink.gateway.connections import Connection, new_ultrasound
from smartlink.gateway.delivery import State
from smartlink.gateway.store import connections, deliveries, instances
from smartlink.gateway.store.database import Database, Transaction
from smartlink.gateway.worklist import Query
from smartlink.link.connections import ConnectionStatus, Kind
from smartlink.standard.names import AETitle
from tests.gateway.conftest import START


def an_ultrasound(database: Database, ae: str = "US01") -> Connection:
    """Enter an ultrasound connection that Works does not have yet."""
    connection = new_ultrasound(uuid4(), AETitle(ae), "192.0.2.7", uuid4())
    database.write(lambda tx: connections.add(tx, connection, START))
    return connection


def a_pacs(database: Database, ae: str = "ARCHIVE", port: int = 104, specialty: UUID | None = None) -> Connection:
    """Enter a PACS connection that Works has, under the same id."""
    connection_id = uuid4()
    connection = Connection(
        id=connection_id,
        kind=Kind.PACS,
        name=ae.title(),
        ae_title=AETitle(ae),
        host="127.0.0.1",
        port=port,
        specialty_ids=(specialty or uuid4(),),
        mapping=None,
        status=ConnectionStatus.INACTIVE,
        pushed_revision=1,
        works_id=connection_id,
        works_version=1,
    )
    database.write(lambda tx: connections.add(tx, connection, START))
    return connection


def a_worklist(database: Database, ae: str = "HOSPITAL", port: int = 104, **more: Any) -> Connection:
    """Enter a worklist server that Works has, under the same id; `more` is different in it."""
    made = a_pacs(database, ae, port)
    server = replace(made, kind=Kind.WORKLIST, query=Query(), **more)

    def write(tx: Transaction) -> None:
        tx.execute("UPDATE connection SET kind = 'worklist' WHERE id = ?", (str(made.id),))
        connections.edit(tx, server, START, news=False)

    database.write(write)
    return server


def an_entry(
    number: int = 7,
    *,
    uid: str | None = None,
    name: str | None = None,
    origin: UUID | None = None,
    at: datetime = START,
    from_works: bool = False,
) -> instances.NewInstance:
    """Return the row of an instance, from an ultrasound system or from Works, not yet entered."""
    return instances.NewInstance(
        spool_name=name or f"aa/{number:030x}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1",
        sop_instance_uid=uid or f"1.2.3.{number}",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        study_instance_uid="1.2.4",
        series_instance_uid="1.2.5",
        connection_id=origin,
        calling_ae_title="US01",
        called_ae_title="SMARTLINKRCVR",
        peer_address="192.0.2.7",
        dataset_offset=300,
        dataset_length=1000,
        crc32=7,
        attributes={"00080060": {"vr": "CS", "Value": ["US"]}},
        unreadable=None,
        kept_at=at,
        from_works=from_works,
    )


def an_instance(
    database: Database,
    number: int,
    *,
    uid: str | None = None,
    origin: UUID | None = None,
    state: State = State.WAITING,
    at: datetime = START,
) -> int:
    """Enter an instance with a delivery to Works and return the instance's id."""

    def write(tx: Transaction) -> int:
        new = an_entry(number, uid=uid, origin=origin, at=at)
        instance_id = instances.add(tx, new)
        assert instance_id is not None
        deliveries.add(tx, instance_id, deliveries.WORKS, origin, state, at)
        return instance_id

    return database.write(write)
