"""Whether there is a newer version is said in plain words, over the wire, without a licence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smartlink.gateway.cli import app
from smartlink.link import paths, releases
from smartlink.link.assertion import generate_key, public_text
from smartlink.link.releases import Release
from tests.gateway.conftest import Command
from tests.gateway.fake_works import FakeWorks

KEY = generate_key()


@pytest.mark.proves("R124", "R126")
def test_a_newer_version_is_told_with_what_is_new(command: Command, works: FakeWorks, tmp_path: Path) -> None:
    notes = {"en": "Faster worklists.", "es": "Listas más rápidas."}
    release = Release(version="99.0", released_at=datetime(2026, 11, 24, tzinfo=UTC), notes=notes)
    works.told[paths.KEYS] = {"keys": [{"x": public_text(KEY)}]}
    works.told[paths.RELEASES_LATEST] = {"manifest": releases.sign(KEY, release), "a_later_field": 1}
    told = command("update-check", "--works", works.url)
    assert (told["state"], told["latest"], told["notes"]) == ("available", "99.0", "Faster worklists.")
    words = ["update-check", "--works", works.url, "--language", "es", "--data", str(tmp_path / "data")]
    said = CliRunner().invoke(app, words).output
    assert "Version 99.0 is available" in said
    assert "Listas más rápidas." in said
    works.told[paths.RELEASES_LATEST] = {"manifest": releases.sign(generate_key(), release)}
    assert command("update-check", "--works", works.url, code=1)["outcome"] == "refused"


@pytest.mark.proves("R124")
def test_what_cannot_be_asked_is_a_sentence(command: Command) -> None:
    assert "Say where" in command("update-check", code=1)["error"]
    assert command("update-check", "--works", "http://127.0.0.1:9", code=1)["outcome"] == "unreachable"
    assert "https" in command("update-check", "--works", "http://192.0.2.1", code=1)["error"]
