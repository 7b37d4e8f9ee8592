"""The schema grows by numbered scripts, each applied once."""

from __future__ import annotations

import sqlite3

import pytest

from smartlink.gateway.store import migrations


def test_scripts_are_numbered_without_gaps() -> None:
    numbers = [number for number, _ in migrations.scripts()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_migrating_twice_changes_nothing() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    version = migrations.migrate(connection)
    before = connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    assert migrations.migrate(connection) == version
    assert connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == before
    connection.close()


def test_a_trigger_stays_in_one_piece() -> None:
    script = "CREATE TABLE a (b);\nCREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM a;\n  SELECT 1;\nEND;\n"
    assert len(list(migrations.statements(script))) == 2


def test_a_script_cut_short_is_refused() -> None:
    with pytest.raises(ValueError, match="middle of a statement"):
        list(migrations.statements("CREATE TABLE a (b"))
