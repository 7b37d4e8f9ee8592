"""The spool: one file per instance, which is the truth about it from before Success until after its receipt.

A file is a DICOM Part 10 file whose 128-byte preamble holds our mark (PS3.10 section 7.1 leaves those bytes to
the application):

    offset  size  what
         0    10  SMARTLINK1
        12     4  where the Data Set begins                     little endian, unsigned
        16     8  length of the Data Set in bytes
        24     4  CRC-32 of the Data Set
        28     8  when it was kept, microseconds since 1970 UTC
        36     4  CRC-32 of everything before the Data Set, these four bytes taken as zero
        40    88  zero

The File Meta Information carries the provenance in the standard's own Attributes. The mark is written when the
Data Set is complete and before the flush, so that a file without it, or one that disagrees with it, was never
acknowledged. Names are random, final and never changed.
"""

from __future__ import annotations

import io
import os
import re
import struct
import threading
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import IO, TYPE_CHECKING, Final

from smartlink.gateway.platform.files import begin_writing, flush_file, flush_folder, write_at
from smartlink.gateway.store.journal import LARGEST
from smartlink.standard.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from smartlink.gateway.store.journal import Journal

MARK: Final = b"SMARTLINK1"
PREAMBLE_SIZE: Final = 128
_PREAMBLE: Final = struct.Struct("<10s2xIQIqI")
_CRC_AT: Final = slice(36, 40)
_MAGIC: Final = b"DICM"
_LONGEST_HEADER: Final = 16 * 1024
_CHUNK: Final = 1024 * 1024
_WRITE_BACK_EVERY: Final = 4 * 1024 * 1024
_NAME: Final = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_SHORT_VR: Final = frozenset({b"UI", b"AE", b"SH", b"UL"})
_NEW_FILE: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)  # Windows knows text files
_EXISTING: Final = os.O_RDWR | getattr(os, "O_BINARY", 0)
_CLOSED: Final = -1


class SpoolDamaged(Exception):
    """A file of the spool is not what its mark says; it was never acknowledged, or the disk changed it since."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Whence an instance came, as its File Meta Information will tell (PS3.10 section 7.1)."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    called_ae_title: str
    peer_address: str
    local_address: str


@dataclass(frozen=True, slots=True)
class Kept:
    """One instance whose file and name are on disk for good."""

    name: str
    """Its name in the spool, such as `a7/3f09…`: random and final."""
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    called_ae_title: str
    peer_address: str
    dataset_offset: int
    dataset_length: int
    crc32: int
    kept_at: datetime


def _nobody(_kept: Kept) -> None:
    """Nobody wants to be told."""


class SpoolFile:
    """One file being written. Either `commit` makes it last, or `discard` removes it; one thread at a time.

    With a journal, the bytes stay in memory up to the size that goes through it, and the file is opened beyond that.
    """

    def __init__(self, spool: Spool, name: str, folder: Path, provenance: Provenance) -> None:
        """Create the file under its final name unless the journal may take it; OSError when the disk says no."""
        self.name = name
        self._spool = spool
        self._folder = folder
        self._path = f"{folder}{os.sep}{name[3:]}"
        self._provenance = provenance
        self._meta = _MAGIC + _file_meta(provenance)
        self._length = 0
        self._crc = 0
        self._begun = 0
        self._held: list[bytes] = []
        self._descriptor = _CLOSED
        if spool.journal is None:
            self._open()

    @property
    def length(self) -> int:
        """How many bytes of the Data Set were written."""
        return self._length

    def write(self, data: memoryview) -> None:
        """Append bytes of the Data Set, unchanged; OSError when the disk says no."""
        self._length += len(data)
        self._crc = zlib.crc32(data, self._crc)
        if self._descriptor == _CLOSED:
            if self._length <= LARGEST:
                self._held.append(bytes(data))
                return
            self._open()
        _write(self._descriptor, data)
        if self._length - self._begun >= _WRITE_BACK_EVERY:
            begin_writing(self._descriptor, self._begun, self._length - self._begun)
            self._begun = self._length

    def commit(self, now: datetime, settled: Callable[[Kept], None] = _nobody) -> Kept:
        """Make the instance last; when this returns, it would survive a power cut.

        `settled` is called, now or soon and perhaps on another thread, when the file itself is there.
        """
        kept = self._kept(now)
        mark = _preamble(kept, self._meta)
        if self._descriptor == _CLOSED:
            journal, whole = self._spool.journal, (mark, self._meta, *self._held)
            if journal is not None and journal.keep(self.name, whole, lambda: self._settled(kept, settled)):
                return kept
            self._open()
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        _write(self._descriptor, mark)
        flush_file(self._descriptor)
        flush_folder(self._folder)
        self._close()
        self._settled(kept, settled)
        return kept

    def discard(self) -> None:
        """Remove the file; harmless when that fails, because without its mark it is never taken in."""
        try:
            if self._close():
                os.unlink(self._path)  # noqa: PTH108 - a text since it was made: paths as objects cost too much here
        except OSError:
            return
        finally:
            self._held.clear()
            self._spool.forget(self.name)

    def _settled(self, kept: Kept, settled: Callable[[Kept], None]) -> None:
        self._spool.forget(self.name)
        settled(kept)

    def _kept(self, now: datetime) -> Kept:
        origin = self._provenance
        return Kept(
            name=self.name,
            sop_class_uid=origin.sop_class_uid,
            sop_instance_uid=origin.sop_instance_uid,
            transfer_syntax_uid=origin.transfer_syntax_uid,
            calling_ae_title=origin.calling_ae_title,
            called_ae_title=origin.called_ae_title,
            peer_address=origin.peer_address,
            dataset_offset=PREAMBLE_SIZE + len(self._meta),
            dataset_length=self._length,
            crc32=self._crc,
            kept_at=now,
        )

    def _open(self) -> None:
        """Create the file with what is known of it until now."""
        self._descriptor = os.open(self._path, _NEW_FILE, 0o600)
        try:
            _write(self._descriptor, b"".join((bytes(PREAMBLE_SIZE), self._meta, *self._held)))
        except OSError:
            self.discard()
            raise
        self._held.clear()

    def _close(self) -> bool:
        """Close the file; return whether it was open."""
        descriptor, self._descriptor = self._descriptor, _CLOSED
        if descriptor == _CLOSED:
            return False
        os.close(descriptor)
        return True


class Spool:
    """The folder of files; any thread. Making one creates its 256 folders."""

    def __init__(self, folder: Path, incomplete: Path | None = None, journal: Journal | None = None) -> None:
        """Use `folder`, `incomplete` (by default beside it) for what was never acknowledged, and a journal or none."""
        self.folder = self._folder = folder
        self.journal = journal
        self._incomplete = incomplete or folder.parent / "incomplete"
        self._folders = {f"{first:02x}": folder / f"{first:02x}" for first in range(256)}
        self._being_written: set[str] = set()
        self._lock = threading.Lock()
        self._prepare()

    def create(self, provenance: Provenance) -> SpoolFile:
        """Return a new file under a random name, open for writing; OSError when the disk says no."""
        token = os.urandom(16).hex()
        name = f"{token[:2]}/{token[2:]}"
        with self._lock:
            self._being_written.add(name)
        try:
            return SpoolFile(self, name, self._folders[token[:2]], provenance)
        except OSError:
            self.forget(name)
            raise

    def names(self) -> Iterator[str]:
        """Yield the name of every file, except those that are being written now."""
        for first in range(256):
            prefix = f"{first:02x}"
            with os.scandir(self._folder / prefix) as entries:
                found = [f"{prefix}/{entry.name}" for entry in entries]
            with self._lock:
                found = [name for name in found if name not in self._being_written]
            yield from found

    def open(self, name: str) -> IO[bytes]:
        """Return the file as it lies on disk, our mark included, open for reading."""
        return self._path(name).open("rb")

    def path(self, name: str) -> Path:
        """Return where the file lies; SpoolDamaged for what is no name of the spool."""
        return self._path(name)

    def read(self, name: str) -> Kept:
        """Return what the file says of itself, its length compared; SpoolDamaged when it does not hold."""
        try:
            with self.open(name) as file:
                return _read(name, file)
        except OSError as problem:
            raise SpoolDamaged(f"The file cannot be read: {type(problem).__name__}.") from problem

    def check(self, name: str) -> Kept:
        """Like `read`, and every byte of the Data Set agrees with its CRC-32: reads the whole file."""
        try:
            with self.open(name) as file:
                kept = _read(name, file)
                file.seek(kept.dataset_offset)
                crc = 0
                while chunk := file.read(_CHUNK):
                    crc = zlib.crc32(chunk, crc)
        except OSError as problem:
            raise SpoolDamaged(f"The file cannot be read: {type(problem).__name__}.") from problem
        if crc != kept.crc32:
            raise SpoolDamaged("The Data Set's bytes do not agree with their CRC-32.")
        return kept

    def part10_parts(self, name: str) -> Part10File:
        """Return the file as it leaves the gateway: a file object whose preamble reads as zeros; close it."""
        return Part10File(self._path(name))

    def put(self, name: str, parts: Sequence[bytes]) -> None:
        """Write a whole file under its name and flush nothing; OSError when the disk says no: then it is not there."""
        path = f"{self._folder}{os.sep}{name}"
        descriptor = os.open(path, _NEW_FILE, 0o600)
        try:
            write_at(descriptor, parts, 0)
        except OSError:
            os.unlink(path)  # noqa: PTH108 - paths as objects cost too much here
            raise
        finally:
            os.close(descriptor)

    def restore(self, name: str, content: bytes) -> None:
        """Write a whole file in the place of what is there, flushing nothing; SpoolDamaged when it is no whole file."""
        kept = _read(name, io.BytesIO(content))
        if zlib.crc32(memoryview(content)[kept.dataset_offset :]) != kept.crc32:
            raise SpoolDamaged("The Data Set's bytes do not agree with their CRC-32.")
        if not self.rewrite(name, content):
            self.put(name, (content,))

    def rewrite(self, name: str, content: bytes) -> bool:
        """Write a file's bytes over what is there, flushing nothing; False when there is no such file."""
        try:
            descriptor = os.open(self._path(name), _EXISTING)
        except FileNotFoundError:
            return False
        try:
            write_at(descriptor, (content,), 0)
            os.ftruncate(descriptor, len(content))
        finally:
            os.close(descriptor)
        return True

    def set_aside(self, name: str) -> Path:
        """Move a file that was never acknowledged to the folder of incomplete ones, and return where it is now."""
        source, target = self._folder / name, self._incomplete / name.replace("/", "-")
        source.replace(target)
        flush_folder(target.parent)
        flush_folder(source.parent)
        return target

    def remove(self, name: str) -> None:
        """Remove a file that nobody needs any more; nothing happens when it is gone already."""
        self._path(name).unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """A file is no longer being written."""
        with self._lock:
            self._being_written.discard(name)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise SpoolDamaged("That is no name of the spool.")
        return self._folder / name

    def _prepare(self) -> None:
        self._incomplete.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for one in self._folders.values():
            one.mkdir(mode=0o700, exist_ok=True)
        flush_folder(self._folder)
        flush_folder(self._folder.parent)


class Part10File(io.RawIOBase):
    """A file of the spool without our mark: same length, preamble of zeros, readable and seekable."""

    def __init__(self, path: Path) -> None:
        """Open the file; FileNotFoundError when it is gone."""
        super().__init__()
        self._file = io.FileIO(path)
        self.length = os.fstat(self._file.fileno()).st_size
        """Bytes in all, for Content-Length."""

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a byte."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._file.tell()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override] # narrower: what callers give
        """Fill `buffer` with the next bytes; those of the preamble are zero."""
        at = self._file.tell()
        count = self._file.readinto(buffer) or 0
        zeros = min(max(PREAMBLE_SIZE - at, 0), count)
        buffer[:zeros] = bytes(zeros)
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def _write(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of `data`; one call is the rule, a nearly full disk makes it several."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def _preamble(kept: Kept, meta: bytes) -> bytes:
    since = (kept.kept_at - _EPOCH) // _MICROSECOND
    fields = (MARK, kept.dataset_offset, kept.dataset_length, kept.crc32, since)
    unsealed = _PREAMBLE.pack(*fields, 0).ljust(PREAMBLE_SIZE, b"\0")
    return _PREAMBLE.pack(*fields, zlib.crc32(meta, zlib.crc32(unsealed))).ljust(PREAMBLE_SIZE, b"\0")


def _file_meta(provenance: Provenance) -> bytes:
    """Return File Meta Information (PS3.10 table 7.1-1) without the DICM prefix."""
    before, after = _around_the_uid(
        provenance.sop_class_uid,
        provenance.transfer_syntax_uid,
        provenance.calling_ae_title,
        provenance.called_ae_title,
        provenance.peer_address,
        provenance.local_address,
    )
    uid = _element(0x0003, b"UI", provenance.sop_instance_uid)
    length = len(before) + len(uid) + len(after)
    return b"".join((_element(0x0000, b"UL", length.to_bytes(4, "little")), before, uid, after))


@lru_cache(maxsize=256)
def _around_the_uid(
    sop_class: str, transfer_syntax: str, calling: str, called: str, peer: str, local: str
) -> tuple[bytes, bytes]:
    """Return what stands before and after the SOP Instance UID: the same for one instance after another."""
    before = _element(0x0001, b"OB", b"\0\1") + _element(0x0002, b"UI", sop_class)
    after = b"".join(
        (
            _element(0x0010, b"UI", transfer_syntax),
            _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
            _element(0x0016, b"AE", calling),
            _element(0x0017, b"AE", calling),
            _element(0x0018, b"AE", called),
            _element(0x0026, b"UR", f"dicom://{peer}"),
            _element(0x0027, b"UR", f"dicom://{peer}"),
            _element(0x0028, b"UR", f"dicom://{local}"),
        )
    )
    return before, after


def _element(element: int, vr: bytes, value: str | bytes) -> bytes:
    raw = value if isinstance(value, bytes) else value.encode("ascii", "replace")
    raw += (b"\0" if vr == b"UI" else b" ") * (len(raw) % 2)
    head = struct.pack("<HH2s", 2, element, vr)
    return head + struct.pack("<H" if vr in _SHORT_VR else "<2xI", len(raw)) + raw


def _read(name: str, file: IO[bytes]) -> Kept:
    start = file.read(_LONGEST_HEADER)
    if len(start) < PREAMBLE_SIZE:
        raise SpoolDamaged("The file is shorter than a preamble.")
    mark, offset, length, crc, microseconds, seal = _PREAMBLE.unpack_from(start)
    if mark != MARK:
        raise SpoolDamaged("The file does not carry our mark.")
    if not PREAMBLE_SIZE < offset <= len(start):
        raise SpoolDamaged("The mark names an impossible place for the Data Set.")
    unsealed = bytearray(start[:offset])
    unsealed[_CRC_AT] = bytes(4)
    if zlib.crc32(unsealed) != seal:
        raise SpoolDamaged("The bytes before the Data Set do not agree with their CRC-32.")
    if file.seek(0, os.SEEK_END) != offset + length:
        raise SpoolDamaged("The file is not as long as its mark says.")
    meta = _parse_file_meta(start[PREAMBLE_SIZE + len(_MAGIC) : offset])
    return Kept(
        name=name,
        sop_class_uid=meta.get(0x0002, ""),
        sop_instance_uid=meta.get(0x0003, ""),
        transfer_syntax_uid=meta.get(0x0010, ""),
        calling_ae_title=meta.get(0x0016, ""),
        called_ae_title=meta.get(0x0018, ""),
        peer_address=meta.get(0x0026, "").removeprefix("dicom://"),
        dataset_offset=offset,
        dataset_length=length,
        crc32=crc,
        kept_at=_EPOCH + microseconds * _MICROSECOND,
    )


def _parse_file_meta(data: bytes) -> dict[int, str]:
    """Return our own File Meta Information as texts by element number; its CRC-32 was compared already."""
    values: dict[int, str] = {}
    at = 0
    while at + 8 <= len(data):
        _, element, vr, length = struct.unpack_from("<HH2sH", data, at)
        at += 8
        if vr not in _SHORT_VR:
            (length,) = struct.unpack_from("<I", data, at)
            at += 4
        values[element] = data[at : at + length].decode("ascii", "replace").rstrip("\0 ")
        at += length
    return values
