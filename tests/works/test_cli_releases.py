"""The operator adds and lists releases, without database or storage."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smartlink.works.cli import app


def told(tmp_path: Path, *words: str, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["releases", *words, "--data", str(tmp_path), "--json"])
    assert result.exit_code == code, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


@pytest.mark.proves("R124")
def test_a_release_is_added_once_and_listed(tmp_path: Path) -> None:
    assert told(tmp_path, "list") == {"releases": []}
    assert told(tmp_path, "add", "0.2.0", "--note", "New.", "--note-es", "Nuevo.") == {"version": "0.2.0"}
    (one,) = told(tmp_path, "list")["releases"]
    assert (one["version"], one["notes"]) == ("0.2.0", {"en": "New.", "es": "Nuevo."})
    assert "already" in told(tmp_path, "add", "0.2.0", "--note", "New.", code=1)["error"]
    assert "numbers with points" in told(tmp_path, "add", "next", "--note", "New.", code=1)["error"]
