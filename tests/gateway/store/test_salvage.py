"""A damaged catalogue is told from a sound one, and what it still says is taken over whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.store import commitments, connections, instances, licences, orders, salvage, settings
from smartlink.gateway.store.commitments import Asked, Reference
from smartlink.gateway.store.database import FILE_NAME, Database, open_in
from smartlink.gateway.store.salvage import Part
from tests.gateway.conftest import START
from tests.gateway.store.examples import a_pacs, an_entry, an_instance, an_ultrasound
from tests.gateway.store.test_licences import an_activation
from tests.gateway.store.test_orders import an_item

PAGE = 4096
COMMITMENT = Asked("US01", "SMARTLINKRCVR", "192.0.2.7", "1.2.9", (Reference("1.2", "1.2.3"),))


def a_catalogue(folder: Path) -> Path:
    """A closed catalogue that knows something of everything."""
    with open_in(folder) as database:
        database.write(licences.ensure)
        database.write(lambda tx: licences.activate(tx, an_activation()))
        database.write(lambda tx: settings.put(tx, {"port": 11112}, START))
        a_pacs(database)
        database.write(lambda tx: orders.order(tx, an_item(), START))
        database.write(lambda tx: commitments.add(tx, COMMITMENT, START, START))
        for number in range(200):
            an_instance(database, number)
    return folder / FILE_NAME


def pages_of(path: Path, table: str) -> list[int]:
    """The numbers of a table's pages, its root first."""
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
    return [int(root)]


def spoil(path: Path, *pages: int, seed: int = 1) -> None:
    """Write random bytes over pages."""
    whole = bytearray(path.read_bytes())
    for page in pages:
        whole[(page - 1) * PAGE : page * PAGE] = Random(seed).randbytes(PAGE)
    path.write_bytes(whole)


def taken_over(path: Path, folder: Path) -> tuple[list[Part], Database]:
    found = salvage.salvage(path)
    database = open_in(folder)
    return database.write(lambda tx: salvage.put(tx, found)), database


def test_a_sound_catalogue_has_no_problem(tmp_path: Path) -> None:
    assert salvage.problem_of(a_catalogue(tmp_path)) is None


def no_database(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 7 * PAGE + 100])


def without_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE setting")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (Path.unlink, "there is none"),
    "empty": (lambda path: path.write_bytes(b""), "there is none"),
    "no database": (no_database, "SQLITE_NOTADB"),
    "cut": (cut, "integrity check|SQLITE_CORRUPT"),
    "spoilt": (lambda path: spoil(path, *pages_of(path, "instance")), "integrity check|SQLITE_CORRUPT"),
    "a table is missing": (without_a_table, "tables are missing"),
}


@pytest.mark.parametrize(("damage", "problem"), DAMAGES.values(), ids=DAMAGES.keys())
def test_each_damage_is_seen(tmp_path: Path, damage: Callable[[Path], object], problem: str) -> None:
    path = a_catalogue(tmp_path)
    damage(path)
    found = salvage.problem_of(path)
    assert found is not None
    assert any(one in found for one in problem.split("|"))


def test_a_catalogue_of_a_newer_smartlink_is_not_damaged(tmp_path: Path) -> None:
    path = a_catalogue(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(StoreFailed, match="Update SmartLink"):
        salvage.problem_of(path)


@pytest.mark.parametrize("table", ["instance", "delivery", "counter"])
def test_where_only_the_images_are_spoilt_the_rest_is_taken_over(tmp_path: Path, table: str) -> None:
    path = a_catalogue(tmp_path / "old")
    spoil(path, *pages_of(path, table))
    parts, database = taken_over(path, tmp_path / "new")
    with database:
        assert parts == [Part.LICENCE, Part.SETTINGS, Part.CONNECTIONS, Part.ORDERS, Part.COMMITMENTS, Part.AUDIT]
        licence = database.read(licences.find)
        assert licence is not None
        assert (licence.is_active, licence.facility_name) == (True, "Emergency")
        assert database.read(settings.all_values) == {"port": 11112}
        assert [one.ae_title for one in database.read(connections.live)] == ["ARCHIVE"]
        assert database.read(orders.missing).count == 1


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ("licence", Part.LICENCE),
        ("setting", Part.SETTINGS),
        ("connection", Part.CONNECTIONS),
        ("order_item", Part.ORDERS),
        ("commitment", Part.COMMITMENTS),
        ("audit", Part.AUDIT),
    ],
)
def test_a_part_that_cannot_be_read_costs_no_other(tmp_path: Path, table: str, part: Part) -> None:
    path = a_catalogue(tmp_path / "old")
    spoil(path, *pages_of(path, table))
    parts, database = taken_over(path, tmp_path / "new")
    database.close()
    assert set(parts) == set(Part) - {Part.FOREIGN, part}


@pytest.mark.parametrize(
    ("statement", "part"),
    [
        ("UPDATE licence SET gateway_id = 'nonsense'", Part.LICENCE),
        ("UPDATE setting SET value = '-1'", Part.SETTINGS),
        ("UPDATE setting SET value = 'nonsense'", Part.SETTINGS),
        ("UPDATE connection SET kind = CAST(x'ff00' AS TEXT)", Part.CONNECTIONS),
        ("UPDATE commitment SET instances = 'nonsense'", Part.COMMITMENTS),
    ],
)
def test_what_reads_as_nonsense_is_not_believed(tmp_path: Path, statement: str, part: Part) -> None:
    path = a_catalogue(tmp_path / "old")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement)
    parts, database = taken_over(path, tmp_path / "new")
    with database:
        assert part not in parts
        assert len(parts) == 5
        assert database.write(licences.ensure) is not None
        assert database.read(settings.all_values) in ({}, {"port": 11112})


def test_orders_at_their_end_are_not_taken_over(tmp_path: Path) -> None:
    path = a_catalogue(tmp_path / "old")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE order_item SET told_state = 'sent'")
    _, database = taken_over(path, tmp_path / "new")
    with database:
        assert database.read(orders.missing).count == 0


def test_nothing_is_read_from_what_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    assert salvage.salvage(path).parts == {}
    path.write_bytes(b"no database" * 1000)
    assert salvage.salvage(path) == salvage.Salvaged({}, None)


def test_the_whole_catalogue_is_set_aside(tmp_path: Path) -> None:
    for suffix in salvage.SUFFIXES:
        (tmp_path / (FILE_NAME + suffix)).write_bytes(suffix.encode())
    target = tmp_path / "damaged" / "now"
    salvage.set_aside(tmp_path, target)
    assert sorted(path.name for path in target.iterdir()) == sorted(FILE_NAME + suffix for suffix in salvage.SUFFIXES)
    new = tmp_path / "new.db"
    new.write_bytes(b"new")
    salvage.put_in_place(new, tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == b"new"
    salvage.remove(tmp_path / FILE_NAME)
    assert [path.name for path in tmp_path.iterdir()] == ["damaged"]


def test_it_is_known_which_images_are_of_another_facility(tmp_path: Path) -> None:
    with open_in(tmp_path) as database:
        an_instance(database, 1)
        an_instance(database, 2, origin=an_ultrasound(database).id)
        delivered = an_instance(database, 3)
        database.write(lambda tx: instances.receipt(tx, delivered, START))
        database.write(lambda tx: instances.add(tx, an_entry(4, from_works=True)))
    assert salvage.salvage(tmp_path / FILE_NAME).foreign == frozenset({f"aa/{1:030x}", f"aa/{3:030x}"})
