"""What the catalogue knows of one study: its instances, where each is to go, and what Works ordered of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.delivery import State
from smartlink.gateway.store.database import Transaction, moment, moment_or_none

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

INSTANCES: Final = """
    SELECT i.sop_instance_uid, i.calling_ae_title, i.source, i.kept_at, i.entered_at, i.purged_at, i.unreadable,
        i.duplicate_of IS NOT NULL AS duplicate, i.conflict, d.destination, d.state, d.attempts, d.next_attempt_at,
        d.put_at, d.sent_at, d.status, d.cause, d.remedy, d.note
    FROM instance AS i LEFT JOIN delivery AS d ON d.instance_id = i.id
    WHERE i.study_instance_uid = :study ORDER BY i.id, d.id LIMIT :limit
"""
ORDERED: Final = """
    SELECT o.sop_instance_uid, o.destination, o.order_id, o.ordered_at, o.outcome, coalesce(o.cause, d.cause) AS cause,
        coalesce(o.remedy, d.remedy) AS remedy, d.state, d.sent_at, d.status, d.attempts, d.next_attempt_at,
        CASE WHEN i.source = 'works' THEN i.kept_at END AS downloaded_at, i.id IS NOT NULL AS is_here
    FROM order_item AS o LEFT JOIN delivery AS d ON d.id = o.delivery_id LEFT JOIN instance AS i ON i.id = d.instance_id
    WHERE o.study_instance_uid = :study ORDER BY o.ordered_at, o.id LIMIT :limit
"""
MOST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Leg:
    """One instance on its way to one destination; without a destination it goes nowhere."""

    sop_instance_uid: str
    calling_ae_title: str
    from_works: bool
    kept_at: datetime
    entered_at: datetime | None
    purged_at: datetime | None
    unreadable: str | None
    duplicate: bool
    conflict: bool
    destination: str | None
    state: State | None
    attempts: int
    next_attempt_at: datetime | None
    put_at: datetime | None
    sent_at: datetime | None
    status: str | None
    cause: str | None
    remedy: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Ordered:
    """One instance that Works ordered for a PACS."""

    sop_instance_uid: str
    destination: str
    order_id: str
    ordered_at: datetime
    downloaded_at: datetime | None
    """None: not fetched yet, or not fetched at all because the file of the scanner was still here."""
    is_here: bool
    sent_at: datetime | None
    state: str
    """The delivery's, or the item's own end; `wanted` while its file is yet to be fetched."""
    status: str | None
    attempts: int
    cause: str | None
    remedy: str | None


def legs(tx: Transaction, study_instance_uid: str) -> list[Leg]:
    """Return every instance of the study with every destination, in the order in which they came."""
    rows = tx.execute(INSTANCES, {"study": study_instance_uid, "limit": MOST}).fetchall()
    return [_leg(row) for row in rows]


def ordered(tx: Transaction, study_instance_uid: str) -> list[Ordered]:
    """Return everything that Works ordered of the study, the oldest order first."""
    rows = tx.execute(ORDERED, {"study": study_instance_uid, "limit": MOST}).fetchall()
    return [
        Ordered(
            sop_instance_uid=row["sop_instance_uid"],
            destination=row["destination"],
            order_id=row["order_id"],
            ordered_at=moment(row["ordered_at"]),
            downloaded_at=moment_or_none(row["downloaded_at"]),
            is_here=bool(row["is_here"]),
            sent_at=moment_or_none(row["sent_at"]),
            state=row["outcome"] or row["state"] or "wanted",
            status=row["status"],
            attempts=row["attempts"] or 0,
            cause=row["cause"],
            remedy=row["remedy"],
        )
        for row in rows
    ]


def _leg(row: sqlite3.Row) -> Leg:
    return Leg(
        sop_instance_uid=row["sop_instance_uid"],
        calling_ae_title=row["calling_ae_title"],
        from_works=row["source"] == "works",
        kept_at=moment(row["kept_at"]),
        entered_at=moment_or_none(row["entered_at"]),
        purged_at=moment_or_none(row["purged_at"]),
        unreadable=row["unreadable"],
        duplicate=bool(row["duplicate"]),
        conflict=bool(row["conflict"]),
        destination=row["destination"],
        state=None if row["state"] is None else State(row["state"]),
        attempts=row["attempts"] or 0,
        next_attempt_at=moment_or_none(row["next_attempt_at"]),
        put_at=moment_or_none(row["put_at"]),
        sent_at=moment_or_none(row["sent_at"]),
        status=row["status"],
        cause=row["cause"],
        remedy=row["remedy"],
        note=row["note"],
    )
