"""The journal: small instances are on disk for good after one flush, and get a file of their own behind the answer.

Creating a file and flushing it makes the file system commit names and sizes, which takes longer than writing the bytes
does. A segment's blocks were written before, so flushing it writes bytes and nothing else, and one flush serves all
Associations. An instance's record is needed only until its own file was flushed: then the segment is settled and
written anew. After a crash the records that are not settled are played back before anything else happens.

A segment is a file of pages of 4096 bytes. Pages 0 and 1 hold its head, written in turn:

    offset  size  what
         0     8  SLJHEAD1
         8    16  salt: random, the segment's own, so that no sender can make bytes that look like a record
        24     8  the last settled generation                  little endian, unsigned
        32     4  CRC-32 of what comes before

A record begins at a page: this header, then the file as it lies in the spool, then zeros up to the next page:

         0     8  SLJDATA1
         8    16  the segment's salt
        24     8  generation: grows whenever a segment is begun anew
        32    36  name in the spool
        68     8  length of the file
        76     4  CRC-32 of what comes before
"""

from __future__ import annotations

import os
import queue
import struct
import threading
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.platform.files import flush_file, flush_folder, write_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

PAGE: Final = 4096
LARGEST: Final = 1024**2
"""Bytes of the Data Set up to which an instance goes through the journal."""
SEGMENTS: Final = 4
SEGMENT_SIZE: Final = 16 * 1024**2
MOST_OWED: Final = 16 * 1024**2
"""Bytes in memory that wait for their file; beyond, instances flush a file of their own before the answer."""

_HEAD: Final = struct.Struct("<8s16sQ")
_HEAD_MARK: Final = b"SLJHEAD1"
_RECORD: Final = struct.Struct("<8s16sQ36sQ")
_RECORD_MARK: Final = b"SLJDATA1"
_CRC: Final = struct.Struct("<I")
_RECORD_SIZE: Final = _RECORD.size + _CRC.size
_FIRST: Final = 2 * PAGE
_ZEROS: Final = bytes(1024**2)
_EXISTING: Final = os.O_RDWR | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Owed:
    """An instance that is safe in the journal and has no file yet."""

    name: str
    parts: tuple[bytes, ...]
    """Its file's bytes."""
    settled: Callable[[], None]
    """To be called when the file is written."""


class Journal:
    """Keeps what is given until it is settled. Any thread may `keep`; one writes the files, one calls `recycle`."""

    def __init__(self, folder: Path, *, segments: int = SEGMENTS, segment_size: int = SEGMENT_SIZE) -> None:
        """Open the segments in `folder`, none of which is used before `play_back` is done with."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._size = segment_size
        self._most = segments
        self._lock = threading.Lock()
        self._segments = _opened(folder)
        self._generation = max((segment.newest() for segment in self._segments), default=0)
        self._free: list[_Segment] = []
        self._current: _Segment | None = None
        self._full: list[_Segment] = []
        self._owed_bytes = 0
        self._more_wanted = self._closed = False
        self.recyclable = threading.Event()
        """Set when there may be something to `recycle`."""
        self.owed: queue.SimpleQueue[Owed | threading.Event] = queue.SimpleQueue()
        """What waits for its file, in order, and marks between that are set when all before them is settled."""

    def keep(self, name: str, parts: tuple[bytes, ...], settled: Callable[[], None]) -> bool:
        """Keep a file's bytes for good, and queue it in `owed`; False when there is no room now. OSError: not kept."""
        length = sum(map(len, parts))
        size = _padded(_RECORD_SIZE + length)
        with self._lock:
            segment = self._with_room(size) if self._owed_bytes + length <= MOST_OWED else None
            if segment is None:
                return False
            offset = segment.take(size)
            self._owed_bytes += length
        try:
            segment.write(offset, name, parts, length)
        except OSError:
            self._settled(segment, length)
            self._retire(segment)
            raise

        def done() -> None:
            self._settled(segment, length)
            settled()

        self.owed.put(Owed(name, parts, done))
        return True

    def records(self) -> Iterator[tuple[str, bytes]]:
        """Yield (name, bytes) of what is not settled: to be played back before the first `keep`."""
        for segment in self._segments:
            yield from segment.records()

    def played_back(self) -> None:
        """Every record has its file, flushed: the segments may be written anew. OSError when the disk says no."""
        for segment in self._segments:
            segment.settle(self._generation)
            segment.wipe()
        with self._lock:
            self._free = list(self._segments)

    def recycle(self, flush: Callable[[Iterator[tuple[str, bytes]]], None], *, idle: bool) -> bool:
        """Settle the segments whose files are all written; return whether there were any. OSError: none is.

        `flush` makes those files last; it gets (name, bytes) of each, should they have to be written again.
        `idle`: the segment in use is settled, too, though it has room, and bytes of images that are no longer needed
        are written over. Makes one more segment when one was wanted.
        """
        with self._lock:
            if idle and self._current is not None and not self._current.unsettled:
                self._full.append(self._current)
                self._current = None
            done = [segment for segment in self._full if not segment.unsettled]
            unclean = [segment for segment in self._free if segment.used > _FIRST] if idle else []
            self._free = [segment for segment in self._free if segment not in unclean]
            more = self._more_wanted and len(self._segments) < self._most and not self._free and not self._closed
            self._more_wanted = False
        try:
            if done:
                flush(record for segment in done for record in segment.records())
                for segment in done:
                    segment.settle(segment.generation)
            for segment in [*done, *unclean] if idle else []:
                segment.wipe()
            made = [_made(self._new_path(), self._size)] if more else []
        except OSError:
            done, made = [], []
            raise
        finally:
            with self._lock:
                self._full = [segment for segment in self._full if segment not in done]
                self._segments += made
                self._free += [*done, *unclean, *made]
        return bool(done)

    def close(self) -> None:
        """Take nothing more, and close the files that nobody writes to."""
        with self._lock:
            self._closed = True
            quiet = [segment for segment in self._segments if not segment.unsettled]
            self._segments = [segment for segment in self._segments if segment not in quiet]
        for segment in quiet:
            segment.close()

    def _new_path(self) -> Path:
        taken = {segment.name for segment in self._segments}
        return self._folder / next(name for name in map(str, range(self._most)) if name not in taken)

    def _with_room(self, size: int) -> _Segment | None:
        if self._closed:
            return None
        if self._current is None or not self._current.has_room(size):
            self._more_wanted = True
            self.recyclable.set()
            if not self._free:
                return None
            if self._current is not None:
                self._full.append(self._current)
            self._generation += 1
            self._current = self._free.pop()
            self._current.begin(self._generation)
        return self._current

    def _retire(self, segment: _Segment) -> None:
        """Write no more to a segment that failed: what it holds is settled as ever, then it is tried anew."""
        with self._lock:
            if segment is self._current:
                self._full.append(segment)
                self._current = None
                self.recyclable.set()

    def _settled(self, segment: _Segment, length: int) -> None:
        with self._lock:
            segment.unsettled -= 1
            self._owed_bytes -= length
            if not segment.unsettled and segment is not self._current:
                self.recyclable.set()


class _Segment:
    """One file of the journal. What is not marked as flushed is guarded by the journal's lock."""

    def __init__(self, name: str, descriptor: int, size: int, salt: bytes, settled: int) -> None:
        self.name = name
        self._descriptor = descriptor
        self._size = size
        self._salt = salt
        self._settled = settled
        self._flush = _SharedFlush(descriptor)
        self.generation = settled
        self.end = size
        self.unsettled = 0
        self.used = _FIRST
        """Where bytes of images end."""

    def begin(self, generation: int) -> None:
        """Write it anew from its first page on."""
        self.generation, self.end = generation, _FIRST
        self._flush = _SharedFlush(self._descriptor)

    def has_room(self, size: int) -> bool:
        """Whether so many bytes can be written."""
        return self.end + size <= self._size

    def take(self, size: int) -> int:
        """Return where so many bytes may be written."""
        offset, self.end = self.end, self.end + size
        self.used = max(self.used, self.end)
        self.unsettled += 1
        return offset

    def write(self, offset: int, name: str, parts: Sequence[bytes], length: int) -> None:
        """Write a record and return when it is on disk for good."""
        header = _RECORD.pack(_RECORD_MARK, self._salt, self.generation, name.encode("ascii"), length)
        padding = bytes(-(_RECORD_SIZE + length) % PAGE)
        write_at(self._descriptor, (header, _CRC.pack(zlib.crc32(header)), *parts, padding), offset)
        self._flush.wait()

    def settle(self, generation: int) -> None:
        """Note for good that nothing up to this generation is needed any more."""
        write_at(self._descriptor, (_head(self._salt, generation),), PAGE * (generation % 2))
        flush_file(self._descriptor)
        self._settled = generation

    def wipe(self) -> None:
        """Write over all bytes of images; while nobody else writes here."""
        for offset in range(_FIRST, self.used, len(_ZEROS)):
            write_at(self._descriptor, (_ZEROS[: self.used - offset],), offset)
        self.used = _FIRST

    def records(self) -> Iterator[tuple[str, bytes]]:
        """Yield (name, bytes) of each record that is not settled."""
        for offset, name, length in self._found():
            yield name, _read(self._descriptor, length, offset + _RECORD_SIZE)

    def newest(self) -> int:
        """Return the highest generation that it knows of, having looked how far it is used."""
        headers = list(self._headers())
        self.used = max((offset + _padded(_RECORD_SIZE + length) for offset, _, _, length in headers), default=_FIRST)
        return max((generation for _, generation, _, _ in headers), default=self._settled)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _found(self) -> Iterator[tuple[int, str, int]]:
        for offset, generation, name, length in self._headers():
            if generation > self._settled:
                yield offset, name, length

    def _headers(self) -> Iterator[tuple[int, int, str, int]]:
        """Yield (offset, generation, name, length): a record that was never finished hides none behind it."""
        offset = _FIRST
        while offset < self._size:
            header = _read(self._descriptor, _RECORD_SIZE, offset)
            mark, salt, generation, name, length = _RECORD.unpack_from(header)
            sound = mark == _RECORD_MARK and salt == self._salt and _is_sealed(header, _RECORD.size)
            if sound and offset + _RECORD_SIZE + length <= self._size:
                yield offset, generation, name.rstrip(b"\0").decode("ascii"), length
            whole = sound and generation > self._settled
            offset += _padded(_RECORD_SIZE + length) if whole else PAGE


class _SharedFlush:
    """One flush for all who wait: whoever comes while one is under way shares the next."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._turn = threading.Condition()
        self._begun = self._done = 0
        self._under_way = self._failed = False

    def wait(self) -> None:
        """Return when all that was written before is on disk; OSError otherwise, for all that wait or come later."""
        with self._turn:
            needed = self._begun + 1
            while self._under_way and self._done < needed and not self._failed:
                self._turn.wait()
            if self._failed:
                raise OSError("The journal could not be flushed.")
            if self._done >= needed:
                return
            self._begun += 1
            self._under_way, mine = True, self._begun
        failed = True
        try:
            flush_file(self._descriptor)
            failed = False
        finally:
            with self._turn:
                # A flush that failed is not told again by the system: nothing here is believed any more.
                self._under_way, self._failed = False, failed
                self._done = self._done if failed else mine
                self._turn.notify_all()


def _padded(length: int) -> int:
    """Return the length in whole pages."""
    return -(-length // PAGE) * PAGE


def _head(salt: bytes, settled: int) -> bytes:
    head = _HEAD.pack(_HEAD_MARK, salt, settled)
    return head + _CRC.pack(zlib.crc32(head))


def _opened(folder: Path) -> list[_Segment]:
    """Return the segments that are there; one that never was complete is removed."""
    segments = []
    for path in sorted(path for path in folder.iterdir() if path.name.isdecimal()):
        descriptor = os.open(path, _EXISTING)
        heads = [_read(descriptor, _HEAD.size + _CRC.size, at) for at in (0, PAGE)]
        sound = [_HEAD.unpack_from(head) for head in heads if _is_sealed(head, _HEAD.size)]
        sound = [head for head in sound if head[0] == _HEAD_MARK]
        there = os.fstat(descriptor).st_size
        if not sound or there % PAGE:
            os.close(descriptor)
            path.unlink()
            continue
        _, salt, settled = max(sound, key=lambda head: head[2])
        segments.append(_Segment(path.name, descriptor, there, salt, settled))
    return segments


def _made(path: Path, size: int) -> _Segment:
    """Write a new segment, every block of it, so that nothing but bytes has to be flushed later."""
    descriptor = os.open(path, _EXISTING | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for offset in range(0, size, len(_ZEROS)):
            write_at(descriptor, (_ZEROS[: size - offset],), offset)
        flush_file(descriptor)
        salt = os.urandom(16)
        write_at(descriptor, (_head(salt, 0),), 0)
        flush_file(descriptor)
        flush_folder(path.parent)
    except OSError:
        os.close(descriptor)
        path.unlink()
        raise
    return _Segment(path.name, descriptor, size, salt, 0)


def _is_sealed(block: bytes, size: int) -> bool:
    return len(block) == size + _CRC.size and _CRC.unpack_from(block, size)[0] == zlib.crc32(block[:size])


def _read(descriptor: int, length: int, offset: int) -> bytes:
    """Return up to so many bytes; nobody else uses the descriptor's position while this is needed."""
    os.lseek(descriptor, offset, os.SEEK_SET)
    pieces = []
    while length and (piece := os.read(descriptor, length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)
