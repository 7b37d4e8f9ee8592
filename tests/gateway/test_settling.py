from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from smartlink.gateway import settling as module
from smartlink.gateway.catalogue import Catalogue, Description
from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.settling import Settling, play_back
from smartlink.gateway.store import instances
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.journal import LARGEST, Journal
from smartlink.gateway.store.spool import Kept, Provenance, Spool
from tests.gateway.conftest import START

ORIGIN = Provenance("1.2", "1.2.3.4", "1.2.840.10008.1.2", "US01", "RCVR", "192.0.2.7", "192.0.2.1:104")


@dataclass
class Place:
    """A spool with a journal that has room."""

    folder: Path

    def __post_init__(self) -> None:
        self.journal = Journal(self.folder / "journal", segments=2, segment_size=4 * LARGEST)
        self.spool = Spool(self.folder / "spool", self.folder / "incomplete", self.journal)
        self.settling = Settling(self.journal, self.spool)
        self.told: list[Kept] = []

    def ready(self) -> Place:
        self.journal.played_back()
        self.journal.keep("aa/0", (b"x",), lambda: None)
        self.journal.recycle(lambda _: None, idle=False)
        return self

    def keep(self, data: bytes = b"data") -> Kept:
        file = self.spool.create(ORIGIN)
        file.write(memoryview(data))
        return file.commit(START, self.told.append)

    def files(self) -> list[Path]:
        return [path for path in (self.folder / "spool").rglob("*") if path.is_file()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path).ready()


def after_a_crash(place: Place, database: Database) -> tuple[Place, int]:
    again = Place(place.folder)
    with capture_logs():
        return again, play_back(again.journal, again.spool, database)


def test_a_small_instance_has_its_file_behind_the_answer_and_then_the_ledger_is_told(place: Place) -> None:
    kept = place.keep()
    assert place.files() == []
    assert place.told == []
    assert list(place.spool.names()) == []
    assert place.settling.tick(START)
    assert place.told == [kept]
    assert place.spool.check(kept.name) == kept
    assert list(place.spool.names()) == [kept.name]


def test_a_large_instance_flushes_its_own_file(place: Place) -> None:
    kept = place.keep(bytes(LARGEST + 1))
    assert place.told == [kept]
    assert place.spool.check(kept.name) == kept
    assert place.journal.owed.empty()


def test_a_crash_before_the_file_was_written_loses_nothing(place: Place, database: Database) -> None:
    kept = place.keep()
    again, restored = after_a_crash(place, database)
    assert restored == 1
    assert again.spool.check(kept.name) == kept
    assert after_a_crash(place, database)[1] == 0, "once"


def test_a_power_cut_that_left_half_a_file_loses_nothing(place: Place, database: Database) -> None:
    kept = place.keep(b"d" * 5000)
    place.settling.tick(START)
    path = place.spool.path(kept.name)
    path.write_bytes(path.read_bytes()[:3000])
    again, restored = after_a_crash(place, database)
    assert restored == 1
    assert again.spool.check(kept.name) == kept


def test_a_file_that_a_kill_left_unflushed_is_flushed_before_its_record_goes(
    place: Place, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = place.keep()
    place.settling.tick(START)
    order: list[str] = []
    again = Place(place.folder)
    monkeypatch.setattr(module, "flush_files", lambda _folder, files: order.extend(path.name for path in files))
    monkeypatch.setattr(again.journal, "played_back", lambda: order.append("settled"))
    assert play_back(again.journal, again.spool, database) == 0
    assert order == [kept.name[3:], "settled"]


def test_what_nobody_needs_any_more_is_not_brought_back(place: Place, database: Database) -> None:
    kept = place.keep()
    place.settling.tick(START)
    catalogue = Catalogue(
        database, place.spool, lambda one: Description("1.2", one.sop_instance_uid, "1.2.4", "1.2.5", {})
    )
    with capture_logs():
        catalogue.record([kept], START)
    place.spool.remove(kept.name)
    database.write(lambda tx: instances.purged(tx, 1, START))
    again, restored = after_a_crash(place, database)
    assert restored == 0
    assert again.files() == []


def test_a_record_whose_flush_never_ended_is_no_image(place: Place, database: Database) -> None:
    place.keep(b"d" * 20000)
    segment = place.folder / "journal" / "0"
    with segment.open("r+b") as file:
        file.seek(16 * 1024)
        file.write(b"torn")
    again, restored = after_a_crash(place, database)
    assert restored == 0
    assert again.files() == []


def test_after_a_flush_nothing_is_played_back(place: Place, database: Database) -> None:
    place.keep()
    with capture_logs():
        assert place.settling.finish(START)
    assert after_a_crash(place, database)[1] == 0
    assert len(place.files()) == 1


def test_a_disk_that_takes_no_file_refuses_new_ones_and_loses_none(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = place.keep()

    def full(_name: str, _parts: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(place.spool, "put", full)
        assert not place.settling.tick(START)
        assert not place.settling.tick(START)
    assert not place.settling.ready()
    assert [line["message"] for line in lines] == ["Failed to store image in local database"]
    with capture_logs():
        assert place.settling.tick(START)
    assert place.settling.ready()
    assert place.told == [kept]


def test_a_flush_of_the_files_that_fails_is_told_and_keeps_the_journal(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.keep()

    def broken(_folder: Path, _files: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(module, "flush_files", broken)
    with capture_logs() as lines:
        assert not place.settling.finish(START)
    assert [line["event"] for line in lines] == ["journal_not_recycled"]
    assert len(dict(Journal(place.folder / "journal").records())) == 1


def test_after_a_flush_that_failed_the_files_are_written_again_and_a_removed_one_is_not(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = place.keep(b"d" * 5000), place.keep()
    place.settling.tick(START)

    def broken(_folder: Path, _files: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch, capture_logs():
        patch.setattr(module, "flush_files", broken)
        place.settling._quiet.set()  # noqa: SLF001 - as after half a second without an image
        assert not place.settling.recycle(START)
    path = place.spool.path(first.name)
    path.write_bytes(bytes(path.stat().st_size))  # what the disk has, as the bytes in memory were given up
    place.spool.remove(second.name)
    place.journal.recyclable.set()
    assert place.settling.recycle(START)
    assert place.spool.check(first.name) == first
    assert place.files() == [path]


def test_who_waits_learns_when_all_before_has_its_file(place: Place) -> None:
    place.keep()
    assert not place.settling.caught_up(0.01)
    place.settling.tick(START)
    assert place.told


def test_a_journal_that_cannot_be_read_is_told_in_a_sentence(place: Place, database: Database) -> None:
    place.keep()
    again = Place(place.folder)

    def broken() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    again.journal.played_back = broken  # type: ignore[method-assign]
    with pytest.raises(StoreFailed, match="cannot be played back"), capture_logs():
        play_back(again.journal, again.spool, database)
