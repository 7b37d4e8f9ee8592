"""What Works needs of an object store: a few methods, whoever stands behind them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, Final, Protocol

from smartlink.works.errors import GiveUp, TryAgain

MULTIPART: Final = "multipart"
"""The folder of objects that were put in parts."""


class BlobMissing(GiveUp):
    """There is no object of this name."""


class BlobRefused(GiveUp):
    """The store does not take these bytes: their length or digest is not what was said."""


class StorageUnavailable(TryAgain):
    """The object store does not answer just now."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What the store knows of one object. `sha256` is the digest that the store verified, where it can tell."""

    size: int
    sha256: bytes | None


@dataclass(frozen=True, slots=True)
class SignedPut:
    """A permission to write one object once: exactly this length, digest and name, with exactly these headers."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that the store has. `mark` is the store's own name for its bytes (ETag), by which it is joined."""

    size: int
    mark: str


@dataclass(frozen=True, slots=True)
class JoinedPart:
    """A part as it goes into the whole."""

    number: int
    mark: str
    sha256: bytes


@dataclass(frozen=True, slots=True)
class SignedGet:
    """A permission to read one object, with these headers and no others."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    expires_at: datetime


class Stream(Protocol):
    """An object being read."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; empty at the end."""


class Blobs(Protocol):
    """The methods."""

    def put(self, key: str, body: bytes | IO[bytes], *, content_type: str) -> None:
        """The object stands under `key`; writing the same key again replaces it (derived objects only)."""

    def presign_put(self, key: str, *, size: int, sha256: bytes, lifetime: timedelta, now: datetime) -> SignedPut:
        """A permission for somebody else to write `key` once, without going through Works."""

    def presign_get(self, key: str, *, lifetime: timedelta, now: datetime) -> SignedGet:
        """A permission for somebody else to read `key`, without going through Works."""

    def head(self, key: str) -> Blob | None:
        """What the store knows of the object; None if there is none."""

    def open(self, key: str) -> AbstractContextManager[Stream]:
        """The object's bytes, streamed. Raises BlobMissing."""

    def delete(self, key: str) -> None:
        """There is no such object any more. Harmless if there was none."""

    def begin(self, key: str) -> str:
        """The name under which parts of `key` are put."""

    def presign_part(
        self, key: str, multipart_id: str, number: int, *, size: int, sha256: bytes, lifetime: timedelta, now: datetime
    ) -> SignedPut:
        """A permission for somebody else to put one part."""

    def parts(self, key: str, multipart_id: str) -> Mapping[int, StoredPart]:
        """The parts that are there, by number. Raises BlobMissing when joined or abandoned, or never begun."""

    def join(self, key: str, multipart_id: str, parts: Sequence[JoinedPart]) -> None:
        """The object stands under `key`, made of these parts."""

    def abandon(self, key: str) -> None:
        """There are no parts of `key` any more. Harmless if there were none."""


def chunks(stream: Stream, size: int = 1 << 20) -> Iterator[bytes]:
    """The stream's bytes in pieces of at most `size`."""
    while piece := stream.read(size):
        yield piece


def object_key(organisation_id: object, object_sha256: bytes) -> str:
    """The name of an uploaded object: its organisation and its own digest, so a repeat is the same object."""
    digest = object_sha256.hex()
    return f"objects/{organisation_id}/{digest[:2]}/{digest}"


def multipart_key(organisation_id: object, upload_id: object) -> str:
    """The name of an object put in parts: no store verifies its digest as a whole, so it is not named by it."""
    return f"{MULTIPART}/{organisation_id}/{upload_id}"


def probe_key(organisation_id: object, gateway_id: object) -> str:
    """The name of the one byte by which a gateway tries whether it reaches the store."""
    return f"probes/{organisation_id}/{gateway_id}"


def thumbnail_key(organisation_id: object, instance_id: object) -> str:
    """The name of an instance's small picture."""
    return f"previews/{organisation_id}/{instance_id}/thumb.webp"


def frame_key(organisation_id: object, instance_id: object, frame: int) -> str:
    """The name of one rendered frame, counted from 1 as DICOM does."""
    return f"previews/{organisation_id}/{instance_id}/{frame}.webp"
