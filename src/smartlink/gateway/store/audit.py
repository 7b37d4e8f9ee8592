"""Table `audit`: what was changed on this gateway, by whom, from what to what.

Whoever changes a setting, a connection, the licence or a delivery goes through `store`, which enters it here in the
same transaction. Who acts is said once at the door (the command line, a page); what the service does by itself is its
own.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from smartlink.gateway.store.database import Transaction, moment, moment_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ACTOR: ContextVar[str] = ContextVar("ACTOR", default="service")
"""Who acts in this context, such as `command line: root`."""

ADD: Final = """
    INSERT INTO audit (at, actor, action, object, old, new) VALUES (:at, :actor, :action, :object, :old, :new)
"""
LISTING: Final = "SELECT * FROM audit WHERE at >= :since ORDER BY id DESC LIMIT :limit"


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. `old` and `new` hold only what changed."""

    id: int
    at: datetime
    actor: str
    action: str
    object: str
    old: dict[str, Any]
    new: dict[str, Any]


def add(
    tx: Transaction,
    action: str,
    object_: str,
    at: datetime,
    *,
    old: Mapping[str, object] | None = None,
    new: Mapping[str, object] | None = None,
) -> None:
    """Enter one act. Of values that are in both `old` and `new` only those that differ are kept."""
    before, after = dict(old or {}), dict(new or {})
    same = {name for name in before.keys() & after.keys() if before[name] == after[name]}
    values = {
        "at": moment_text(at),
        "actor": ACTOR.get(),
        "action": action,
        "object": object_,
        "old": _json({name: value for name, value in before.items() if name not in same}),
        "new": _json({name: value for name, value in after.items() if name not in same}),
    }
    tx.execute(ADD, values)


def listing(tx: Transaction, since: datetime, limit: int) -> list[Entry]:
    """Return what was done since then, the last first."""
    rows = tx.execute(LISTING, {"since": moment_text(since), "limit": limit}).fetchall()
    return [
        Entry(
            id=row["id"],
            at=moment(row["at"]),
            actor=row["actor"],
            action=row["action"],
            object=row["object"],
            old=json.loads(row["old"]),
            new=json.loads(row["new"]),
        )
        for row in rows
    ]


def _json(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False, default=str)
