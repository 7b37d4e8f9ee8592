"""Who changed what is listed at a terminal, for programs and for people."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smartlink.gateway.cli import app
from tests.gateway.conftest import Command


@pytest.mark.proves("R94")
def test_what_was_changed_is_listed_with_who_and_from_what_to_what(command: Command, tmp_path: Path) -> None:
    assert command("audit") == {"audit": []}
    command("settings", "port=11112")
    command("settings", "port=11113")
    command("retry", "17", code=1)
    last, first = command("audit")["audit"]
    assert (first["action"], first["old"], first["new"]) == ("settings_changed", {"port": None}, {"port": 11112})
    assert (last["old"], last["new"]) == ({"port": 11112}, {"port": 11113})
    assert last["actor"] == f"command line: {getpass.getuser()}"
    assert command("audit", "--limit", "1")["audit"] == [last]
    assert command("audit", "--since", "2199-01-01")["audit"] == []
    told = CliRunner().invoke(app, ["audit", "--data", str(tmp_path / "data")], env={"COLUMNS": "200"}).stdout
    assert "port 11113" in told
