"""Logs are shown and exported at a terminal, without a licence."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smartlink.gateway.cli import app
from smartlink.gateway.cli_logs import CONTACT_SUPPORT
from smartlink.gateway.log import LogKind, log_path
from smartlink.gateway.messages import Message
from tests.gateway.conftest import START, Command


@pytest.fixture
def _written(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "Logs"
    folder.mkdir(parents=True)
    told = [
        {"time": "1", "level": "error", "event": "failed", **Message.STORE_TO_PACS_FAILED.fields, "pacs": "ARCHIVE"},
        {"time": "2", "level": "fatal", "event": "loop_died"},
        {"time": "3", "level": "info", "event": "started"},
    ]
    text = "\n".join(json.dumps(one) for one in told)
    log_path(folder, LogKind.SERVICE, START.date()).write_text(text + "\n", "utf-8")


def said(tmp_path: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["logs", "--data", str(tmp_path / "data"), "--date", "2026-11-24", *words])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.usefixtures("_written")
@pytest.mark.proves("R117", "R118", "R120")
def test_type_level_words_and_tail_choose_what_is_told(command: Command) -> None:
    def events(*words: str) -> list[str]:
        return [one["event"] for one in command("logs", "--date", "2026-11-24", *words)["entries"]]

    assert events() == ["failed", "loop_died", "started"]
    assert events("--type", "configuration") == []
    assert events("--level", "fatal") == ["loop_died"]
    assert events("--search", "archive PACS") == ["failed"]
    assert events("--tail", "1") == ["started"]
    assert events("--until", "2026-11-25", "--level", "info") == ["started"]


@pytest.mark.usefixtures("_written")
@pytest.mark.proves("R136", "R137", "R138")
def test_a_person_reads_what_to_do_and_whom_to_ask(tmp_path: Path) -> None:
    lines = said(tmp_path).splitlines()
    assert Message.STORE_TO_PACS_FAILED.text in lines[0]
    assert lines[1].strip() == Message.STORE_TO_PACS_FAILED.action
    assert "FATAL" in lines[2]
    assert lines[3].strip() == CONTACT_SUPPORT
    assert len(lines) == 5
    assert "No such entries" in said(tmp_path, "--search", "nothing of the kind")
    assert "regularly" in CliRunner().invoke(app, ["logs", "--help"]).output


@pytest.mark.usefixtures("_written")
@pytest.mark.proves("R121", "R139")
def test_logs_are_exported_into_a_new_file(tmp_path: Path) -> None:
    text, whole = tmp_path / "errors.txt", tmp_path / "logs.zip"
    assert "1 entries" in said(tmp_path, "--level", "error", "--export", str(text))
    assert json.loads(text.read_text("utf-8"))["event"] == "failed"
    assert "1 files" in said(tmp_path, "--export", str(whole))
    assert zipfile.ZipFile(whole).namelist() == ["SmartLink-service-2026-11-24.log"]
    assert "already" in said(tmp_path, "--export", str(whole), code=1)
    assert "cannot be written" in said(tmp_path, "--export", str(tmp_path / "no" / "where.txt"), code=1)
    said(tmp_path, "--level", "error", "--export", str(tmp_path / "b.zip"), code=2)
    said(tmp_path, "--until", "2026-11-23", code=2)
