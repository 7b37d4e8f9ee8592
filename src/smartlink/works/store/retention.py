"""Tables `legal_hold` and `retention`: what must not be removed, and how long the rest is kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site

REMOVAL_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Periods:
    """Days from a deletion to the removal, and days after which a finished exam is deleted (None: never)."""

    removal_days: int = REMOVAL_DAYS
    exam_days: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold that is in force."""

    id: UUID
    exam_id: UUID
    reason: str
    placed_by: str | None
    placed_at: datetime


OVERDUE: Final = """
    SELECT array_agg(id) FROM (
      SELECT e.id FROM exam e
      WHERE e.folder = 'completed' AND e.deletion_id IS NULL AND greatest(e.last_received_at, e.submitted_at) < :before
        AND NOT EXISTS (SELECT 1 FROM legal_hold h WHERE h.exam_id = e.id AND h.lifted_at IS NULL)
        AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.exam_id = e.id
          AND d.state NOT IN ('delivered', 'cancelled', 'replaced'))
        AND NOT EXISTS (SELECT 1 FROM deletion t WHERE t.exam_id = e.id AND t.instance_id IS NULL
          AND t.undone_at >= :before)
      ORDER BY e.last_received_at, e.id LIMIT :most) AS overdue
"""


def periods(site: Site) -> Periods:
    """How long this organisation keeps things."""
    return site.one(Periods, "SELECT removal_days, exam_days FROM retention") or Periods()


def set_periods(site: Site, wanted: Periods) -> None:
    """From now on so long."""
    site.run(
        "INSERT INTO retention (organisation_id, removal_days, exam_days) VALUES (:organisation_id, :removal, :exam)"
        " ON CONFLICT (organisation_id) DO UPDATE SET removal_days = :removal, exam_days = :exam",
        organisation_id=site.organisation_id,
        removal=wanted.removal_days,
        exam=wanted.exam_days,
    )


def overdue(site: Site, before: datetime, most: int) -> list[UUID]:
    """Exams that were submitted and delivered, and to which nothing has come since `before`; none under hold.

    Nor any that a person took back from a deletion since: its period begins anew.
    """
    found: list[UUID] | None = site.value(OVERDUE, before=before, most=most)
    return found or []


def held(site: Site, exam_id: UUID) -> bool:
    """Whether the exam is under legal hold."""
    return (
        site.value("SELECT 1 FROM legal_hold WHERE exam_id = :exam AND lifted_at IS NULL LIMIT 1", exam=exam_id)
        is not None
    )


def place_hold(site: Site, hold_id: UUID, exam_id: UUID, reason: str, *, by: UUID | None, now: datetime) -> bool:
    """The exam is under hold; False when it was already."""
    placed = site.run(
        "INSERT INTO legal_hold (id, organisation_id, exam_id, reason, placed_by, placed_at) VALUES (:id,"
        " :organisation_id, :exam, :reason, :by, :now) ON CONFLICT (exam_id) WHERE lifted_at IS NULL DO NOTHING",
        id=hold_id,
        organisation_id=site.organisation_id,
        exam=exam_id,
        reason=reason,
        by=by,
        now=now,
    )
    return placed == 1


def lift_hold(site: Site, exam_id: UUID, *, by: UUID | None, now: datetime) -> bool:
    """The exam is not under hold any more; False when it was not."""
    lifted = site.run(
        "UPDATE legal_hold SET lifted_by = :by, lifted_at = :now WHERE exam_id = :exam AND lifted_at IS NULL",
        exam=exam_id,
        by=by,
        now=now,
    )
    return lifted == 1


def holds(site: Site) -> list[Hold]:
    """Every hold in force, the latest first."""
    return site.many(
        Hold,
        "SELECT h.id, h.exam_id, h.reason, p.display_name AS placed_by, h.placed_at FROM legal_hold h"
        " LEFT JOIN person p ON p.id = h.placed_by WHERE h.lifted_at IS NULL ORDER BY h.placed_at DESC, h.id",
    )
