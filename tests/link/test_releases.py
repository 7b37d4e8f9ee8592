"""A manifest is believed only as this deployment signed it, for this purpose."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from joserfc import jwt

from smartlink.link import releases
from smartlink.link.assertion import generate_key
from smartlink.link.releases import Release, ReleaseRefused

KEY = generate_key()
RELEASE = Release(
    version="1.10.0", released_at=datetime(2026, 11, 24, tzinfo=UTC), notes={"en": "New.", "es": "Nuevo."}
)


@pytest.mark.proves("R124")
def test_what_was_signed_is_read_and_fields_of_later_versions_are_ignored() -> None:
    assert releases.verify(releases.sign(KEY, RELEASE), KEY) == RELEASE
    header = {"alg": "Ed25519", "typ": "smartlink-release+jwt"}
    later = jwt.encode(header, {**RELEASE.model_dump(mode="json"), "channel": "beta"}, KEY, algorithms=["Ed25519"])
    assert releases.verify(later, KEY) == RELEASE


@pytest.mark.proves("R124")
@pytest.mark.parametrize(
    "manifest",
    [
        releases.sign(generate_key(), RELEASE),
        releases.sign(KEY, RELEASE)[:-6] + "AAAAAA",
        jwt.encode({"alg": "Ed25519"}, RELEASE.model_dump(mode="json"), KEY, algorithms=["Ed25519"]),
        jwt.encode({"alg": "Ed25519", "typ": "smartlink-release+jwt"}, {"version": "x"}, KEY, algorithms=["Ed25519"]),
        "",
        "a.b.c",
        "x" * (releases.LONGEST + 1),
    ],
    ids=["another key", "changed", "another purpose", "no release", "empty", "garbage", "too long"],
)
def test_anything_else_is_refused(manifest: str) -> None:
    with pytest.raises(ReleaseRefused):
        releases.verify(manifest, KEY)


def test_versions_are_compared_by_their_numbers() -> None:
    assert releases.order("1.10.0") > releases.order("1.9.9")
    assert releases.order("1.2") == releases.order("1.2.0")
