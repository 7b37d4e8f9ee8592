from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import typer

from smartlink.gateway.terminal import fail, print_json, print_table, shown

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_people_read_words_instead_of_values() -> None:
    assert [shown(value) for value in (None, True, False, 3, MOMENT)] == [
        "-",
        "yes",
        "no",
        "3",
        "2026-03-01 12:00:00+00:00",
    ]


def test_programs_read_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"at": MOMENT})
    assert json.loads(capsys.readouterr().out) == {"at": "2026-03-01T12:00:00+00:00"}


def test_a_table_has_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["ae_title"], [["US01"]])
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == ["ae title", "US01"]


def test_a_failure_ends_the_command_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end:
        fail("Nothing listens.", as_json=True, layer="port")
    assert end.value.exit_code == 1
    assert json.loads(capsys.readouterr().out) == {"error": "Nothing listens.", "layer": "port"}


def test_people_read_lists_with_commas() -> None:
    assert shown(("US01", "US02")) == "US01, US02"
    assert shown(()) == "-"
