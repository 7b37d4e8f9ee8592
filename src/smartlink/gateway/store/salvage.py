"""A damaged catalogue: whether it is one, and the few tables that are worth reading from it once more.

The images need none of it: the spool describes itself. What the spool does not know is small (the licence, the
settings, the connections, what Works ordered, who waits for a storage commitment) and is taken over part by part, each
whole and only when its values still read as what they should be, or not at all.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from smartlink.gateway.platform.files import flush_folder
from smartlink.gateway.settings import administrator_settings
from smartlink.gateway.store import audit, commitments, configuration, connections, licences, settings
from smartlink.gateway.store.database import FILE_NAME, Transaction
from smartlink.gateway.store.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SUFFIXES: Final = ("", "-wal", "-shm")
"""The files of one catalogue."""

SCHEMA: Final = "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
COLUMNS: Final = "SELECT name FROM pragma_table_info(:table)"
# What was received for another facility is cut off from its connection, and must not be joined to it again (R35).
ORPHANS: Final = "SELECT spool_name FROM instance WHERE state = 'kept' AND source = 'scanner' AND connection_id IS NULL"
# An order that is at its end, and told, is history; of the others the deliveries are gone, so they begin again.
UNFINISHED: Final = (
    "DELETE FROM order_item WHERE outcome IS NOT NULL OR told_state IN ('sent', 'exhausted', 'cancelled')"
)


class Part(StrEnum):
    """What a catalogue knows and the spool does not."""

    LICENCE = "licence"
    SETTINGS = "settings"
    CONNECTIONS = "connections"
    ORDERS = "orders"
    COMMITMENTS = "storage commitments"
    AUDIT = "audit list"
    FOREIGN = "images of another facility"


@dataclass(frozen=True, slots=True)
class _Table:
    """One table to be taken over; `without` are columns that are not worth it, or point at what is gone."""

    name: str
    without: frozenset[str] = frozenset()


_TABLES: Final = {
    Part.LICENCE: (_Table("licence"),),
    Part.SETTINGS: (_Table("setting"),),
    Part.CONNECTIONS: (
        _Table("configuration", frozenset({"etag"})),  # Works is asked for all of it again
        _Table("specialty"),
        _Table("connection"),
        _Table("connection_address"),
    ),
    Part.ORDERS: (_Table("command"), _Table("order_item", frozenset({"delivery_id"}))),
    Part.COMMITMENTS: (_Table("commitment"),),
    Part.AUDIT: (_Table("audit"),),
}


def _read_licence(tx: Transaction) -> object:
    return licences.find(tx)


def _read_settings(tx: Transaction) -> object:
    return administrator_settings(settings.all_values(tx))


def _read_connections(tx: Transaction) -> object:
    return configuration.find(tx), connections.live(tx)


def _finish_orders(tx: Transaction) -> object:
    return tx.execute(UNFINISHED)


def _read_commitments(tx: Transaction) -> object:
    return commitments.listing(tx, commitments.count(tx))


def _read_audit(tx: Transaction) -> object:
    return audit.listing(tx, datetime(2000, 1, 1, tzinfo=UTC), -1)


_CHECKS: Final[dict[Part, Callable[[Transaction], object]]] = {
    Part.LICENCE: _read_licence,
    Part.SETTINGS: _read_settings,
    Part.CONNECTIONS: _read_connections,
    Part.ORDERS: _finish_orders,
    Part.COMMITMENTS: _read_commitments,
    Part.AUDIT: _read_audit,
}

_Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What could be read: rows by table for each part, and the files that belong to another facility."""

    parts: dict[Part, _Rows]
    foreign: frozenset[str] | None
    """None: it cannot be read which files do."""


def problem_of(path: Path) -> str | None:
    """Return what is wrong with the catalogue's file, or None when it is sound; an older one is brought up to date.

    Nobody else may have it open. Raises StoreFailed for one that a newer SmartLink made: that one is not damaged.
    """
    if not path.exists() or not path.stat().st_size:
        return "there is none"
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            (told,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if told != "ok":
                return "it does not pass SQLite's integrity check"
            migrate(connection)
            if connection.execute(SCHEMA).fetchall() != _fresh_schema():
                return "tables are missing"
    except sqlite3.Error as error:
        return f"SQLite says {getattr(error, 'sqlite_errorname', type(error).__name__)}"
    return None


def salvage(path: Path) -> Salvaged:
    """Read what can be read of the catalogue's file, sound or not; never raises for what it finds there."""
    nothing = Salvaged({}, None)
    if not path.exists():
        return nothing
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA query_only = ON")
            found = {part: rows for part in _TABLES if (rows := _rows(connection, part)) is not None}
            return Salvaged(found, _foreign(connection))
    except sqlite3.Error:
        return nothing


def put(tx: Transaction, salvaged: Salvaged) -> list[Part]:
    """Enter what was read into a new catalogue, and return the parts that were taken over."""
    taken = []
    for part, rows in salvaged.parts.items():
        tx.execute("SAVEPOINT part")
        try:
            for table, of_table in rows.items():
                _insert(tx, table, of_table)
            _CHECKS[part](tx)
        except (sqlite3.Error, ValueError, TypeError, KeyError):
            # Read, but no longer what it was: none of this part is believed.
            tx.execute("ROLLBACK TO part")
        else:
            if any(rows.values()):
                taken.append(part)
        tx.execute("RELEASE part")
    return taken


def set_aside(folder: Path, target: Path) -> None:
    """Move the catalogue of a data folder to `target`, with all that belongs to it."""
    target.mkdir(mode=0o700, parents=True)
    for suffix in SUFFIXES:
        path = folder / (FILE_NAME + suffix)
        if path.exists():
            path.replace(target / path.name)
    flush_folder(target)
    flush_folder(target.parent)
    flush_folder(folder)


def put_in_place(new: Path, folder: Path) -> None:
    """Let a catalogue that nobody has open be the one of this data folder."""
    new.replace(folder / FILE_NAME)
    flush_folder(folder)


def remove(path: Path) -> None:
    """Remove a catalogue that was never finished."""
    for suffix in SUFFIXES:
        (path.parent / (path.name + suffix)).unlink(missing_ok=True)


def _rows(connection: sqlite3.Connection, part: Part) -> _Rows | None:
    try:
        return {
            table.name: [
                {name: row[name] for name in row.keys() if name not in table.without}  # noqa: SIM118  a Row's values are its own
                for row in connection.execute(f"SELECT * FROM {table.name}")  # noqa: S608  the table's name is ours
            ]
            for table in _TABLES[part]
        }
    except sqlite3.Error:
        return None


def _foreign(connection: sqlite3.Connection) -> frozenset[str] | None:
    try:
        return frozenset(str(row["spool_name"]) for row in connection.execute(ORPHANS))
    except sqlite3.Error:
        return None


def _insert(tx: Transaction, table: str, rows: list[dict[str, Any]]) -> None:
    known = {row["name"] for row in tx.execute(COLUMNS, {"table": table})}
    for row in rows:
        names = [name for name in row if name in known]
        places = ", ".join(f":{name}" for name in names)
        tx.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", row)  # noqa: S608  names of columns we know


def _fresh_schema() -> list[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        return connection.execute(SCHEMA).fetchall()
