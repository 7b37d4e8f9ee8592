"""The demo's stage: ports, settings, left-overs of an earlier demo, secrets."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from smartlink.demo import programs, stage

if TYPE_CHECKING:
    from pathlib import Path


def test_both_programs_get_folders_of_their_own_and_the_gateway_the_address_of_works(tmp_path: Path) -> None:
    built = stage.build(tmp_path / "demo")
    assert built.works_url.startswith("http://127.0.0.1:")
    assert built.works.log.parent == built.gateway.log.parent == tmp_path / "demo"
    assert not built.works.runs()
    assert not built.gateway.runs()
    assert not built.works_answers()
    assert not built.dicom_port_is_open()


def test_an_earlier_demo_is_ended_and_its_folder_removed(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    (folder / "exam").mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as earlier:
        known = programs.Known("works", earlier.pid, psutil.Process(earlier.pid).create_time())
        programs.write_known(folder / "programs.json", [known])
        stage.clear(folder)
        assert known.process() is None
    assert not folder.exists()
    stage.clear(folder)


def test_what_was_made_secret_here_is_struck_out(tmp_path: Path) -> None:
    built = stage.build(tmp_path)
    built.secrets.append("pass-word")
    assert "pass-word" not in built.without_secrets("the password is pass-word")


def test_a_port_that_somebody_else_has_is_told_and_nothing_is_sent_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = stage.build(tmp_path)
    monkeypatch.setattr(programs.Program, "must_run", lambda _: None)
    monkeypatch.setattr(programs.Program, "listens_at", lambda *_: False)
    stranger = socket.create_server((built.dicom.host, built.dicom.port))
    with stranger, pytest.raises(programs.ProgramFailed, match=f"Port {built.dicom.port} belongs to another"):
        built.open_dicom_port()


def test_the_gateways_logs_are_what_it_printed_and_its_newest_service_log(tmp_path: Path) -> None:
    built = stage.build(tmp_path)
    folder = tmp_path / "gateway" / "Logs"
    folder.mkdir(parents=True)
    for day in ("23", "24"):
        (folder / f"SmartLink-service-2026-11-{day}.log").write_text("{}\n", encoding="utf-8")
    assert built.logs(built.gateway) == [tmp_path / "smartlink.log", folder / "SmartLink-service-2026-11-24.log"]
    assert built.logs(built.works) == [tmp_path / "works.log"]
