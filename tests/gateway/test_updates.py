"""Equal, older and newer are told; a signature by another key than the one kept is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey

from smartlink.gateway.updates import FILE, UpdateState, check
from smartlink.link import releases
from smartlink.link.activation import Keys
from smartlink.link.assertion import generate_key, public_text
from smartlink.link.releases import LatestRelease, Release, ReleaseRefused

URL = "https://works.example.org"


class Deployment:
    """A Works with its key and a newest release."""

    def __init__(self, version: str | None = "0.2.0") -> None:
        self.key: OKPKey = generate_key()
        self.version = version

    def keys(self, works_url: str) -> Keys:
        assert works_url.startswith("https://")
        return Keys(keys=({"kty": "OKP", "crv": "Ed25519", "x": public_text(self.key)},))

    def latest_release(self, works_url: str) -> LatestRelease:
        assert works_url.startswith("https://")
        if self.version is None:
            return LatestRelease()
        release = Release(version=self.version, released_at=datetime(2026, 11, 24, tzinfo=UTC))
        return LatestRelease(manifest=releases.sign(self.key, release))


@pytest.mark.proves("R124")
@pytest.mark.parametrize(
    ("offered", "state", "words"),
    [
        ("0.2.0", UpdateState.AVAILABLE, "Version 0.2.0 is available"),
        ("0.1.0", UpdateState.UP_TO_DATE, "is up to date."),
        ("0.0.9", UpdateState.UP_TO_DATE, "which is older"),
        (None, UpdateState.UP_TO_DATE, "offers no release"),
    ],
)
def test_newer_equal_older_and_none(tmp_path: Path, offered: str | None, state: UpdateState, words: str) -> None:
    found = check(Deployment(offered), URL, tmp_path, "0.1.0")
    assert found.state is state
    assert words in found.sentence


@pytest.mark.proves("R124")
def test_the_key_is_kept_and_another_one_is_refused(tmp_path: Path) -> None:
    works = Deployment()
    check(works, URL, tmp_path, "0.1.0")
    works.key = generate_key()
    with pytest.raises(ReleaseRefused, match="not signed"):
        check(works, URL, tmp_path, "0.1.0")
    assert check(works, "https://another.example.org", tmp_path, "0.1.0").release is not None
    (tmp_path / FILE).write_text('{"works_url": "https://works.example.org", "keys": ["rubbish"]}')
    with pytest.raises(ReleaseRefused, match="names no key"):
        check(works, URL, tmp_path, "0.1.0")
