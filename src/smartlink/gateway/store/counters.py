"""Table `counter`: totals that the database's own triggers keep, so that no page counts a backlog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smartlink.gateway.delivery import State

if TYPE_CHECKING:
    from smartlink.gateway.store.database import Transaction

DELIVERIES: Final = "SELECT name, total FROM counter WHERE name >= :first AND name < :last"
DESTINATIONS: Final = """
    SELECT name FROM counter WHERE name >= 'delivery/' AND name < 'delivery0' AND total > 0
"""
ONE: Final = "SELECT total FROM counter WHERE name = :name"


def deliveries(tx: Transaction, destination: str) -> dict[State, int]:
    """Return how many deliveries to `destination` are in each state; every state is there."""
    prefix = f"delivery/{destination}/"
    rows = tx.execute(DELIVERIES, {"first": prefix, "last": f"delivery/{destination}0"}).fetchall()
    found = {row["name"].removeprefix(prefix): row["total"] for row in rows}
    return {state: int(found.get(state, 0)) for state in State}


def destinations(tx: Transaction) -> list[str]:
    """Return where deliveries go that are not at their end."""
    names = [row["name"].split("/") for row in tx.execute(DESTINATIONS).fetchall()]
    return sorted({destination for _, destination, state in names if not State(state).is_final})


def instances(tx: Transaction) -> dict[str, int]:
    """Return how many instances are kept, purged, unreadable, duplicates and conflicts."""
    return {name: _one(tx, f"instance/{name}") for name in ("kept", "purged", "unreadable", "duplicate", "conflict")}


def _one(tx: Transaction, name: str) -> int:
    row = tx.execute(ONE, {"name": name}).fetchone()
    return 0 if row is None else int(row["total"])
