"""Connections as Works mirrors them: one AE title in a facility, whatever the kind (R87)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site

_COLUMNS: Final = (
    "id, facility_id, gateway_id, kind, name, ae_title, host, port, specialty_ids, mapping, status, version,"
    " last_seen_at, deleted_at"
)


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One connection, deleted or not."""

    id: UUID
    facility_id: UUID
    gateway_id: UUID
    kind: str
    name: str
    ae_title: str
    host: str
    port: int | None
    specialty_ids: list[UUID]
    mapping: str | None
    status: str
    version: int
    last_seen_at: datetime | None
    deleted_at: datetime | None


def get(site: Site, connection_id: UUID) -> ConnectionRow | None:
    """One connection of the organisation, deleted or not."""
    return site.one(
        ConnectionRow,
        f"SELECT {_COLUMNS} FROM connection WHERE id = :id",  # noqa: S608 - constant
        id=connection_id,
    )


def lock(site: Site, connection_id: UUID) -> ConnectionRow | None:
    """The same, and nobody else changes it until this transaction ends."""
    return site.one(
        ConnectionRow,
        f"SELECT {_COLUMNS} FROM connection WHERE id = :id FOR UPDATE",  # noqa: S608 - constant
        id=connection_id,
    )


def lock_by_ae_title(site: Site, facility_id: UUID, ae_norm: str) -> ConnectionRow | None:
    """The facility's connection with this AE title (folded), and nobody else changes it."""
    return site.one(
        ConnectionRow,
        f"SELECT {_COLUMNS} FROM connection WHERE facility_id = :facility_id AND ae_norm = :ae_norm"  # noqa: S608
        " AND deleted_at IS NULL FOR UPDATE",
        facility_id=facility_id,
        ae_norm=ae_norm,
    )


def of_facility(site: Site, facility_id: UUID) -> list[ConnectionRow]:
    """The connections of a facility, by name."""
    return site.many(
        ConnectionRow,
        f"SELECT {_COLUMNS} FROM connection WHERE facility_id = :id AND deleted_at IS NULL"  # noqa: S608 - constant
        " ORDER BY name, id",
        id=facility_id,
    )


def insert(site: Site, row: ConnectionRow, *, ae_norm: str, now: datetime) -> bool:
    """Add a connection; False when its id or its AE title is taken already."""
    added = site.run(
        "INSERT INTO connection (id, organisation_id, facility_id, gateway_id, kind, name, ae_title, ae_norm, host,"
        " port, specialty_ids, mapping, status, version, updated_at, last_seen_at) VALUES (:id, :organisation_id,"
        " :facility_id, :gateway_id, :kind, :name, :ae_title, :ae_norm, :host, :port, :specialty_ids, :mapping,"
        " :status, :version, :now, :last_seen_at) ON CONFLICT DO NOTHING",
        organisation_id=site.organisation_id,
        facility_id=row.facility_id,
        ae_norm=ae_norm,
        now=now,
        version=row.version,
        **_changeable(row),
    )
    return added == 1


def update(site: Site, row: ConnectionRow, *, ae_norm: str, now: datetime) -> None:
    """Write every changeable field; raises Clash when the AE title is another connection's."""
    site.run(
        "UPDATE connection SET gateway_id = :gateway_id, kind = :kind, name = :name, ae_title = :ae_title,"
        " ae_norm = :ae_norm, host = :host, port = :port, specialty_ids = :specialty_ids, mapping = :mapping,"
        " status = :status, version = :version, updated_at = :now,"
        " last_seen_at = greatest(last_seen_at, :last_seen_at) WHERE id = :id",
        ae_norm=ae_norm,
        now=now,
        version=row.version,
        **_changeable(row),
    )


def tombstone(site: Site, connection_id: UUID, now: datetime) -> None:
    """Delete a connection for good: its row stays, so that what it brought keeps its origin, its AE title is free."""
    site.run(
        "UPDATE connection SET deleted_at = :now, updated_at = :now, version = version + 1"
        " WHERE id = :id AND deleted_at IS NULL",
        id=connection_id,
        now=now,
    )


def active_specialties(site: Site, facility_id: UUID, wanted: list[UUID]) -> set[UUID]:
    """Which of `wanted` are active specialties of the facility."""
    found: list[UUID] | None = site.value(
        "SELECT array_agg(id) FROM specialty WHERE facility_id = :facility_id AND active AND id = ANY(:wanted)",
        facility_id=facility_id,
        wanted=wanted,
    )
    return set(found or ())


def _changeable(row: ConnectionRow) -> dict[str, object]:
    return {
        "id": row.id,
        "gateway_id": row.gateway_id,
        "kind": row.kind,
        "name": row.name,
        "ae_title": row.ae_title,
        "host": row.host,
        "port": row.port,
        "specialty_ids": row.specialty_ids,
        "mapping": row.mapping,
        "status": row.status,
        "last_seen_at": row.last_seen_at,
    }
