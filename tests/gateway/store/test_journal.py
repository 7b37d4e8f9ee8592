from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from smartlink.gateway.platform.files import flush_file
from smartlink.gateway.store import journal as module
from smartlink.gateway.store.journal import MOST_OWED, PAGE, Journal, Owed

SIZE = 16 * PAGE


def made(folder: Path, *, segments: int = 2) -> Journal:
    """A journal whose first segment is there."""
    journal = Journal(folder, segments=segments, segment_size=SIZE)
    journal.played_back()
    if not journal.keep("aa/0", (b"x",), lambda: None):
        journal.recycle(lambda _: None, idle=False)
    return journal


def name(number: int) -> str:
    return f"{number % 256:02x}/{number:030x}"


def settle(journal: Journal) -> list[str]:
    """Settle all that is owed; return their names."""
    names = []
    while not journal.owed.empty():
        one = journal.owed.get()
        assert isinstance(one, Owed)
        one.settled()
        names.append(one.name)
    return names


def records(folder: Path) -> dict[str, bytes]:
    """What a journal opened after a crash plays back."""
    again = Journal(folder, segments=2, segment_size=SIZE)
    found = dict(again.records())
    again.close()
    return found


def test_without_a_segment_there_is_no_room_until_one_was_made(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segments=1, segment_size=SIZE)
    journal.played_back()
    assert not journal.keep(name(1), (b"one",), lambda: None)
    assert journal.recyclable.is_set()
    journal.recycle(lambda _: None, idle=False)
    assert journal.keep(name(1), (b"one",), lambda: None)


def test_what_was_kept_is_there_after_a_crash_until_it_is_settled_and_flushed(tmp_path: Path) -> None:
    journal = made(tmp_path)
    told: list[int] = []
    assert journal.keep(name(1), (b"a", b"bc"), lambda: told.append(1))
    assert journal.keep(name(2), (b"d" * 5000,), lambda: told.append(2))
    assert records(tmp_path) == {name(1): b"abc", name(2): b"d" * 5000}
    assert settle(journal) == [name(1), name(2)]
    assert told == [1, 2]
    assert len(records(tmp_path)) == 2, "written is not flushed"
    flushed: list[str] = []
    assert journal.recycle(lambda records: flushed.extend(name for name, _ in records), idle=True)
    assert flushed == [name(1), name(2)]
    assert records(tmp_path) == {}


def test_a_record_of_whole_pages_hides_none_behind_it(tmp_path: Path) -> None:
    journal = made(tmp_path)
    header = module._RECORD_SIZE  # noqa: SLF001 - the format's own figure
    assert journal.keep(name(1), (b"p" * (PAGE - header),), lambda: None)
    assert journal.keep(name(2), (b"q" * (2 * PAGE - header),), lambda: None)
    assert journal.keep(name(3), (b"r",), lambda: None)
    assert [len(content) for content in records(tmp_path).values()] == [PAGE - header, 2 * PAGE - header, 1]


def test_a_full_segment_waits_for_its_files_and_the_next_is_used_meanwhile(tmp_path: Path) -> None:
    journal = made(tmp_path)
    kept = 0
    while journal.keep(name(kept), (b"x" * PAGE,), lambda: None):
        kept += 1
    journal.recycle(lambda _: pytest.fail("nothing is written yet"), idle=False)
    before = kept
    while journal.keep(name(kept), (b"x" * PAGE,), lambda: None):
        kept += 1
    assert kept == 2 * before, "the second segment"
    journal.recycle(lambda _: pytest.fail("nothing is written yet"), idle=True)
    assert not journal.keep(name(kept), (b"x" * PAGE,), lambda: None), "two are the most"
    assert len(records(tmp_path)) == kept
    settle(journal)
    assert journal.recycle(lambda _: None, idle=False)
    assert journal.keep(name(kept), (b"new",), lambda: None)
    assert records(tmp_path)[name(kept)] == b"new"


def test_what_was_settled_is_not_played_back_when_its_segment_is_written_anew(tmp_path: Path) -> None:
    journal = made(tmp_path)
    for number in range(5):
        assert journal.keep(name(number), (b"old",), lambda: None)
    settle(journal)
    journal.recycle(lambda _: None, idle=True)
    assert journal.keep(name(9), (b"new",), lambda: None)
    assert records(tmp_path) == {name(9): b"new"}


def test_a_flush_that_fails_settles_nothing(tmp_path: Path) -> None:
    journal = made(tmp_path)
    assert journal.keep(name(1), (b"one",), lambda: None)
    settle(journal)

    def broken(_records: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(OSError, match="Input/output"):
        journal.recycle(broken, idle=True)
    assert records(tmp_path) == {name(1): b"one"}
    assert journal.recycle(lambda _: None, idle=True)
    assert records(tmp_path) == {}


def test_a_record_that_was_never_finished_does_not_hide_the_next(tmp_path: Path) -> None:
    journal = made(tmp_path)
    for number in (1, 2):
        assert journal.keep(name(number), (b"x" * 6000,), lambda: None)
    with (tmp_path / "0").open("r+b") as file:
        file.seek(2 * PAGE)
        file.write(bytes(PAGE))
    assert list(records(tmp_path)) == [name(2)]


def test_bytes_of_a_sender_are_not_taken_for_a_record(tmp_path: Path) -> None:
    journal = made(tmp_path)
    other = made(tmp_path / "other")
    assert other.keep(name(7), (b"forged",), lambda: None)
    forged = (tmp_path / "other" / "0").read_bytes()[2 * PAGE : 3 * PAGE]
    assert journal.keep(name(1), (bytes(PAGE - module._RECORD_SIZE), forged), lambda: None)  # noqa: SLF001 - likewise
    with (tmp_path / "0").open("r+b") as file:  # the record around it is torn, so its pages are looked at one by one
        file.seek(2 * PAGE)
        file.write(bytes(PAGE))
    assert records(tmp_path) == {}


def test_a_head_that_was_torn_leaves_the_other(tmp_path: Path) -> None:
    journal = made(tmp_path)
    assert journal.keep(name(1), (b"one",), lambda: None)
    settle(journal)
    journal.recycle(lambda _: None, idle=True)  # generation 1: the head in page 1
    assert journal.keep(name(2), (b"two",), lambda: None)
    with (tmp_path / "0").open("r+b") as file:
        file.write(bytes(100))
    assert records(tmp_path) == {name(2): b"two"}


def test_a_segment_that_never_was_complete_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(bytes(5000))
    journal = Journal(tmp_path, segments=1, segment_size=SIZE)
    assert not (tmp_path / "0").exists()
    journal.played_back()
    assert not journal.keep(name(1), (b"one",), lambda: None)
    journal.recycle(lambda _: None, idle=False)
    assert journal.keep(name(1), (b"one",), lambda: None)


def test_a_new_segment_never_takes_the_name_of_another(tmp_path: Path) -> None:
    journal = made(tmp_path)
    while journal.keep(name(1), (b"x" * PAGE,), lambda: None):
        pass
    journal.recycle(lambda _: None, idle=False)
    journal.close()
    (tmp_path / "0").write_bytes(b"")
    again = Journal(tmp_path, segments=2, segment_size=SIZE)
    again.played_back()
    while again.keep(name(2), (b"y" * PAGE,), lambda: None):
        pass
    again.recycle(lambda _: None, idle=False)
    assert again.keep(name(3), (b"z",), lambda: None)
    assert set(records(tmp_path)) == {name(2), name(3)}


def test_a_write_that_fails_is_no_promise_and_its_segment_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = made(tmp_path)

    def full(_descriptor: int, _parts: object, _offset: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_at", full)
        with pytest.raises(OSError, match="No space"):
            journal.keep(name(1), (b"one",), lambda: None)
    assert journal.owed.empty()
    assert not journal.keep(name(2), (b"two",), lambda: None), "there is no other segment"
    assert journal.recycle(lambda _: None, idle=False), "nothing is left open of the one that failed"
    assert journal.keep(name(2), (b"two",), lambda: None)


def test_a_segment_whose_flush_failed_takes_nothing_until_it_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = made(tmp_path)
    assert journal.keep(name(1), (b"one",), lambda: None)

    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(module, "flush_file", broken)
        with pytest.raises(OSError, match="Input/output"):
            journal.keep(name(2), (b"two",), lambda: None)
    assert not journal.keep(name(3), (b"three",), lambda: None), "there is no other segment"
    assert name(1) in records(tmp_path)
    settle(journal)
    assert journal.recycle(lambda _: None, idle=False)
    assert journal.keep(name(3), (b"three",), lambda: None)
    assert list(records(tmp_path)) == [name(3)]


def test_a_flush_that_failed_is_no_success_for_anybody_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(module, "flush_file", broken)
    flush = module._SharedFlush(0)  # noqa: SLF001 - what a segment's writers share
    with pytest.raises(OSError, match="Input/output"):
        flush.wait()
    monkeypatch.setattr(module, "flush_file", lambda _descriptor: None)
    with pytest.raises(OSError, match="could not be flushed"):
        flush.wait()


def test_many_threads_share_flushes_and_all_that_was_promised_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushes: list[int] = []
    real = flush_file

    def counted(descriptor: int) -> None:
        flushes.append(descriptor)
        threading.Event().wait(0.002)
        real(descriptor)

    journal = Journal(tmp_path, segments=1, segment_size=400 * PAGE)
    journal.played_back()
    journal.keep(name(0), (b"x",), lambda: None)
    journal.recycle(lambda _: None, idle=False)
    monkeypatch.setattr(module, "flush_file", counted)
    threads = [
        threading.Thread(
            target=lambda first=first: [journal.keep(name(first + n), (b"y",), lambda: None) for n in range(20)]
        )
        for first in range(0, 160, 20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(flushes) < 160, "shared"
    again = Journal(tmp_path, segments=1, segment_size=400 * PAGE)
    assert len(dict(again.records())) == 160


def test_no_more_is_owed_than_memory_allows(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segments=1, segment_size=2 * MOST_OWED)
    journal.played_back()
    journal.keep(name(0), (b"x",), lambda: None)
    journal.recycle(lambda _: None, idle=False)
    half = (bytes(MOST_OWED // 2),)
    assert journal.keep(name(1), half, lambda: None)
    assert journal.keep(name(2), half, lambda: None)
    assert not journal.keep(name(3), (b"one more",), lambda: None)
    settle(journal)
    assert journal.keep(name(3), (b"one more",), lambda: None)


def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    journal = made(tmp_path)
    assert journal.keep(name(1), (b"one",), lambda: None)
    journal.close()
    assert not journal.keep(name(2), (b"two",), lambda: None)
    assert records(tmp_path) == {name(1): b"one"}


def test_when_it_is_quiet_no_bytes_of_images_stay(tmp_path: Path) -> None:
    journal = made(tmp_path)
    number = 0
    while journal.keep(name(number), (b"secret" * 700,), lambda: None):
        number += 1
    settle(journal)
    journal.recycle(lambda _: None, idle=False)
    assert b"secret" in (tmp_path / "0").read_bytes(), "it will be written anew soon"
    journal.recycle(lambda _: None, idle=True)
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())


def test_after_a_crash_no_bytes_of_images_stay_once_they_are_played_back(tmp_path: Path) -> None:
    journal = made(tmp_path)
    assert journal.keep(name(1), (b"secret" * 700,), lambda: None)
    again = Journal(tmp_path, segments=2, segment_size=SIZE)
    assert len(dict(again.records())) == 1
    again.played_back()
    assert b"secret" not in (tmp_path / "0").read_bytes()
