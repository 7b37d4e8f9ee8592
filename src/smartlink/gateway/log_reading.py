"""Reading the log files: by type, day, level and words, in streams, so that a day of any size takes little memory.

Files are read from their end, block by block: the last entries of a day come at once however large it is.
"""

from __future__ import annotations

import heapq
import json
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from smartlink.gateway.log import LogKind, part_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

_BLOCK: Final = 256 * 1024
_LONGEST_LINE: Final = 1024 * 1024
"""Nothing of ours writes such a line; what is longer is cut, so that a damaged file costs no memory."""


class Level(StrEnum):
    """The levels of the manual; All is to ask for none (R116)."""

    INFO = "info"
    ERROR = "error"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: of one type or both, of the days from `first` to `last`, of one level or all, with all words."""

    first: date
    last: date
    kind: LogKind | None = None
    level: Level | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class LogFile:
    """One file of one type and day; a large day has several parts."""

    day: date
    part: int
    kind: LogKind
    path: Path


def files(folder: Path, wanted: Wanted) -> list[LogFile]:
    """Return the files of the wanted types and days, the oldest first."""
    found = []
    for path in folder.glob("*.log") if folder.is_dir() else ():
        named = part_of(path.name)
        if named is None:
            continue
        kind, day, part = named
        if wanted.first <= day <= wanted.last and wanted.kind in {None, kind}:
            found.append(LogFile(day, part, kind, path))
    return sorted(found)


def newest_first(folder: Path, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Yield the wanted entries of both types in one order of time, the newest first."""
    chosen = files(folder, wanted)
    streams = [_entries([one for one in chosen if one.kind is kind], wanted) for kind in LogKind]
    return heapq.merge(*streams, key=lambda entry: str(entry.get("time", "")), reverse=True)


def tail(folder: Path, wanted: Wanted, count: int) -> list[dict[str, Any]]:
    """Return the last `count` wanted entries, the oldest of them first."""
    return list(islice(newest_first(folder, wanted), count))[::-1]


def export_zip(folder: Path, wanted: Wanted, target: Path) -> int:
    """Put the whole files of the wanted types and days into a new zip; return how many they are (R121)."""
    chosen = files(folder, wanted)
    with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as archive:
        for one in chosen:
            add_file(archive, one.path, one.path.name)
    return len(chosen)


def export_lines(folder: Path, wanted: Wanted, target: Path) -> int:
    """Write the wanted entries into a new file, one JSON value a line, a type after the other; return how many."""
    count = 0
    with target.open("xb") as out:
        for one in sorted(files(folder, wanted), key=lambda file: (file.kind, file.day, file.part)):
            for line in lines_of(one.path):
                if _told(line, one.kind, wanted) is not None:
                    out.write(line + b"\n")
                    count += 1
    return count


def add_file(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    """Put a file that may be growing into a zip, as far as it is written now."""
    left = path.stat().st_size
    with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as inside:
        while left > 0 and (block := source.read(min(left, _BLOCK))):
            inside.write(block)
            left -= len(block)


def _entries(chosen: list[LogFile], wanted: Wanted) -> Iterator[dict[str, Any]]:
    for one in reversed(chosen):
        for line in _backwards(one.path):
            entry = _told(line, one.kind, wanted)
            if entry is not None:
                yield entry


def _told(line: bytes, kind: LogKind, wanted: Wanted) -> dict[str, Any] | None:
    """Return the entry if it is wanted. What can be ruled out by looking at its text is not read as JSON."""
    if wanted.level is not None and f'"{wanted.level}"'.encode() not in line:
        return None
    text = line.decode("utf-8", errors="replace")
    if wanted.words:
        folded = text.casefold()
        if not all(json.dumps(word.casefold(), ensure_ascii=False)[1:-1] in folded for word in wanted.words):
            return None
    try:
        entry = json.loads(text)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        # The end of a line that a power cut broke off: shown among all, but it has no level.
        entry = {"event": "unreadable", "message": text[:200]}
    if wanted.level is not None and entry.get("level") != wanted.level:
        return None
    return {"type": kind.value, **entry}


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file as bytes, the first first, one at a time."""
    with path.open("rb") as file:
        while line := file.readline(_LONGEST_LINE):
            if stripped := line.strip():
                yield stripped


def _backwards(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, the last first, holding one block and one line."""
    with path.open("rb") as file:
        position = file.seek(0, 2)
        rest = b""
        while position > 0:
            size = min(_BLOCK, position)
            position -= size
            file.seek(position)
            lines = (file.read(size) + rest).split(b"\n")
            rest = lines[0][-_LONGEST_LINE:]
            yield from (line for line in reversed(lines[1:]) if line.strip())
        if rest.strip():
            yield rest
