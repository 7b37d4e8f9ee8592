"""One writer, short readers, and errors that the rest of the program knows."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from smartlink.gateway.errors import CatalogueDamaged, StoreFailed
from smartlink.gateway.store import settings
from smartlink.gateway.store.database import Database, RunLock, moment, moment_text, open_in
from tests.gateway.conftest import START


def test_what_was_written_is_read_after_the_catalogue_was_opened_anew(tmp_path: Path) -> None:
    with open_in(tmp_path) as database:
        database.write(lambda tx: settings.put(tx, {"port": 11112}, START))
    with open_in(tmp_path) as database:
        assert database.read(settings.all_values) == {"port": 11112}


def test_a_failed_write_leaves_nothing_behind(database: Database) -> None:
    def work(tx: sqlite3.Connection) -> None:
        settings.put(tx, {"port": 1}, START)
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        database.write(work)
    assert database.read(settings.all_values) == {}


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StoreFailed, match="READONLY"):
        database.read(lambda tx: settings.put(tx, {"port": 1}, START))


def test_writes_of_many_threads_and_of_another_process_all_arrive(tmp_path: Path) -> None:
    with open_in(tmp_path) as service, open_in(tmp_path) as command_line:

        def put(database: Database, name: str) -> None:
            for count in range(20):
                database.write(lambda tx: settings.put(tx, {f"{name}{count}": count}, START))  # noqa: B023

        threads = [
            threading.Thread(target=put, args=(database, f"{name}-{index}-"))
            for index in range(3)
            for name, database in (("service", service), ("cli", command_line))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(service.read(settings.all_values)) == 120


def test_durability_is_what_was_promised(tmp_path: Path) -> None:
    with open_in(tmp_path) as database:
        asked = database.write(
            lambda tx: [tx.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
        )
    assert asked == ["wal", 2]


def test_a_closed_catalogue_says_so(tmp_path: Path) -> None:
    database = open_in(tmp_path)
    database.close()
    database.close()
    with pytest.raises(StoreFailed, match="closed"):
        database.write(settings.all_values)


def test_a_catalogue_that_is_none_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "smartlink.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StoreFailed, match="NOTADB"):
        open_in(tmp_path)


def test_a_catalogue_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    open_in(tmp_path).close()
    raw = sqlite3.connect(tmp_path / "smartlink.db")
    raw.execute("PRAGMA user_version = 999")
    raw.close()
    with pytest.raises(StoreFailed, match="newer SmartLink"):
        open_in(tmp_path)


def test_only_one_service_runs_on_a_data_folder(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "run.lock")
    with pytest.raises(StoreFailed, match="already runs"):
        RunLock(tmp_path / "run.lock")
    lock.release()
    RunLock(tmp_path / "run.lock").release()


def test_moments_are_written_in_utc_and_sort_as_text() -> None:
    madrid = datetime(2026, 11, 24, 5, 0, tzinfo=timezone(timedelta(hours=1)))
    assert moment_text(madrid) == "2026-11-24T04:00:00.000000Z"
    assert moment(moment_text(madrid)) == madrid
    assert moment_text(START) < moment_text(START + timedelta(microseconds=1))
    with pytest.raises(ValueError, match="offset"):
        moment_text(datetime(2026, 11, 24, tzinfo=UTC).replace(tzinfo=None))


@pytest.mark.parametrize("damage", [b"no database" * 1000, b"SQLite format 3\0" + bytes(8000)])
def test_a_damaged_catalogue_names_the_remedy(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "smartlink.db").write_bytes(damage)
    with pytest.raises(CatalogueDamaged, match="Stop SmartLink, run `smartlink repair`, then start it again"):
        open_in(tmp_path)


def test_damage_found_while_reading_or_writing_names_the_remedy(database: Database) -> None:
    def damaged(_: sqlite3.Connection) -> None:
        problem = sqlite3.DatabaseError("database disk image is malformed")
        problem.sqlite_errorname = "SQLITE_CORRUPT_INDEX"
        raise problem

    with pytest.raises(CatalogueDamaged, match="SQLITE_CORRUPT_INDEX"):
        database.read(damaged)
    with pytest.raises(CatalogueDamaged, match="SQLITE_CORRUPT_INDEX"):
        database.write(damaged)


def test_a_spoilt_page_that_nobody_asks_for_is_found_by_the_check(tmp_path: Path) -> None:
    with open_in(tmp_path) as database:
        database.check()
    path = tmp_path / "smartlink.db"
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'order_item'").fetchone()
    whole = bytearray(path.read_bytes())
    whole[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(whole)
    with open_in(tmp_path) as database, pytest.raises(CatalogueDamaged, match="smartlink repair"):
        database.check()
