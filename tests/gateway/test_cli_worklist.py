"""The commands for worklists, on DCMTK's own server; patients are shown only to whoever asks for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from smartlink.gateway.cli import app
from tests.gateway.conftest import Command
from tests.gateway.dicom.worklist_server import AE_TITLE, step, wlmscpfs, write
from tests.gateway.fake_works import FakeWorks

SERVER = ["--kind", "worklist", "--ae-title", AE_TITLE, "--host", "127.0.0.1", "--specialty", "Cardiology"]


@pytest.fixture
def active(command: Command, works: FakeWorks) -> Command:
    """A gateway that is activated and whose settings were saved."""
    command("activate", works.key, "--works", works.url)
    command("settings", "port=11112")
    return command


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    write(tmp_path / "lists" / AE_TITLE, "one", step(datetime.now(UTC)))
    with wlmscpfs(tmp_path / "lists") as opened:
        yield opened


def only(told: dict[str, Any]) -> dict[str, Any]:
    (one,) = told["worklists"]
    return one  # type: ignore[no-any-return]


@pytest.mark.proves("R53", "R57", "R58")
@pytest.mark.real
@pytest.mark.requires("wlmscpfs")
def test_a_server_is_added_tested_asked_and_listed(active: Command, port: int, tmp_path: Path) -> None:
    added = active("connections", "add", "Hospital", *SERVER, "--port", str(port))
    assert added["status"] == "inactive"
    assert only(active("worklist", "list"))["fetched_at"] is None
    told = active("connections", "test", AE_TITLE)
    assert (told["succeeded"], told["calling_ae_title"]) == (True, "SMARTLINKWLSCU")
    assert told["steps"][-1]["sentence"] == "C-FIND is answered with 1 scheduled steps."
    assert active("connections")["connections"][0]["verified_at"]
    active("worklist", "set", AE_TITLE, "--time-zone", "UTC")
    read = only(active("worklist", "refresh", AE_TITLE, "--items"))
    assert [one["patient_name"] for one in read["list"]] == ["Zzyxpatient^Marker"]
    assert "Zzyx" not in json.dumps(active("worklist", "list"))
    assert only(active("worklist", "list"))["items"] == 1
    logs = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    assert "connection_added" in logs
    assert "Zzyx" not in logs


@pytest.mark.proves("R57")
@pytest.mark.real
@pytest.mark.requires("wlmscpfs")
def test_values_are_tested_before_they_are_saved(active: Command, port: int) -> None:
    typed = [*SERVER[:6], "--port", str(port)]
    assert active("connections", "test", *typed)["succeeded"]
    added = active("connections", "add", "Hospital", "--test", *SERVER, "--port", str(port))
    assert (added["status"], added["test"]["succeeded"]) == ("active", True)


def test_a_server_that_is_down_keeps_the_command_from_succeeding(active: Command) -> None:
    active("connections", "add", "Hospital", *SERVER, "--port", "1")
    failed = only(active("worklist", "refresh", code=1))
    assert failed["failing_since"]
    assert "nothing listens on port 1" in failed["problem"]


@pytest.mark.proves("R54")
def test_what_cannot_be_is_refused_in_words(active: Command) -> None:
    assert "no worklist server" in active("worklist", "refresh", code=1)["error"]
    active("connections", "add", "Hospital", *SERVER, "--port", "104")
    assert "time zone" in active("worklist", "set", AE_TITLE, "--time-zone", "Mars/Olympus", code=1)["error"]
    assert "no connection" in active("worklist", "refresh", "NOBODY", code=1)["error"]
    set_so = active("worklist", "set", AE_TITLE, "--modality", "", "--character-set", "iso_ir 100")
    assert set_so["query"] == {
        "time_zone": None,
        "modality": None,
        "station_ae_title": None,
        "character_set": "ISO_IR 100",
    }
    other = [*SERVER, "--ae-title", "OTHER", "--specialty", "Radiology", "--port", "104"]
    assert "specialty" in active("connections", "add", "Other", *other, code=1)["error"]


def test_a_person_reads_tables(active: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    active("connections", "add", "Hospital", *SERVER, "--port", "1")
    with pytest.raises(SystemExit):
        app(["worklist", "list", "--items", "--data", str(tmp_path / "data")])
    assert "Hospital" in capsys.readouterr().out
