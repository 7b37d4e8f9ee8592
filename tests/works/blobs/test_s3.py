"""The object store under attack: a ticket is good for one object, one length, one digest, once and for a while."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import httpx
import pytest

from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.blobs.store import BlobMissing, JoinedPart, SignedPut

BODY = b"the bytes of an image"
DIGEST = hashlib.sha256(BODY).digest()


@pytest.fixture
def blobs(own_blobs: S3Blobs) -> S3Blobs:
    """A bucket for one test: all of them write the same name."""
    return own_blobs


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


def test_a_permission_to_read_is_good_for_one_object_only(blobs: S3Blobs, now: datetime) -> None:
    blobs.put("a/b", BODY, content_type="application/dicom")
    blobs.put("a/c", BODY, content_type="application/dicom")
    ticket = blobs.presign_get("a/b", lifetime=timedelta(minutes=15), now=now)
    assert ticket.expires_at == now + timedelta(minutes=15)
    assert httpx.get(ticket.url, headers=dict(ticket.headers), timeout=20).content == BODY
    assert httpx.get(ticket.url.replace("/a/b?", "/a/c?"), timeout=20).status_code == 403
    assert httpx.put(ticket.url, content=b"x", timeout=20).status_code == 403


PART = 5 * 1024**2
PARTS = (bytes(PART), b"the last part")


def sign_part(blobs: S3Blobs, multipart_id: str, number: int, now: datetime) -> SignedPut:
    """A ticket for one of PARTS."""
    body = PARTS[number - 1]
    digest = hashlib.sha256(body).digest()
    life = timedelta(seconds=900)
    return blobs.presign_part("a/b", multipart_id, number, size=len(body), sha256=digest, lifetime=life, now=now)


def joined(blobs: S3Blobs, multipart_id: str) -> list[JoinedPart]:
    """All that is there, to be joined."""
    there = blobs.parts("a/b", multipart_id)
    return [JoinedPart(n, one.mark, hashlib.sha256(PARTS[n - 1]).digest()) for n, one in sorted(there.items())]


def test_parts_become_one_object_whose_digest_is_nobodys_word(blobs: S3Blobs, now: datetime) -> None:
    multipart_id = blobs.begin("a/b")
    assert blobs.parts("a/b", multipart_id) == {}
    for number in (2, 1, 2):
        assert put(sign_part(blobs, multipart_id, number, now), PARTS[number - 1]) == 200
    assert {n: one.size for n, one in blobs.parts("a/b", multipart_id).items()} == {1: PART, 2: 13}
    assert blobs.head("a/b") is None
    blobs.join("a/b", multipart_id, joined(blobs, multipart_id))
    known = blobs.head("a/b")
    assert known is not None
    assert (known.size, known.sha256) == (PART + 13, None)
    with blobs.open("a/b") as stream:
        assert stream.read() == b"".join(PARTS)
    with pytest.raises(BlobMissing):
        blobs.parts("a/b", multipart_id)


def test_a_ticket_for_a_part_is_good_for_its_bytes_its_length_and_its_number(blobs: S3Blobs, now: datetime) -> None:
    multipart_id = blobs.begin("a/b")
    ticket = sign_part(blobs, multipart_id, 2, now)
    assert put(ticket, PARTS[1][::-1]) == 400
    assert put(ticket, PARTS[1] + b"!", content_length="14") == 403
    assert put(ticket, PARTS[1], url=ticket.url.replace("partNumber=2", "partNumber=3")) == 403
    assert blobs.parts("a/b", multipart_id) == {}


def test_abandoned_parts_are_gone_and_others_stay(blobs: S3Blobs, now: datetime) -> None:
    multipart_id, again, other = blobs.begin("a/b"), blobs.begin("a/b"), blobs.begin("a/bc")
    ticket = sign_part(blobs, multipart_id, 2, now)
    assert put(ticket, PARTS[1]) == 200
    blobs.abandon("a/b")
    blobs.abandon("a/b")
    for gone in (multipart_id, again):
        with pytest.raises(BlobMissing):
            blobs.parts("a/b", gone)
    assert put(ticket, PARTS[1]) == 404
    assert blobs.parts("a/bc", other) == {}
