"""The digests of an image, all in one pass over its file: identity, transport, parts, and the check of the disk."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from typing import Final, Protocol

from smartlink.gateway.store.spool import SpoolDamaged
from smartlink.link.uploads import LARGEST_WHOLE, PART_SIZE

_PIECE: Final = 1024**2


class Readable(Protocol):
    """A file to read from its start."""

    def read(self, size: int, /) -> bytes | None:
        """Return the next bytes, at most `size`; nothing at the end."""


@dataclass(frozen=True, slots=True)
class Digests:
    """SHA-256 in hexadecimal of the Data Set, of the whole file and of each of its parts; CRC-32 of the Data Set."""

    dataset: str
    whole: str
    crc32: int
    parts: tuple[str, ...]
    """Empty for a file that goes as a whole."""


def digests(file: Readable, dataset_offset: int, size: int) -> Digests:
    """Read a file of `size` bytes and return its digests. Raises SpoolDamaged when it ends before its Data Set."""
    head = file.read(dataset_offset) or b""
    if len(head) != dataset_offset:
        raise SpoolDamaged("The file ends before its Data Set.")
    whole, dataset, crc = hashlib.sha256(head), hashlib.sha256(), 0
    parts = _Parts() if size > LARGEST_WHOLE else None
    if parts is not None:
        parts.update(head)
    while piece := file.read(_PIECE):
        whole.update(piece)
        dataset.update(piece)
        crc = zlib.crc32(piece, crc)
        if parts is not None:
            parts.update(piece)
    return Digests(dataset.hexdigest(), whole.hexdigest(), crc, () if parts is None else parts.finish())


class _Parts:
    """Digests of consecutive parts of `PART_SIZE`; pieces may reach over a part's end."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._digest = hashlib.sha256()
        self._left = PART_SIZE

    def update(self, piece: bytes) -> None:
        """Add the next bytes."""
        rest = memoryview(piece)
        while len(rest) >= self._left:
            self._digest.update(rest[: self._left])
            rest = rest[self._left :]
            self._done.append(self._digest.hexdigest())
            self._digest, self._left = hashlib.sha256(), PART_SIZE
        self._digest.update(rest)
        self._left -= len(rest)

    def finish(self) -> tuple[str, ...]:
        """Return the digests of all parts, the last one included."""
        if self._left < PART_SIZE:
            self._done.append(self._digest.hexdigest())
        return tuple(self._done)
