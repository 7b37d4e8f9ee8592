"""`smartlink diagnose` answers in words or JSON, with a code for the worst, and never with a secret."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from smartlink.gateway import cli_diagnose
from smartlink.gateway.cli import app
from smartlink.gateway.settings import Deployment
from smartlink.gateway.store import orders
from smartlink.gateway.store.database import open_in
from smartlink.link import paths
from tests.gateway.conftest import START, Command
from tests.gateway.fake_works import PROXY_PAGE, FakeWorks
from tests.gateway.running import started
from tests.gateway.store.examples import a_pacs
from tests.gateway.store.test_journeys import an_order

SECRET = "s3cret-w0rd"


@pytest.mark.proves("R104")
def test_every_check_has_value_state_cause_and_remedy(command: Command) -> None:
    command("settings", "port=0")
    told = command("diagnose", code=1)
    assert told["state"] == "failed"
    by_name = {one["check"]: one for one in told["checks"]}
    assert set(by_name["service"]) == {"check", "about", "title", "state", "value", "cause", "remedy", "milliseconds"}
    assert by_name["service"]["remedy"].startswith("Start it")
    for one in told["checks"]:
        assert (one["cause"] is None) == (one["state"] in {"ok", "skipped"})


@pytest.mark.proves("R104")
def test_neither_key_nor_credential_nor_the_proxys_password_is_printed(
    command: Command, works: FakeWorks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("activate", works.key, "--works", works.url)
    monkeypatch.setenv("SMARTLINK_PROXY", f"http://smartlink:{SECRET}@127.0.0.1:9")
    told = json.dumps(command("diagnose", code=1))
    private = (tmp_path / "data" / "credential.pem").read_text("ascii").splitlines()[1]
    for secret in (SECRET, works.key, private, *works.tokens):
        assert secret not in told
    assert "the proxy 127.0.0.1" in told


def test_words_for_people_and_a_wrong_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(SystemExit) as end:
        app(["diagnose", "--data", str(tmp_path / "data")])
    assert end.value.code == 1
    assert "FAILED" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        app(["diagnose", "--data", str(tmp_path / "elsewhere")])
    assert end.value.code == 1
    assert "no data folder" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()


def test_a_broken_catalogue_is_a_sentence(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "smartlink.db").write_bytes(b"no database" * 1000)
    assert "smartlink repair" in command("diagnose", code=1)["error"]


@pytest.mark.proves("R104")
def test_an_exam_is_followed_from_the_command_line(command: Command, works: FakeWorks, tmp_path: Path) -> None:
    said = command("journey", "1.2.4", code=1)["error"]
    assert "Nothing is known of this exam" in said
    assert "There is no licence yet" in said
    command("activate", works.key, "--works", works.url)
    exam = {"folder": "drafts", "owner": "Bob", "assigned_at": "2026-11-24T04:00:00+00:00", "submitted_at": None}
    instance = {"sop_instance_uid": "1.2.3.1", "state": "ingested", "ingested_at": "2026-11-24T04:00:00+00:00"}
    works.journeys["1.2.4"] = {"exam": exam, "instances": [instance], "missing": ["The exam has not been submitted."]}
    told = command("journey", "1.2.4")
    assert told["instances"][0]["ingested_at"] == "2026-11-24T04:00:00+00:00"
    assert told["missing"] == ["The exam has not been submitted."]
    with pytest.raises(SystemExit) as end:
        app(["journey", "1" * 65, "--data", str(tmp_path / "data")])
    assert end.value.code == 2


def test_a_journey_in_words(
    command: Command, works: FakeWorks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command("activate", works.key, "--works", works.url)
    exam = {"folder": "drafts", "owner": "Bob", "assigned_at": "now", "submitted_at": None}
    works.journeys["1.2.4"] = {"exam": exam, "instances": [{"sop_instance_uid": "1.2.3.1"}]}
    with open_in(tmp_path / "data") as database:
        pacs = a_pacs(database)
        database.write(lambda tx: orders.order(tx, an_order(pacs.id, "1.2.3.1"), START))
    with pytest.raises(SystemExit) as end:
        app(["journey", "1.2.4", "--data", str(tmp_path / "data")])
    assert not end.value.code
    shown = capsys.readouterr().out
    assert "drafts of Bob" in shown
    assert "ARCHIVE" in shown
    assert "Nothing is missing." in shown


@pytest.mark.proves("R104")
def test_a_test_exam_from_the_command_line_says_each_hop_or_why_not(
    works: FakeWorks,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "no license" in command("test-exam", code=1)["error"]
    monkeypatch.setattr(cli_diagnose, "logged", nullcontext)  # the service runs in this very process
    with started(Deployment(data=tmp_path / "data", bind="127.0.0.1", drain_seconds=2), works):
        told = command("test-exam", "--images", "1")
        assert (told["arrived"], told["cleaned_up"]) == (True, True)
        with pytest.raises(SystemExit) as end:
            app(["test-exam", "--data", str(tmp_path / "data")])
        assert not end.value.code
        assert "Works has it, in unassigned. It is removed again." in capsys.readouterr().out
        works.disturb(paths.UPLOADS_OFFER, PROXY_PAGE, times=-1)
        with pytest.raises(SystemExit) as end:
            app(["test-exam", "--images", "1", "--wait", "1", "--data", str(tmp_path / "data")])
        assert end.value.code == 1
    assert "Works does not have the whole exam" in capsys.readouterr().out
