"""Tables `failure_notice` and `digest`: what gateways say that fails, and how far its telling is."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from smartlink.works.store.database import Site

PUT: Final = """
    INSERT INTO failure_notice (gateway_id, organisation_id, facility_id, at, received_at, notify_hours, failing,
        snapshot)
    VALUES (:gateway_id, :organisation_id, :facility_id, :at, :received_at, :notify_hours, :failing, :snapshot)
    ON CONFLICT (gateway_id) DO UPDATE SET at = excluded.at, received_at = excluded.received_at,
        notify_hours = excluded.notify_hours, failing = excluded.failing, snapshot = excluded.snapshot
"""
OF_FACILITY: Final = """
    SELECT n.gateway_id, n.facility_id, n.at, n.received_at, n.notify_hours, n.failing, n.snapshot
    FROM failure_notice n JOIN gateway g ON g.id = n.gateway_id
    WHERE n.facility_id = :facility_id AND g.state = 'active' ORDER BY n.received_at
"""
BEGIN: Final = """
    INSERT INTO digest (facility_id, organisation_id) VALUES (:facility_id, :organisation_id)
    ON CONFLICT (facility_id) DO NOTHING
"""
LOCK: Final = """
    SELECT facility_id, announced_at, told_at, due_at FROM digest WHERE facility_id = :facility_id FOR UPDATE
"""
KEEP: Final = """
    UPDATE digest SET announced_at = :announced_at, told_at = :told_at, due_at = :due_at
    WHERE facility_id = :facility_id
"""

IN_OUTBOX: Final = """
    SELECT count(DISTINCT d.exam_id) FROM delivery d JOIN exam e ON e.id = d.exam_id
    WHERE e.facility_id = :facility_id AND d.state = 'outbox'
"""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a gateway said last: `snapshot` is its FailureNotice, `at` its own time."""

    gateway_id: UUID
    facility_id: UUID
    at: datetime
    received_at: datetime
    notify_hours: int
    failing: bool
    snapshot: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the telling of a facility is: announced and not ended since, last told, to be looked at again."""

    facility_id: UUID
    announced_at: datetime | None = None
    told_at: datetime | None = None
    due_at: datetime | None = None


def put(site: Site, notice: Notice) -> None:
    """Keep what this gateway says now, in place of what it said before."""
    site.run(
        PUT,
        gateway_id=notice.gateway_id,
        organisation_id=site.organisation_id,
        facility_id=notice.facility_id,
        at=notice.at,
        received_at=notice.received_at,
        notify_hours=notice.notify_hours,
        failing=notice.failing,
        snapshot=notice.snapshot,
    )


def of_facility(site: Site, facility_id: UUID) -> list[Notice]:
    """What the active gateways of a facility said last."""
    return site.many(Notice, OF_FACILITY, facility_id=facility_id)


def exams_in_outbox(site: Site, facility_id: UUID) -> int:
    """How many of the facility's exams wait in the Outbox for a person (R144)."""
    count: int = site.value(IN_OUTBOX, facility_id=facility_id)
    return count


def lock(site: Site, facility_id: UUID) -> Progress:
    """How far the telling is, and nobody else goes on with it until this transaction ends."""
    site.run(BEGIN, facility_id=facility_id, organisation_id=site.organisation_id)
    return site.one(Progress, LOCK, facility_id=facility_id) or Progress(facility_id)


def keep(site: Site, progress: Progress) -> None:
    """Note how far the telling is now."""
    site.run(
        KEEP,
        facility_id=progress.facility_id,
        announced_at=progress.announced_at,
        told_at=progress.told_at,
        due_at=progress.due_at,
    )
