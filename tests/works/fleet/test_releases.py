"""Releases are signed when they are added, listed the newest first, and a foreign manifest is not offered."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smartlink.link.assertion import generate_key
from smartlink.link.releases import Release, verify
from smartlink.works.errors import Invalid
from smartlink.works.fleet import releases

KEY = generate_key()


def a_release(version: str) -> Release:
    return Release(version=version, released_at=datetime(2026, 11, 24, tzinfo=UTC))


@pytest.mark.proves("R124")
def test_the_newest_is_offered_in_whatever_order_they_were_added(tmp_path: Path) -> None:
    assert releases.latest(tmp_path, KEY) is None
    for version in ("0.9.0", "0.10.0", "0.2.0"):
        releases.add(tmp_path, KEY, a_release(version))
    assert [one.version for one in releases.listing(tmp_path, KEY)] == ["0.10.0", "0.9.0", "0.2.0"]
    assert verify(releases.latest(tmp_path, KEY) or "", KEY).version == "0.10.0"
    with pytest.raises(Invalid, match="already"):
        releases.add(tmp_path, KEY, a_release("0.10"))


@pytest.mark.parametrize("content", ["{", "5", json.dumps(["a.b.c"])])
def test_a_file_that_is_not_ours_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / releases.FILE).write_text(content)
    with pytest.raises(Invalid):
        releases.latest(tmp_path, KEY)
