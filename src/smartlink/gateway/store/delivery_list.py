"""Deliveries as lists show them, newest first. Of the patient a list says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.delivery import State
from smartlink.gateway.store.database import moment, moment_or_none

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from smartlink.gateway.store.database import Transaction

_LISTED: Final = """
    SELECT d.id, d.destination, d.state, d.attempts, d.next_attempt_at, d.cause, d.remedy, d.note, d.sent_at,
        i.sop_instance_uid, i.study_instance_uid, i.calling_ae_title, i.kept_at, i.duplicate_of, i.conflict
    FROM delivery AS d JOIN instance AS i ON i.id = d.instance_id
"""
LISTING: Final = _LISTED + "ORDER BY d.id DESC LIMIT :limit"
LISTING_IN_STATE: Final = _LISTED + "WHERE d.state = :state ORDER BY d.id DESC LIMIT :limit"


@dataclass(frozen=True, slots=True)
class Listed:
    """A delivery as a list shows it."""

    id: int
    destination: str
    state: State
    attempts: int
    next_attempt_at: datetime
    cause: str | None
    remedy: str | None
    note: str | None
    received_at: datetime
    sent_at: datetime | None
    sop_instance_uid: str
    study_instance_uid: str | None
    calling_ae_title: str
    duplicate: bool
    conflict: bool


def listing(tx: Transaction, state: State | None, limit: int) -> list[Listed]:
    """Return the newest deliveries, at most `limit`, of one state or of all."""
    if state is None:
        rows = tx.execute(LISTING, {"limit": limit}).fetchall()
    else:
        rows = tx.execute(LISTING_IN_STATE, {"state": state.value, "limit": limit}).fetchall()
    return [_listed(row) for row in rows]


def _listed(row: sqlite3.Row) -> Listed:
    return Listed(
        id=row["id"],
        destination=row["destination"],
        state=State(row["state"]),
        attempts=row["attempts"],
        next_attempt_at=moment(row["next_attempt_at"]),
        cause=row["cause"],
        remedy=row["remedy"],
        note=row["note"],
        received_at=moment(row["kept_at"]),
        sent_at=moment_or_none(row["sent_at"]),
        sop_instance_uid=row["sop_instance_uid"],
        study_instance_uid=row["study_instance_uid"],
        calling_ae_title=row["calling_ae_title"],
        duplicate=row["duplicate_of"] is not None,
        conflict=bool(row["conflict"]),
    )
