"""What is wrong is said in a sentence, in words or in JSON, and ends the command."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import typer

from smartlink.works import terminal


def test_a_failure_is_a_sentence_in_either_form(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json in (False, True):
        with pytest.raises(typer.Exit):
            terminal.fail("There is no such facility.", as_json=as_json)
    said = capsys.readouterr()
    assert said.err == "There is no such facility.\n"
    assert json.loads(said.out) == {"error": "There is no such facility."}


def test_an_answer_in_json_holds_moments_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say({"at": datetime(2026, 3, 1, tzinfo=UTC)}, "1 March", as_json=True)
    assert json.loads(capsys.readouterr().out)["at"].startswith("2026-03-01")


def test_a_wrong_setting_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WORKS_PORT", "none")
    with pytest.raises(typer.Exit):
        terminal.settings_of(None, as_json=False)
    assert "WORKS_PORT" in capsys.readouterr().err
