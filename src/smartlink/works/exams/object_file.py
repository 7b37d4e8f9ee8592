"""Part 10 files as derivation reads and writes them (PS3.10 section 7.1): streamed, with digests, or not at all."""

from __future__ import annotations

import hashlib
import io
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final, Self, cast

from smartlink.standard.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from smartlink.standard.transfer_syntax import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
from smartlink.ui.translations import marked
from smartlink.works.errors import GiveUp
from smartlink.works.exams import elements as dicom
from smartlink.works.exams.elements import EXPLICIT_LITTLE, Element, Encoding, Malformed
from smartlink.works.exams.header import HeaderUnreadable, file_meta
from smartlink.works.exams.text import padded

_PREAMBLE: Final = bytes(128) + b"DICM"
_LARGEST_INFLATED: Final = 1 << 30
_PIECE: Final = 1 << 20


class CannotDerive(GiveUp):
    """No such object can be made of this one; the text is a sentence for a person, without patient data."""


@dataclass(frozen=True, slots=True)
class Source:
    """A Data Set to be read: where it begins, how it is encoded, where it ends."""

    file: BinaryIO
    syntax: str
    offset: int
    encoding: Encoding
    end: int


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """A Part 10 file, a deflated one inflated; whatever is wrong with its encoding becomes CannotDerive."""
    try:
        with path.open("rb") as file, tempfile.TemporaryFile() as inflated:
            syntax, offset = file_meta(file)
            deflated = syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
            if deflated:
                _inflate(file, offset, inflated)
            shown = cast("BinaryIO", inflated) if deflated else file
            yield Source(shown, syntax, 0 if deflated else offset, dicom.encoding_of(syntax), shown.seek(0, 2))
    except (Malformed, HeaderUnreadable, zlib.error, struct.error) as error:
        message = marked("The stored image is not encoded as DICOM prescribes, so no other object can be made of it.")
        raise CannotDerive(message) from error


def _inflate(file: BinaryIO, offset: int, target: IO[bytes]) -> None:
    file.seek(offset)
    unpacker, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    pending = file.read(_PIECE)
    while pending and not unpacker.eof:
        piece = unpacker.decompress(pending, _PIECE)
        total += len(piece)
        if total > _LARGEST_INFLATED:
            message = "Inflated, the image is larger than this program takes."
            raise CannotDerive(message)
        target.write(piece)
        pending = unpacker.unconsumed_tail or file.read(_PIECE)


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written: its length, the digest of all of it, and the one of its Data Set."""

    size: int
    object_sha256: bytes
    dataset_sha256: bytes


class Writer:
    """Writes the Data Set that it is handed; leaving the context by an error leaves no file."""

    def __init__(self, path: Path, syntax: str, sop_class_uid: str, sop_instance_uid: str) -> None:
        """The file begins with File Meta Information for this instance, and nothing about where it came from."""
        self.syntax = syntax
        self._path = path
        self._meta = _PREAMBLE + _file_meta(syntax, sop_class_uid, sop_instance_uid)
        self._object, self._dataset, self._size = hashlib.sha256(self._meta), hashlib.sha256(), 0
        deflated = syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
        self._packer = zlib.compressobj(wbits=-zlib.MAX_WBITS) if deflated else None

    def __enter__(self) -> Self:
        self._file = self._path.open("wb")
        self._file.write(self._meta)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._packer is not None:
            self._put(self._packer.flush())
            self._put(b"\0" * (self._size % 2))  # PS3.5 annex A.5
        self._file.close()
        if kind is not None:
            self._path.unlink()

    def put(self, piece: bytes) -> None:
        """The next bytes of the Data Set, deflated on their way if the Transfer Syntax says so."""
        self._put(piece if self._packer is None else self._packer.compress(piece))

    @property
    def written(self) -> Written:
        """What stands on disk once the context is left."""
        return Written(len(self._meta) + self._size, self._object.digest(), self._dataset.digest())

    def _put(self, piece: bytes) -> None:
        self._object.update(piece)
        self._dataset.update(piece)
        self._size += len(piece)
        self._file.write(piece)


def _file_meta(syntax: str, sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """PS3.10 table 7.1-1."""
    meta: list[bytes] = []
    uids = {
        0x00020002: sop_class_uid,
        0x00020003: sop_instance_uid,
        0x00020010: syntax,
        0x00020012: IMPLEMENTATION_CLASS_UID,
    }
    group = (
        Element(0x00020001, "OB", b"\0\1"),
        *(Element(tag, "UI", padded(uid.encode("ascii"), b"\0")) for tag, uid in uids.items()),
        Element(0x00020013, "SH", padded(IMPLEMENTATION_VERSION_NAME.encode("ascii"))),
    )
    length = Element(0x00020000, "UL", struct.pack("<L", dicom.size(group, EXPLICIT_LITTLE)))
    dicom.write((length, *group), EXPLICIT_LITTLE, io.BytesIO(), meta.append)
    return b"".join(meta)
