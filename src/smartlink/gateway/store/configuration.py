"""Tables `configuration` and `specialty`: what Works said last about the facility (R96)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from smartlink.gateway.store.database import Transaction, moment, moment_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

FIND: Final = "SELECT etag, default_specialty_id, time_zone, fetched_at FROM configuration WHERE id = 1"
PUT: Final = """
    INSERT INTO configuration (id, etag, default_specialty_id, time_zone, fetched_at)
    VALUES (1, :etag, :default_specialty_id, :time_zone, :at)
    ON CONFLICT (id) DO UPDATE SET etag = excluded.etag, default_specialty_id = excluded.default_specialty_id,
        time_zone = excluded.time_zone, fetched_at = excluded.fetched_at
"""
CLEAR_SPECIALTIES: Final = "DELETE FROM specialty"
PUT_SPECIALTY: Final = "INSERT INTO specialty (id, name) VALUES (:id, :name)"
SPECIALTIES: Final = "SELECT id, name FROM specialty ORDER BY name, id"


@dataclass(frozen=True, slots=True)
class FacilityConfiguration:
    """The facility as last fetched."""

    etag: str | None
    default_specialty_id: UUID
    time_zone: str
    specialties: Mapping[UUID, str]
    fetched_at: datetime


def find(tx: Transaction) -> FacilityConfiguration | None:
    """Return the configuration, or None before the first one was fetched."""
    row = tx.execute(FIND).fetchone()
    if row is None:
        return None
    return FacilityConfiguration(
        etag=row["etag"],
        default_specialty_id=UUID(row["default_specialty_id"]),
        time_zone=row["time_zone"],
        specialties={UUID(found["id"]): found["name"] for found in tx.execute(SPECIALTIES).fetchall()},
        fetched_at=moment(row["fetched_at"]),
    )


def put(tx: Transaction, configuration: FacilityConfiguration) -> None:
    """Replace the configuration as a whole."""
    tx.execute(
        PUT,
        {
            "etag": configuration.etag,
            "default_specialty_id": str(configuration.default_specialty_id),
            "time_zone": configuration.time_zone,
            "at": moment_text(configuration.fetched_at),
        },
    )
    tx.execute(CLEAR_SPECIALTIES)
    tx.executemany(PUT_SPECIALTY, [{"id": str(key), "name": name} for key, name in configuration.specialties.items()])
