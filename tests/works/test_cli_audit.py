"""Whoever reviews the audit trail checks and exports it at a terminal, and that is an event of its own."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg

from tests.works.cast import Cast
from tests.works.services import TestDatabase
from tests.works.test_cli import Operator, operator

__all__ = ["operator"]


def test_the_trail_is_checked_exported_and_its_use_is_told(operator: Operator, cast: Cast, tmp_path: Path) -> None:
    within = ["--organisation", str(cast.lakeside.organisation_id)]
    told = operator.made("audit", "verify", *within)
    assert told["whole"] is True
    assert "whole" in operator.run("audit", "verify", *within, "--head", told["head"])
    file = tmp_path / "trail.jsonl"
    assert operator.made("audit", "export", str(file), *within)["entries"] == told["entries"] + 2
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["action"] for line in lines[-2:]] == ["audit_verified", "audit_verified"]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert operator.made("audit", "export", str(tmp_path / "b"), *within, "--until", "2026-03-01")["entries"] == 0
    assert "cannot be written" in operator.run("audit", "export", str(file), *within, exit_code=1)
    assert "as `works audit verify` prints it" in operator.run("audit", "verify", *within, "--head", "x", exit_code=1)


def test_a_broken_trail_ends_with_one(operator: Operator, cast: Cast, database: TestDatabase) -> None:
    place = cast.lakeside.organisation_id
    with psycopg.connect(database.superuser_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE audit_event SET action = 'x' WHERE organisation_id = %s", (place,))
    said = operator.run("audit", "verify", "--organisation", str(place), exit_code=1)
    assert "broken at entry 1: Event" in said
    assert "was altered" in said
