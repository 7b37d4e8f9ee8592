"""The object store under attack: a ticket is good for one object, one length, one digest, once and for a while."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import httpx
import pytest

from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.blobs.store import BlobMissing, SignedPut

BODY = b"the bytes of an image"
DIGEST = hashlib.sha256(BODY).digest()


def signed(blobs: S3Blobs, now: datetime, *, seconds: int = 900) -> SignedPut:
    """A ticket for BODY."""
    return blobs.presign_put("a/b", size=len(BODY), sha256=DIGEST, lifetime=timedelta(seconds=seconds), now=now)


def put(ticket: SignedPut, body: bytes = BODY, *, url: str = "", **headers: str) -> int:
    """How the store answers."""
    changed = dict(ticket.headers) | {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.put(url or ticket.url, content=body, headers=changed, timeout=20).status_code


def test_a_ticket_is_good_once(blobs: S3Blobs, now: datetime) -> None:
    ticket = signed(blobs, now)
    assert put(ticket) == 200
    assert put(ticket) == 412
    known = blobs.head("a/b")
    assert known is not None
    assert (known.size, known.sha256) == (len(BODY), DIGEST)
    with blobs.open("a/b") as stream:
        assert stream.read() == BODY


def test_other_bytes_are_not_taken(blobs: S3Blobs, now: datetime) -> None:
    assert put(signed(blobs, now), BODY[::-1]) == 400
    assert blobs.head("a/b") is None


@pytest.mark.parametrize(("old", "new"), [("/a/b?", "/a/c?"), ("X-Amz-Expires=900", "X-Amz-Expires=9000")])
def test_a_tampered_ticket_is_refused(blobs: S3Blobs, now: datetime, old: str, new: str) -> None:
    ticket = signed(blobs, now)
    assert old in ticket.url
    assert put(ticket, url=ticket.url.replace(old, new)) == 403


def test_headers_that_were_not_signed_so_are_refused(blobs: S3Blobs, now: datetime) -> None:
    assert put(signed(blobs, now), BODY + b"!", content_length=str(len(BODY) + 1)) == 403


def test_what_is_not_there_is_said_so(blobs: S3Blobs) -> None:
    assert blobs.head("nothing") is None
    blobs.delete("nothing")
    with pytest.raises(BlobMissing), blobs.open("nothing"):
        pass
