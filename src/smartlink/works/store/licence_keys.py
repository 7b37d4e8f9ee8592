"""Licence keys: by hash only, at most one valid key in a facility."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class LicenceKey:
    """A licence key as Works knows it: not the key itself, only its hash is in the database."""

    id: UUID
    facility_id: UUID
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


def insert(
    site: Site, *, id: UUID, facility_id: UUID, key_hash: bytes, prefix: str, created_by: UUID | None, now: datetime
) -> None:
    """Add a valid key; the facility's former one must have been revoked."""
    site.run(
        "INSERT INTO licence_key (id, organisation_id, facility_id, key_hash, prefix, created_by, created_at)"
        " VALUES (:id, :organisation_id, :facility_id, :key_hash, :prefix, :created_by, :now)",
        id=id,
        organisation_id=site.organisation_id,
        facility_id=facility_id,
        key_hash=key_hash,
        prefix=prefix,
        created_by=created_by,
        now=now,
    )


def revoke(site: Site, facility_id: UUID, now: datetime) -> int:
    """Revoke the facility's valid key; how many there were (0 or 1)."""
    return site.run(
        "UPDATE licence_key SET revoked_at = :now WHERE facility_id = :facility_id AND revoked_at IS NULL",
        facility_id=facility_id,
        now=now,
    )


def lock(site: Site, licence_key_id: UUID) -> LicenceKey | None:
    """The key, and nobody else activates with it or revokes it until this transaction ends."""
    return site.one(
        LicenceKey,
        "SELECT id, facility_id, prefix, created_at, revoked_at FROM licence_key WHERE id = :id FOR UPDATE",
        id=licence_key_id,
    )


def current(site: Site, facility_id: UUID) -> LicenceKey | None:
    """The facility's valid key."""
    return site.one(
        LicenceKey,
        "SELECT id, facility_id, prefix, created_at, revoked_at FROM licence_key"
        " WHERE facility_id = :facility_id AND revoked_at IS NULL",
        facility_id=facility_id,
    )


def lock_facility(site: Site, facility_id: UUID) -> bool:
    """Whether there is such a facility; two key generations for it now follow one another."""
    return site.value("SELECT 1 FROM facility WHERE id = :id FOR UPDATE", id=facility_id) is not None
