"""The commands for connections: each outcome in words or JSON, on real peers where there is one."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from smartlink.gateway.cli import app
from smartlink.gateway.log import LogKind
from smartlink.gateway.store import connections
from smartlink.gateway.store.database import open_in
from smartlink.link.connections import Mapping
from tests.gateway.authority import Authority
from tests.gateway.conftest import Command
from tests.gateway.dicom.pacs import storescp
from tests.gateway.fake_works import PROXY_PAGE, FakeWorks
from tests.gateway.store.examples import an_ultrasound

ARCHIVE = ["--ae-title", "ARCHIVE", "--host", "127.0.0.1", "--specialty", "Cardiology"]


@pytest.fixture
def active(command: Command, works: FakeWorks) -> Command:
    """The same for a gateway that is activated and whose settings were saved."""
    command("activate", works.key, "--works", works.url)
    command("settings", "port=11112")
    return command


def only(command: Command) -> dict[str, Any]:
    (connection,) = command("connections")["connections"]
    assert command("connections", "list") == {"connections": [connection]}
    return connection  # type: ignore[no-any-return]


@pytest.mark.proves("R45", "R46", "R49", "R70")
def test_a_pacs_is_added_untested_and_edited(active: Command) -> None:
    added = active("connections", "add", "Archive", *ARCHIVE, "--port", "104")
    assert (added["status"], added["warning"], added["test"]) == ("inactive", None, None)
    assert (only(active)["ae_title"], only(active)["status"]) == ("ARCHIVE", "Pending sync")
    active("connections", "edit", "archive", "--port", "105", "--name", "Archive 2")
    assert (only(active)["name"], only(active)["port"]) == ("Archive 2", 105)
    assert "host name" in active("connections", "edit", "ARCHIVE", "--host", "pacs.example")["warning"]


@pytest.mark.proves("R43", "R46", "R87")
def test_what_is_refused_is_told_and_changes_nothing(command: Command, works: FakeWorks) -> None:
    command("activate", works.key, "--works", works.url)
    add = ("connections", "add", "Archive", *ARCHIVE)
    assert "SmartLink Settings first" in command(*add, "--port", "104", code=1)["error"]
    command("settings", "port=11112")
    assert "1 to 65535" in command(*add, "--port", "0", code=1)["error"]
    assert "Cardiology" in command(*add, "--port", "104", "--specialty", "Dentistry", code=1)["error"]
    assert command("connections") == {"connections": []}
    command(*add, "--port", "104")
    assert "needs an AE title of its own" in command(*add, "--port", "105", code=1)["error"]
    assert "no connection" in command("connections", "test", "NOBODY", code=1)["error"]


@pytest.mark.proves("R47", "R49")
@pytest.mark.real
@pytest.mark.requires("storescp")
def test_a_test_makes_a_saved_pacs_active(active: Command, tmp_path: Path) -> None:
    with storescp(tmp_path / "out", "+xa") as port:
        typed = active("connections", "test", *ARCHIVE[:4], "--port", str(port))
        assert typed["succeeded"]
        active("connections", "add", "Archive", *ARCHIVE, "--port", str(port))
        told = active("connections", "test", "ARCHIVE")
        assert [step["ended"] for step in told["steps"]] == ["ok"] * 6
        assert told["calling_ae_title"] == "SMARTLINKSNDR"
        added = active("connections", "add", "Other", "--test", *ARCHIVE, "--ae-title", "OTHER", "--port", str(port))
        assert (added["status"], added["test"]["succeeded"]) == ("active", True)
    first, second = active("connections")["connections"]
    assert first["verified_at"]
    assert second["verified_at"]
    broken = active("connections", "test", "ARCHIVE", code=1)
    assert [step["ended"] for step in broken["steps"]][:3] == ["ok", "ok", "failed"]


@pytest.mark.proves("R44", "R64", "R74", "R72", "R73")
def test_an_ultrasound_system_is_edited(active: Command, tmp_path: Path) -> None:
    with open_in(tmp_path / "data") as database:
        scanner = an_ultrasound(database)
        edit = ("connections", "edit", str(scanner.id))
        active(*edit, "--name", "Room 1", "--mapping", "operator", "--send-directly")
        after = database.read(lambda tx: connections.find(tx, scanner.id))
        assert after is not None
        assert (after.name, after.mapping, after.send_directly) == ("Room 1", Mapping.OPERATOR, True)
        active(*edit, "--no-send-directly")
        assert not only(active)["send_directly"]
        active(*edit, "--port", "104")
        assert "it calls us" in active(*edit, "--host", "192.0.2.9", code=1)["error"]


@pytest.mark.proves("R83", "R84", "R85")
def test_a_connection_is_deleted_when_works_agrees(active: Command, works: FakeWorks, tmp_path: Path) -> None:
    added = active("connections", "add", "Archive", *ARCHIVE, "--port", "104")
    works.disturb("connections/", PROXY_PAGE)
    assert "Failed to Delete Connection" in active("connections", "delete", "ARCHIVE", "--yes", code=1)["error"]
    assert only(active)["id"] == added["id"]
    assert active("connections", "delete", "ARCHIVE", "--yes") == {
        "id": added["id"],
        "ae_title": "ARCHIVE",
        "pending": 0,
    }
    assert [str(one) for one in works.deleted] == [added["id"]]
    assert active("connections") == {"connections": []}
    (log,) = (tmp_path / "data" / "Logs").glob(f"{LogKind.CONFIGURATION.value}*")
    assert '"message": "Failed to Delete Connection"' in log.read_text("utf-8")


def test_without_yes_a_person_is_asked(
    active: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    active("connections", "add", "Archive", *ARCHIVE, "--port", "104")
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    with pytest.raises(SystemExit) as end:
        app(["connections", "delete", "ARCHIVE", "--data", str(tmp_path / "data")])
    assert end.value.code == 1
    assert "Delete Archive (ARCHIVE) for good?" in capsys.readouterr().err
    assert only(active)["ae_title"] == "ARCHIVE"


@pytest.mark.usefixtures("active")
def test_words_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["connections", "add", "Archive", *ARCHIVE, "--port", "1", "--test"],
        ["connections"],
        ["connections", "test", "ARCHIVE"],
    ):
        with pytest.raises(SystemExit):
            app([*words, "--data", str(tmp_path / "data")])
    shown = capsys.readouterr().out
    assert "Saved Archive (inactive)" in shown
    assert "failed" in shown


@pytest.mark.parametrize(
    "words",
    [
        ["--data", "/tmp/x", "list"],
        ["edit", "X", "--mapping", "none"],
        ["edit"],
        ["add", "A", "--port", "x"],
        ["test", "X", "--host", "192.0.2.1"],
        ["test", "X", "--no-tls"],
    ],
)
def test_a_wrong_use_ends_with_code_2(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLINK_DATA", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        app(["connections", *words])
    assert end.value.code == 2


@pytest.mark.proves("R47")
@pytest.mark.real
@pytest.mark.requires("storescp")
def test_a_pacs_is_called_over_tls(active: Command, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    ours, theirs = authority.issue(), authority.issue()
    tls = ["--tls-ca", str(authority.ca_file), "--tls-certificate", str(ours.certificate), "--tls-key", str(ours.key)]
    secured = ("+xa", "+tls", str(theirs.key), str(theirs.certificate), "+cf", str(authority.ca_file))
    with storescp(tmp_path / "out", *secured) as port:
        added = active("connections", "add", "Archive", "--test", *ARCHIVE, "--port", str(port), *tls)
        assert (added["status"], added["test"]["steps"][3]["step"]) == ("active", "tls")
        assert only(active)["tls"]["ca_file"] == str(authority.ca_file)
        told = active("connections", "test", *ARCHIVE[:4], "--port", str(port), "--tls", code=1)
        assert [step["ended"] for step in told["steps"]][:4] == ["ok", "ok", "ok", "failed"]
        assert "--tls-ca" in told["steps"][3]["remedy"]
        active("connections", "test", "ARCHIVE")
    wrong = active("connections", "edit", "ARCHIVE", "--tls-key", str(theirs.key), code=1)
    assert "does not belong to the certificate" in wrong["error"]
    active("connections", "edit", "ARCHIVE", "--no-tls")
    assert only(active)["tls"] is None
