"""Logs are found by type, day, level and words; a large day is read from its end, in little memory."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from datetime import UTC, date, datetime, timedelta
from itertools import islice, product
from pathlib import Path

import pytest

from smartlink.gateway import log_reading
from smartlink.gateway.log import LogKind, log_path
from smartlink.gateway.log_reading import Level, Wanted, export_lines, export_zip, newest_first, tail

DAY = date(2026, 11, 24)
DAYS = (DAY, DAY + timedelta(days=1))


def entry(moment: datetime, level: str, text: str) -> str:
    return json.dumps({"time": moment.isoformat(), "level": level, "event": "x", "message": text}, ensure_ascii=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two types, two days, three levels: one entry of each, at a second of its own."""
    for (day, kind), second in zip(product(DAYS, LogKind), range(0, 60, 3), strict=False):
        moment = datetime(day.year, day.month, day.day, 12, 0, second, tzinfo=UTC)
        lines = [
            entry(moment + timedelta(seconds=n), level, f"Größe of {level} {kind}") for n, level in enumerate(Level)
        ]
        log_path(tmp_path, kind, day).write_text("\n".join(lines) + "\n", "utf-8")
    (tmp_path / "notes.log").write_text("not one of ours\n", "utf-8")
    return tmp_path


@pytest.mark.proves("R115", "R116", "R117")
@pytest.mark.parametrize("kind", [None, *LogKind])
@pytest.mark.parametrize("level", [None, *Level])
@pytest.mark.parametrize("days", [(DAYS[0], DAYS[0]), (DAYS[1], DAYS[1]), DAYS])
def test_each_combination_of_type_level_and_days_finds_exactly_its_entries(
    folder: Path, kind: LogKind | None, level: Level | None, days: tuple[date, date]
) -> None:
    found = tail(folder, Wanted(days[0], days[1], kind, level), 100)
    assert len(found) == (2 if kind is None else 1) * (3 if level is None else 1) * len(set(days))
    assert {one["type"] for one in found} == {one.value for one in LogKind if kind in {None, one}}
    assert {one["level"] for one in found} == {one.value for one in Level if level in {None, one}}
    assert [one["time"] for one in found] == sorted(one["time"] for one in found)


@pytest.mark.proves("R118")
@pytest.mark.parametrize(
    ("words", "count"), [(("GRÖSSE",), 12), (("größe", "FATAL"), 4), (("fatal", "absent"), 0), (("12:00:02",), 1)]
)
def test_all_words_must_occur_in_any_case_of_letters(folder: Path, words: tuple[str, ...], count: int) -> None:
    assert len(tail(folder, Wanted(*DAYS, words=words), 100)) == count


def test_a_level_named_in_the_text_of_another_entry_is_not_that_level(tmp_path: Path) -> None:
    line = json.dumps({"time": "1", "level": "info", "was": "error"})
    log_path(tmp_path, LogKind.SERVICE, DAY).write_text(line + "\n", "utf-8")
    assert tail(tmp_path, Wanted(DAY, DAY, level=Level.ERROR), 9) == []


def test_a_line_that_a_power_cut_broke_is_shown_among_all(tmp_path: Path) -> None:
    log_path(tmp_path, LogKind.SERVICE, DAY).write_bytes(b'{"time": "2026", "lev\xff')
    assert [one["event"] for one in tail(tmp_path, Wanted(DAY, DAY), 9)] == ["unreadable"]
    assert tail(tmp_path, Wanted(DAY, DAY, level=Level.INFO), 9) == []
    assert tail(tmp_path / "none", Wanted(DAY, DAY), 9) == []


def test_the_parts_of_a_day_and_the_blocks_of_a_file_are_one_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reading, "_BLOCK", 7)
    for part in (1, 2, 10):
        lines = [json.dumps({"time": f"{part:02}{n}"}) for n in range(3)]
        log_path(tmp_path, LogKind.SERVICE, DAY, part).write_text("\n".join(lines), "utf-8")
    times = [one["time"] for one in tail(tmp_path, Wanted(DAY, DAY), 8)]
    assert times == ["011", "012", "020", "021", "022", "100", "101", "102"]


@pytest.mark.proves("R117", "R119")
def test_the_end_of_a_large_day_is_read_in_little_memory(tmp_path: Path) -> None:
    path = log_path(tmp_path, LogKind.SERVICE, DAY)
    with path.open("wb") as file:
        file.truncate(500 * 1024**2)  # a hole: it takes no disk, but whoever reads it whole takes 500 MB
        file.seek(0, 2)
        file.write(b"\n" + entry(datetime(2026, 11, 24, tzinfo=UTC), "info", "the last").encode() + b"\n")
    tracemalloc.start()
    (last,) = islice(newest_first(tmp_path, Wanted(DAY, DAY)), 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert last["message"] == "the last"
    assert peak < 8 * 1024**2


def test_many_lines_are_exported_without_holding_them(tmp_path: Path) -> None:
    line = entry(datetime(2026, 11, 24, tzinfo=UTC), "info", "x" * 900).encode() + b"\n"
    log_path(tmp_path, LogKind.SERVICE, DAY).write_bytes(line * 20_000)
    tracemalloc.start()
    assert export_lines(tmp_path, Wanted(DAY, DAY, level=Level.INFO), tmp_path / "out.txt") == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 1024**2
    assert (tmp_path / "out.txt").stat().st_size == len(line) * 20_000


@pytest.mark.proves("R121", "R139")
def test_the_files_of_chosen_days_are_put_into_one_zip(folder: Path) -> None:
    target = folder / "logs.zip"
    assert export_zip(folder, Wanted(DAYS[0], DAYS[0]), target) == 2
    with zipfile.ZipFile(target) as archive:
        assert sorted(archive.namelist()) == [
            "ExoClient-configuration-2026-11-24.log",
            "SmartLink-service-2026-11-24.log",
        ]
        for name in archive.namelist():
            assert archive.read(name) == (folder / name).read_bytes()
    with pytest.raises(FileExistsError):
        export_zip(folder, Wanted(DAYS[0], DAYS[0]), target)
