from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from smartlink.gateway.platform.folders import default_data_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has one folder for all")


def test_the_machines_own_account_keeps_its_data_in_var(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_folder() == Path("/var/lib/smartlink")


def test_a_person_keeps_the_data_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_folder() == tmp_path / "smartlink"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_data_folder() == tmp_path / ".local" / "share" / "smartlink"
