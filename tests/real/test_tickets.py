"""A pre-signed address is good for one object, once, for a short time: the real store refuses everything else."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from smartlink.demo.programs import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from smartlink.works.blobs.s3 import S3Blobs
    from smartlink.works.blobs.store import SignedPut

pytestmark = pytest.mark.real

BODY = b"a Part 10 file, let us say"
KEY = "objects/ab/ticket"


@pytest.fixture
def blobs(own_blobs: S3Blobs) -> S3Blobs:
    """A bucket for one test: all of them write the same name."""
    return own_blobs


def ticket(blobs: S3Blobs, seconds: int = 60) -> SignedPut:
    sha256 = hashlib.sha256(BODY).digest()
    return blobs.presign_put(
        KEY, size=len(BODY), sha256=sha256, lifetime=timedelta(seconds=seconds), now=datetime.now(UTC)
    )


def put(signed: SignedPut, body: bytes = BODY, *, url: str = "", **headers: str) -> int:
    changed = {**signed.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx.put(url or signed.url, content=body, headers=changed, trust_env=False, timeout=30).status_code


def test_a_repeated_one_is_refused_and_the_first_object_stays(blobs: S3Blobs) -> None:
    signed = ticket(blobs)
    assert put(signed) == 200
    assert put(signed) == 412
    with blobs.open(KEY) as stream:
        assert stream.read(1000) == BODY


@pytest.mark.parametrize(
    "tampered",
    [
        lambda url: url.replace(KEY, "objects/ab/tickeu"),
        lambda url: url.replace("X-Amz-Expires=60", "X-Amz-Expires=600000"),
        lambda url: url[:-4] + ("0000" if not url.endswith("0000") else "1111"),
        lambda url: url.partition("?")[0],
    ],
    ids=["another object", "a longer life", "another signature", "no signature"],
)
def test_a_tampered_one_writes_nothing(tampered: Callable[[str], str], blobs: S3Blobs) -> None:
    signed = ticket(blobs)
    url = tampered(signed.url)
    assert url != signed.url
    assert put(signed, url=url) == 403
    assert blobs.head(KEY) is None
    assert blobs.head("objects/ab/tickeu") is None


def test_other_bytes_than_were_promised_are_refused(blobs: S3Blobs) -> None:
    signed = ticket(blobs)
    other = bytes(reversed(BODY))
    assert put(signed, other) == 400
    assert put(signed, BODY + b"!", content_length=str(len(BODY) + 1)) == 403
    assert blobs.head(KEY) is None


def test_an_expired_one_is_refused(blobs: S3Blobs) -> None:
    signed = ticket(blobs, seconds=1)
    over = signed.expires_at + timedelta(seconds=1)
    wait_for(lambda: datetime.now(UTC) > over, 10, "its second is over, and the store's whole seconds too")
    assert put(signed) == 403
    assert blobs.head(KEY) is None
