"""Tables `worklist` and `worklist_item`: how each worklist server does, and its last good list (F7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from smartlink.gateway.store.database import Transaction, moment, moment_or_none, moment_text
from smartlink.link.worklist import WorklistItem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from datetime import datetime

LIVE: Final = """
    SELECT w.*, (SELECT count(*) FROM worklist_item i WHERE i.connection_id = w.connection_id) AS items
    FROM worklist w JOIN connection c ON c.id = w.connection_id WHERE c.deleted_at IS NULL
"""
FOUND: Final = """
    INSERT INTO worklist (connection_id, checked_at, fetched_at, truncated, unreadable)
    VALUES (:id, :at, :at, :truncated, :unreadable)
    ON CONFLICT (connection_id) DO UPDATE SET checked_at = excluded.checked_at, fetched_at = excluded.fetched_at,
        truncated = excluded.truncated, unreadable = excluded.unreadable, failing_since = NULL, problem = NULL,
        remedy = NULL
"""
FAILED: Final = """
    INSERT INTO worklist (connection_id, checked_at, failing_since, problem, remedy)
    VALUES (:id, :at, :at, :problem, :remedy)
    ON CONFLICT (connection_id) DO UPDATE SET checked_at = excluded.checked_at,
        failing_since = coalesce(failing_since, excluded.failing_since), problem = excluded.problem,
        remedy = excluded.remedy
"""
CLEAR: Final = "DELETE FROM worklist_item WHERE connection_id = :id"
FORGET: Final = "DELETE FROM worklist WHERE connection_id = :id"
ADD: Final = """
    INSERT INTO worklist_item (connection_id, number, content, expires_at) VALUES (:id, :number, :content, :expires_at)
"""
ITEMS: Final = "SELECT content FROM worklist_item WHERE connection_id = :id ORDER BY number"
EXPIRED: Final = "SELECT 1 FROM worklist_item WHERE expires_at <= :now LIMIT 1"
PURGE: Final = "DELETE FROM worklist_item WHERE expires_at <= :now"
TOLD: Final = "UPDATE worklist SET told = :state WHERE connection_id = :id"
UNTOLD: Final = "UPDATE worklist SET told = NULL"


@dataclass(frozen=True, slots=True)
class Worklist:
    """How one server does. `fetched_at`: when it last gave a whole list, of which `items` are left."""

    connection_id: UUID
    checked_at: datetime
    fetched_at: datetime | None
    items: int
    truncated: bool
    unreadable: int
    failing_since: datetime | None
    problem: str | None
    remedy: str | None
    told: str | None

    @property
    def state(self) -> str:
        """What Works has to know: another list, or another trouble. That it still fails is no news."""
        since = "" if self.failing_since is None else moment_text(self.failing_since)
        return f"{'' if self.fetched_at is None else moment_text(self.fetched_at)}|{since}|{self.problem or ''}"

    @property
    def is_news(self) -> bool:
        """Whether Works has yet to be told of it."""
        return self.told != self.state


def live(tx: Transaction) -> dict[UUID, Worklist]:
    """Return how each server does that was asked already."""
    return {found.connection_id: found for found in map(_worklist, tx.execute(LIVE).fetchall())}


def items(tx: Transaction, connection_id: UUID) -> list[WorklistItem]:
    """Return what is left of the server's last good list, soonest first."""
    rows = tx.execute(ITEMS, {"id": str(connection_id)}).fetchall()
    return [WorklistItem.model_validate_json(row["content"]) for row in rows]


def found(
    tx: Transaction,
    connection_id: UUID,
    content: Iterable[tuple[WorklistItem, datetime]],
    at: datetime,
    *,
    truncated: bool,
    unreadable: int,
) -> None:
    """The server gave a whole list: each item with the moment at which it is forgotten. It replaces the one before."""
    key = str(connection_id)
    tx.execute(FOUND, {"id": key, "at": moment_text(at), "truncated": truncated, "unreadable": unreadable})
    tx.execute(CLEAR, {"id": key})
    tx.executemany(
        ADD,
        [
            {"id": key, "number": number, "content": item.model_dump_json(), "expires_at": moment_text(expires_at)}
            for number, (item, expires_at) in enumerate(content)
        ],
    )


def failed(tx: Transaction, connection_id: UUID, at: datetime, problem: str, remedy: str) -> None:
    """The server gave none: its last good list stays. `problem` and `remedy` hold no patient data."""
    tx.execute(FAILED, {"id": str(connection_id), "at": moment_text(at), "problem": problem, "remedy": remedy})


def told(tx: Transaction, worklist: Worklist) -> None:
    """Works has been told of the server as it was then."""
    values = {"id": str(worklist.connection_id), "state": worklist.state}
    tx.execute(TOLD, values)


def none_is_told(tx: Transaction) -> None:
    """Works, or another Works, knows nothing of all this."""
    tx.execute(UNTOLD)


def forget(tx: Transaction, connection_id: UUID) -> None:
    """The server is none of ours any more: nothing is left of its list."""
    tx.execute(CLEAR, {"id": str(connection_id)})
    tx.execute(FORGET, {"id": str(connection_id)})


def any_expired(tx: Transaction, now: datetime) -> bool:
    """Tell whether there is something to purge."""
    return tx.execute(EXPIRED, {"now": moment_text(now)}).fetchone() is not None


def purge(tx: Transaction, now: datetime) -> int:
    """Forget items whose time is over, whatever became of their server; return how many those were."""
    return tx.execute(PURGE, {"now": moment_text(now)}).rowcount


def _worklist(row: sqlite3.Row) -> Worklist:
    return Worklist(
        connection_id=UUID(row["connection_id"]),
        checked_at=moment(row["checked_at"]),
        fetched_at=moment_or_none(row["fetched_at"]),
        items=row["items"],
        truncated=bool(row["truncated"]),
        unreadable=row["unreadable"],
        failing_since=moment_or_none(row["failing_since"]),
        problem=row["problem"],
        remedy=row["remedy"],
        told=row["told"],
    )
