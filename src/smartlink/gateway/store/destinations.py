"""Table `destination`: how each PACS does, also across restarts; one that was never tried has no row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.store.database import Transaction, moment_or_none, moment_text

if TYPE_CHECKING:
    from datetime import datetime

FIND: Final = "SELECT * FROM destination WHERE id = :id"
FAILING: Final = """
    INSERT INTO destination (id, failing_since, layer, problem) VALUES (:id, :at, :layer, :problem)
    ON CONFLICT (id) DO UPDATE SET failing_since = coalesce(failing_since, excluded.failing_since),
        layer = excluded.layer, problem = excluded.problem
"""
ACCEPTED: Final = """
    INSERT INTO destination (id, last_accepted_at) VALUES (:id, :at)
    ON CONFLICT (id) DO UPDATE SET failing_since = NULL, layer = NULL, problem = NULL,
        last_accepted_at = excluded.last_accepted_at
"""


@dataclass(frozen=True, slots=True)
class Destination:
    """How a PACS does. `failing_since`: the first failure of the outage that lasts; None when none does."""

    failing_since: datetime | None = None
    layer: str | None = None
    problem: str | None = None
    last_accepted_at: datetime | None = None


def find(tx: Transaction, destination: str) -> Destination:
    """Return how a destination does."""
    row = tx.execute(FIND, {"id": destination}).fetchone()
    if row is None:
        return Destination()
    return Destination(
        failing_since=moment_or_none(row["failing_since"]),
        layer=row["layer"],
        problem=row["problem"],
        last_accepted_at=moment_or_none(row["last_accepted_at"]),
    )


def failing(tx: Transaction, destination: str, at: datetime, problem: str, layer: str | None = None) -> None:
    """The destination fails; the start of the outage is kept. `problem` is a sentence without patient data."""
    tx.execute(FAILING, {"id": destination, "at": moment_text(at), "problem": problem, "layer": layer})


def accepted(tx: Transaction, destination: str, at: datetime) -> None:
    """The destination took an instance: whatever failed is over."""
    tx.execute(ACCEPTED, {"id": destination, "at": moment_text(at)})
