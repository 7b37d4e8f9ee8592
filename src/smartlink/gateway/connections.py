"""The peers of this gateway and the rules about them (R39-R43, R61-R66): pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smartlink.link.connections import ConnectionPut, ConnectionStatus, Kind, Mapping
from smartlink.standard.names import AETitle

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from smartlink.link.connections import Connection as ConnectionAtWorks


@dataclass(frozen=True, slots=True)
class Connection:
    """One peer. `works_id` is None while Works does not have it."""

    id: UUID
    kind: Kind
    name: str
    ae_title: AETitle
    host: str
    port: int | None
    specialty_ids: tuple[UUID, ...]
    mapping: Mapping | None
    status: ConnectionStatus
    last_seen_at: datetime | None = None
    last_image_at: datetime | None = None
    revision: int = 1
    pushed_revision: int = 0
    works_id: UUID | None = None
    works_version: int = 0
    problem: str | None = None

    @property
    def is_pending(self) -> bool:
        """Whether Works has yet to be told something of it ("Pending sync")."""
        return self.pushed_revision < self.revision

    @property
    def is_in_works(self) -> bool:
        """Whether Works has it, so that its images may be uploaded (R66)."""
        return self.works_id is not None

    @property
    def status_words(self) -> str:
        """The words that a list shows (R42)."""
        if self.is_pending:
            return "Pending sync"
        if self.status is ConnectionStatus.INACTIVE:
            return "Inactive"
        if self.kind is Kind.ULTRASOUND and self.last_image_at is None:
            return "Active (verified, no images yet)"
        return "Active"


def new_ultrasound(
    connection_id: UUID, ae_title: AETitle, address: str, default_specialty_id: UUID | None
) -> Connection:
    """Return the connection that an unknown caller becomes: named after itself, with the defaults (R61-R63)."""
    return Connection(
        id=connection_id,
        kind=Kind.ULTRASOUND,
        name=ae_title,
        ae_title=ae_title,
        host=address,
        port=None,
        specialty_ids=() if default_specialty_id is None else (default_specialty_id,),
        mapping=Mapping.PERFORMING_PHYSICIAN,
        status=ConnectionStatus.ACTIVE,
    )


def restored(found: ConnectionAtWorks) -> Connection:
    """Return a connection as Works had it, after a reinstallation (R41)."""
    return Connection(
        id=found.id,
        kind=found.kind,
        name=found.name,
        ae_title=AETitle(found.ae_title),
        host=found.host,
        port=found.port,
        specialty_ids=found.specialty_ids,
        mapping=found.mapping,
        status=found.status,
        last_seen_at=found.last_seen_at,
        pushed_revision=1,
        works_id=found.id,
        works_version=found.version,
    )


def put_message(connection: Connection, default_specialty_id: UUID) -> ConnectionPut:
    """Return what Works is told. A peer without a specialty has the facility's default one."""
    return ConnectionPut(
        kind=connection.kind,
        name=connection.name,
        ae_title=connection.ae_title,
        host=connection.host,
        port=connection.port,
        specialty_ids=connection.specialty_ids or (default_specialty_id,),
        mapping=connection.mapping,
        status=connection.status,
        last_seen_at=connection.last_seen_at,
        version=connection.works_version,
    )


def may_store(kind: Kind) -> bool:
    """Tell whether a peer of this kind may send us images: a PACS or worklist server testing us may not (R61)."""
    return kind is Kind.ULTRASOUND
