"""Table `alarm`, and what is looked at to find out: gateways of a facility and its ultrasound systems."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from smartlink.works.store.database import Site

LOCK: Final = """
    SELECT kind, subject_id, since, announced_at, told_at FROM alarm WHERE facility_id = :facility_id FOR UPDATE
"""
KEEP: Final = """
    INSERT INTO alarm (facility_id, kind, subject_id, organisation_id, since, announced_at, told_at)
    VALUES (:facility_id, :kind, :subject_id, :organisation_id, :since, :announced_at, :told_at)
    ON CONFLICT (facility_id, kind, subject_id) DO UPDATE SET since = excluded.since,
        announced_at = excluded.announced_at, told_at = excluded.told_at
"""
FORGET: Final = "DELETE FROM alarm WHERE facility_id = :facility_id AND kind = :kind AND subject_id = :subject_id"
GATEWAYS: Final = """
    SELECT id, activated_at, last_heartbeat_at, status FROM gateway
    WHERE facility_id = :facility_id AND state = 'active' ORDER BY activated_at
"""
SCANNERS: Final = """
    SELECT id, gateway_id, name, ae_title, silent_after_hours, last_seen_at FROM connection
    WHERE facility_id = :facility_id AND kind = 'ultrasound' AND deleted_at IS NULL AND silent_after_hours IS NOT NULL
    ORDER BY name, id
"""
SILENT_AFTER: Final = """
    UPDATE connection SET silent_after_hours = :hours WHERE id = :id AND kind = 'ultrasound' AND deleted_at IS NULL
"""
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended(:name, 5105))"


@dataclass(frozen=True, slots=True)
class Told:
    """How far the telling of one alarm is: announced and not ended since, and when a mail was last written."""

    kind: str
    subject_id: UUID
    since: datetime
    announced_at: datetime | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class WatchedGateway:
    """An active gateway; `status` is its last heartbeat."""

    id: UUID
    activated_at: datetime
    last_heartbeat_at: datetime | None
    status: dict[str, Any]

    @property
    def last_sign_of_life(self) -> datetime:
        """When it last proved to be alive."""
        return max(self.activated_at, self.last_heartbeat_at or self.activated_at)


@dataclass(frozen=True, slots=True)
class WatchedScanner:
    """An ultrasound system whose silence is to be told of."""

    id: UUID
    gateway_id: UUID
    name: str
    ae_title: str
    silent_after_hours: int
    last_seen_at: datetime | None


def lock(site: Site, facility_id: UUID) -> list[Told]:
    """How far the telling of each alarm is, and nobody else goes on with it until this transaction ends."""
    site.run(ONE_AT_A_TIME, name=str(facility_id))
    return site.many(Told, LOCK, facility_id=facility_id)


def keep(site: Site, facility_id: UUID, told: Told) -> None:
    """Note how far the telling is now."""
    site.run(
        KEEP,
        facility_id=facility_id,
        organisation_id=site.organisation_id,
        kind=told.kind,
        subject_id=told.subject_id,
        since=told.since,
        announced_at=told.announced_at,
        told_at=told.told_at,
    )


def forget(site: Site, facility_id: UUID, told: Told) -> None:
    """There is nothing to be told of this any more."""
    site.run(FORGET, facility_id=facility_id, kind=told.kind, subject_id=told.subject_id)


def gateways(site: Site, facility_id: UUID) -> list[WatchedGateway]:
    """The active gateways of a facility."""
    return site.many(WatchedGateway, GATEWAYS, facility_id=facility_id)


def scanners(site: Site, facility_id: UUID) -> list[WatchedScanner]:
    """The ultrasound systems of a facility whose silence is to be told of."""
    return site.many(WatchedScanner, SCANNERS, facility_id=facility_id)


def silent_after(site: Site, connection_id: UUID, hours: int | None) -> bool:
    """Tell of this ultrasound system's silence after so many hours, or never; False when there is none such."""
    return site.run(SILENT_AFTER, id=connection_id, hours=hours) == 1
