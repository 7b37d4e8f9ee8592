"""Table `reconciliation`, and what is to be compared: what scanners sent, and what PACS said that they had."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from smartlink.gateway.delivery import State
from smartlink.gateway.store.database import Transaction, moment_or_none, moment_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# In pieces, so that no reader stays open for long.
RECEIVED: Final = """
    SELECT i.id, i.connection_id, i.study_instance_uid, i.sop_instance_uid, i.state = 'kept' AS kept,
        i.unreadable IS NOT NULL AS unreadable, d.id AS delivery_id, d.state AS delivery_state
    FROM instance AS i LEFT JOIN delivery AS d ON d.instance_id = i.id AND d.destination = 'works'
    WHERE i.id > :after AND i.source = 'scanner' AND i.kept_at >= :since AND i.connection_id IS NOT NULL
    ORDER BY i.id LIMIT :limit
"""
# What was received for another facility is not compared (R35).
# Several orders may stand for one delivery: the latest is the one that Works knows best.
STORED: Final = """
    SELECT d.id AS delivery_id, i.study_instance_uid, i.series_instance_uid, i.sop_instance_uid,
        i.state = 'kept' AS kept,
        (SELECT o.id FROM order_item AS o WHERE o.delivery_id = d.id ORDER BY o.ordered_at DESC LIMIT 1) AS item_id
    FROM delivery AS d JOIN instance AS i ON i.id = d.instance_id
    WHERE d.destination = :destination AND d.state = 'sent' AND d.sent_at >= :since AND d.id > :after
        AND i.series_instance_uid IS NOT NULL AND (i.source = 'works' OR i.connection_id IS NOT NULL)
    ORDER BY d.id LIMIT :limit
"""
ADD: Final = """
    INSERT INTO reconciliation (at, since, connection_id, report) VALUES (:at, :since, :connection_id, :report)
"""
LATEST: Final = """
    SELECT report FROM reconciliation WHERE id IN (SELECT max(id) FROM reconciliation GROUP BY connection_id)
    ORDER BY id
"""
LAST_AT: Final = "SELECT max(at) AS at FROM reconciliation"
FORGET: Final = "DELETE FROM reconciliation WHERE at < :before"


@dataclass(frozen=True, slots=True)
class Received:
    """An image that a scanner sent, and how far its way to Works is (None: it was never to go there)."""

    id: int
    connection_id: UUID
    study_instance_uid: str
    sop_instance_uid: str
    kept: bool
    unreadable: bool
    delivery_id: int | None
    delivery_state: State | None


@dataclass(frozen=True, slots=True)
class Stored:
    """An image that a PACS said it had; `item_id` is the order of Works, None for one that was sent directly."""

    delivery_id: int
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    kept: bool
    item_id: UUID | None


def received(tx: Transaction, since: datetime, after: int, limit: int) -> list[Received]:
    """Return what scanners sent since then, the next after that id."""
    rows = tx.execute(RECEIVED, {"since": moment_text(since), "after": after, "limit": limit}).fetchall()
    return [
        Received(
            id=row["id"],
            connection_id=UUID(row["connection_id"]),
            study_instance_uid=row["study_instance_uid"] or "",
            sop_instance_uid=row["sop_instance_uid"],
            kept=bool(row["kept"]),
            unreadable=bool(row["unreadable"]),
            delivery_id=row["delivery_id"],
            delivery_state=None if row["delivery_state"] is None else State(row["delivery_state"]),
        )
        for row in rows
    ]


def stored(tx: Transaction, destination: str, since: datetime, after: int, limit: int) -> list[Stored]:
    """Return what this PACS took since then, the next after that delivery."""
    values = {"destination": destination, "since": moment_text(since), "after": after, "limit": limit}
    return [
        Stored(
            delivery_id=row["delivery_id"],
            study_instance_uid=row["study_instance_uid"],
            series_instance_uid=row["series_instance_uid"],
            sop_instance_uid=row["sop_instance_uid"],
            kept=bool(row["kept"]),
            item_id=None if row["item_id"] is None else UUID(row["item_id"]),
        )
        for row in tx.execute(STORED, values).fetchall()
    ]


def add(tx: Transaction, connection_id: UUID, at: datetime, since: datetime, report: Mapping[str, object]) -> None:
    """Keep what was found of a connection."""
    values = {
        "at": moment_text(at),
        "since": moment_text(since),
        "connection_id": str(connection_id),
        "report": json.dumps(report, ensure_ascii=False, default=_plain),
    }
    tx.execute(ADD, values)


def latest(tx: Transaction) -> list[dict[str, Any]]:
    """Return what was found last of each connection."""
    return [json.loads(row["report"]) for row in tx.execute(LATEST).fetchall()]


def last_at(tx: Transaction) -> datetime | None:
    """Return when anything was compared last."""
    return moment_or_none(tx.execute(LAST_AT).fetchone()["at"])


def forget(tx: Transaction, before: datetime) -> None:
    """Reports that are older are gone."""
    tx.execute(FORGET, {"before": moment_text(before)})


def _plain(value: object) -> str:
    return moment_text(value) if hasattr(value, "astimezone") else str(value)  # type: ignore[arg-type]
