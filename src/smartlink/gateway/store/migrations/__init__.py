"""The catalogue's schema as a row of SQL files, applied in order; `PRAGMA user_version` says how far one has come."""

from __future__ import annotations

import sqlite3
from importlib import resources
from typing import TYPE_CHECKING

from smartlink.gateway.errors import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Iterator


def scripts() -> list[tuple[int, str]]:
    """Return all migrations as (version, SQL), in order."""
    found = [
        (int(entry.name.partition("_")[0]), entry.read_text(encoding="utf-8"))
        for entry in resources.files(__name__).iterdir()
        if entry.name.endswith(".sql")
    ]
    return sorted(found)


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the catalogue to the newest version in one transaction and return that version.

    Two processes may try at once: the second finds nothing left to do.
    """
    known = scripts()
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > known[-1][0]:
            raise StoreFailed("This data folder was made by a newer SmartLink. Update SmartLink.")
        for number, script in known:
            if number > version:
                for statement in statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return known[-1][0]


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one; a trigger's body stays in one piece."""
    gathered = ""
    for line in script.splitlines():
        gathered += line + "\n"
        if sqlite3.complete_statement(gathered):
            yield gathered
            gathered = ""
    if gathered.strip():
        raise ValueError("a migration ends in the middle of a statement")
