"""A bundle holds what is listed and nothing else; log lines lose whatever names a patient."""

from __future__ import annotations

import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from smartlink.gateway import support_bundle
from smartlink.gateway.log import LogKind, log_path
from smartlink.gateway.settings import Deployment
from tests.gateway.conftest import START

NAME = "Zzyxpatient"


def test_log_lines_lose_what_names_a_patient_at_any_depth(tmp_path: Path) -> None:
    lines = [
        json.dumps({"event": "kept", "patient_name": NAME, "more": [{"patient_id": NAME, "size": 5}]}),
        f"{NAME} in a line that is none of ours",
        f'"{NAME}"',
    ]
    log_path(tmp_path, LogKind.SERVICE, START.date()).write_text("\n".join(lines), "utf-8")
    target = tmp_path / "b.zip"
    support_bundle.make(target, {"status": {"at": START}}, tmp_path, days=1, now=START)
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["README.txt", "status.json", "logs/SmartLink-service-2026-11-24.log"]
        kept = [json.loads(line) for line in archive.read(archive.namelist()[2]).splitlines()]
        assert json.loads(archive.read("status.json")) == {"at": START.isoformat()}
    assert kept == [{"event": "kept", "more": [{"size": 5}]}, {"event": "lines_left_out", "count": 2}]


def test_only_the_days_asked_for_are_in_it_and_what_is_there_stays(tmp_path: Path) -> None:
    for days in range(4):
        log_path(tmp_path, LogKind.CONFIGURATION, START.date() - timedelta(days=days)).write_text("{}\n")
    target = tmp_path / "b.zip"
    told = support_bundle.make(target, {}, tmp_path, days=3, now=START)
    assert sorted(told) == [
        "README.txt",
        *(f"logs/ExoClient-configuration-2026-11-{day}.log" for day in (22, 23, 24)),
    ]
    with pytest.raises(FileExistsError):
        support_bundle.make(target, {}, tmp_path, days=3, now=START)


def test_a_bundle_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(ValueError, match="Circular"):
        circle: list[object] = []
        circle.append(circle)
        support_bundle.make(folder / "b.zip", {"status": circle}, tmp_path, days=1, now=START)
    assert list(folder.iterdir()) == []


def test_of_a_secret_it_is_said_only_that_there_is_one(tmp_path: Path) -> None:
    secret = SecretStr("http://someone:s3cret@127.0.0.1:9")
    told = support_bundle.without_secrets(Deployment(data=tmp_path, proxy=secret))
    assert told["proxy"] == "(set, not shown)"
    assert support_bundle.versions()["smartlink"] == support_bundle.versions()["packages"]["smartlink"]
