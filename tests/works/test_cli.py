"""The command line makes a whole organisation, says what is wrong in a sentence, and shows a key once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from smartlink.link import licence_key
from smartlink.works import log
from smartlink.works.cli import app
from tests.works.services import Bucket, TestDatabase
from tests.works.test_service import environment


class Operator:
    """Somebody at a terminal."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.variables = variables

    def run(self, *arguments: str, exit_code: int = 0) -> str:
        """Run a command; what it printed."""
        result = CliRunner().invoke(app, list(arguments), env=self.variables, catch_exceptions=False)
        assert result.exit_code == exit_code, result.output
        return result.stdout if exit_code == 0 else result.output

    def made(self, *arguments: str) -> dict[str, Any]:
        """Run a command; what it made."""
        told: dict[str, Any] = json.loads(self.run(*arguments, "--json"))
        return told


@pytest.fixture
def operator(
    database: TestDatabase, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Operator]:
    monkeypatch.setattr(log, "configure", lambda: None)
    with capture_logs():
        yield Operator(environment(database, bucket, tmp_path, 8080))


@pytest.mark.proves("R29", "R30")
def test_an_organisation_is_made_from_nothing(operator: Operator) -> None:
    organisation = operator.made("create-organisation", "Lakeside Health")["id"]
    within = ["--organisation", organisation]
    facility = operator.made("create-facility", "Lakeside General", *within, "--time-zone", "Europe/Madrid")["id"]
    within += ["--facility", facility]
    operator.made("create-specialty", "Cardiology", *within, "--default")
    person = ["create-user", "bob@lakeside.example", *within, "--given-name", "Bob", "--family-name", "Brandt"]
    assert operator.made(*person, "--password", "a long enough password")["id"]
    key = operator.made("create-licence-key", *within)
    assert licence_key.parse(key["key"]).startswith(key["prefix"])
    assert "Works has nothing" in operator.run("journey", "1.2.3", "--organisation", organisation, exit_code=1)
    assert "newest" in operator.run("migrate")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("create-organisation", " "), "1 to 64 characters"),
        (("create-facility", "X", "--organisation", "{id}", "--time-zone", "Mars/Base"), "no time zone"),
        (("create-specialty", "X", "--organisation", "{id}", "--facility", "{id}"), "no such facility"),
        (("create-user", "nobody", "--organisation", "{id}", "--password", "long enough it is"), "whole e-mail"),
        (("create-user", "a@b.example", "--organisation", "{id}", "--password", "short"), "at least 10"),
        (("create-licence-key", "--organisation", "{id}", "--facility", "{id}"), "no such facility"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence(
    operator: Operator, arguments: tuple[str, ...], sentence: str
) -> None:
    nobody = "6f0c6f9e-64f1-4a1e-9a8a-3f9f1f0a7b11"
    said = operator.run(*(argument.format(id=nobody) for argument in arguments), exit_code=1)
    assert sentence in said
    assert "Traceback" not in said
