"""Table `setting`: what an administrator has changed, by name; whatever is not there has its default."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from smartlink.gateway.store import audit
from smartlink.gateway.store.database import Transaction, moment_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ALL: Final = "SELECT name, value FROM setting ORDER BY name"
PUT: Final = """
    INSERT INTO setting (name, value, changed_at) VALUES (:name, :value, :at)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at
"""


def all_values(tx: Transaction) -> dict[str, object]:
    """Return the stored settings by name."""
    return {row["name"]: json.loads(row["value"]) for row in tx.execute(ALL).fetchall()}


def put(tx: Transaction, values: Mapping[str, object], at: datetime) -> None:
    """Store these settings; others stay."""
    known = all_values(tx)
    if any(name not in known or known[name] != value for name, value in values.items()):
        audit.add(tx, "settings_changed", "settings", at, old={n: known.get(n) for n in values}, new=values)
    tx.executemany(PUT, [{"name": n, "value": json.dumps(v), "at": moment_text(at)} for n, v in values.items()])
