"""The command line: quick to answer, in words or JSON, with or without a running service."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep

import pytest

from smartlink.gateway.cli import app
from smartlink.gateway.connections import Approval
from smartlink.gateway.log import LogKind, log_path
from smartlink.gateway.store import connections, offered, refusals
from smartlink.gateway.store.database import open_in
from smartlink.gateway.store.offered import Offered
from smartlink.gateway.store.refusals import Refused
from tests.gateway.authority import Authority
from tests.gateway.conftest import START, Command
from tests.gateway.fake_works import FakeWorks
from tests.gateway.store.examples import an_ultrasound


@pytest.mark.proves("R89", "R91")
def test_settings_are_shown_and_changed(command: Command, tmp_path: Path) -> None:
    assert command("settings")["port"] == 5104
    assert command("settings", "port=11112", "receiver_ae_title= CLINIC1 ")["receiver_ae_title"] == "CLINIC1"
    assert command("settings")["port"] == 11112
    day = datetime.now(UTC).date()
    logged = log_path(tmp_path / "data" / "Logs", LogKind.CONFIGURATION, day).read_text("utf-8")
    assert '"setting": "port", "old": 5104, "new": 11112' in logged


@pytest.mark.proves("R95")
def test_a_wrong_setting_changes_nothing(command: Command) -> None:
    assert "at most 16" in command("settings", "port=1", "sender_ae_title=" + "A" * 17, code=1)["error"]
    assert command("settings")["port"] == 5104


@pytest.mark.proves("R31")
def test_a_key_is_accepted_or_the_reason_told(command: Command, works: FakeWorks) -> None:
    assert "--works" in command("activate", works.key, code=1)["error"]
    assert "https" in command("activate", works.key, "--works", "http://192.0.2.1", code=1)["error"]
    wrong = command("activate", "ABC", "--works", works.url, code=1)
    assert wrong["outcome"] == "invalid"
    assert command("activate", works.key, "--works", works.url)["outcome"] == "accepted"
    assert command("status")["licence"]["facility"] == "Emergency"
    assert command("activate", works.key)["outcome"] == "accepted"


def test_an_empty_gateway_answers_every_question(command: Command) -> None:
    assert command("status")["licence"]["state"] == "unlicensed"
    assert command("connections") == {"connections": []}
    assert command("queue", "--state", "parked")["items"] == []
    assert command("refusals") == {"refusals": []}


@pytest.mark.proves("R68")
def test_kinds_of_images_that_scanners_offer_are_listed_and_allowed(command: Command, tmp_path: Path) -> None:
    private, worklist = "1.2.840.113619.4.30", "1.2.840.10008.5.1.4.31"
    with open_in(tmp_path / "data") as database:
        for uid in (private, worklist):
            one = Offered("US01", uid, "192.0.2.7", 34, START, START)
            database.write(lambda tx, one=one: offered.add(tx, one))  # type: ignore[misc]
    assert [(one["times"], one["may_be_allowed"]) for one in command("syntaxes")["offered"]] == [
        (34, False),
        (34, True),
    ]
    assert command("syntaxes", "--allow", private)["allowed"] == [private]
    assert command("syntaxes", "--allow", "1.2.3")["allowed"] == [private, "1.2.3"]
    assert command("syntaxes", "--refuse", "1.2.3")["offered"][1]["allowed"]
    assert command("settings")["abstract_syntaxes"] == [private]
    assert "a service of the standard" in command("syntaxes", "--allow", worklist, code=1)["error"]
    assert command("syntaxes", "--refuse", private)["allowed"] == []


@pytest.mark.proves("R146")
def test_deliveries_can_be_tried_again(command: Command) -> None:
    assert command("retry", "--parked") == {"tried_again": []}
    assert "There is no delivery 17" in command("retry", "17", code=1)["error"]


def test_words_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_in(tmp_path) as database:
        one = Offered("US01", "1.2.840.113619.4.30", "192.0.2.7", 34, START, START)
        database.write(lambda tx: offered.add(tx, one))
    for words in (["status"], ["settings"], ["connections"], ["queue"], ["syntaxes"]):
        with pytest.raises(SystemExit) as end:
            app([*words, "--data", str(tmp_path)])
        assert not end.value.code
    shown = capsys.readouterr().out
    assert "SMARTLINKRCVR" in shown
    assert "waiting: 0" in shown
    assert "no: allow?" in shown


@pytest.mark.parametrize("words", [["queue", "--state", "lost"], ["settings", "port"], ["fly"]])
def test_a_wrong_use_ends_with_code_2(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        app(words if words == ["fly"] else [*words, "--data", str(tmp_path)])
    assert end.value.code == 2


def test_a_broken_catalogue_is_a_sentence_and_code_1(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "smartlink.db").write_bytes(b"no database" * 1000)
    assert "run `smartlink repair`" in command("status", code=1)["error"]


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, smartlink.gateway.cli\n"
        "heavy = {'httpx', 'pydantic', 'pynetdicom', 'pydicom', 'structlog', 'rich', 'sqlite3'} & set(sys.modules)\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
@pytest.mark.proves("R28")
def test_the_service_runs_until_it_is_told_to_stop(tmp_path: Path, works: FakeWorks, command: Command) -> None:
    command("settings", "port=0", "disk_reserve_bytes=0")
    program = Path(sysconfig.get_path("scripts")) / "smartlink"
    environment = {**os.environ, "SMARTLINK_BIND": "127.0.0.1", "SMARTLINK_DATA": str(tmp_path / "data")}
    process = subprocess.Popen([str(program), "run"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        until(lambda: command("status")["service"]["pid"] == process.pid)
        assert command("activate", works.key, "--works", works.url)["outcome"] == "accepted"
        until(lambda: command("status")["receiver"]["port"] is not None)
        ended = subprocess.run(
            [str(program), "run", "--json"], env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert ended.returncode == 1
        assert "already runs" in json.loads(ended.stdout)["error"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert "SmartLink runs" in process.communicate()[0]
        assert command("status")["service"]["running"] is False
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def until(fact: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for a fact, not for a duration."""
    end = monotonic() + seconds
    while not fact():
        assert monotonic() < end, "it never came true"
        sleep(0.05)


def test_a_tls_port_is_set_only_with_files_that_can_be_used(command: Command, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    shown, other = authority.issue(), authority.issue()
    wanted = ["tls_port=0", f"tls_certificate={shown.certificate}", f"tls_ca_file={authority.ca_file}"]
    assert "does not belong" in command("settings", *wanted, f"tls_key={other.key}", code=1)["error"]
    assert command("settings")["tls_port"] is None
    assert command("settings", *wanted, f"tls_key={shown.key}")["tls_port"] == 0
    assert command("status")["certificates"]["receiver"]["days_left"] >= 363


@pytest.mark.proves("R67")
def test_callers_lists_who_is_new_waits_is_blocked_or_was_turned_away(command: Command, tmp_path: Path) -> None:
    at = datetime.now(UTC)
    old = at - timedelta(days=20)
    with open_in(tmp_path / "data") as database:
        known, us02 = an_ultrasound(database, "KNOWN"), an_ultrasound(database, "US02")
        database.write(lambda tx: connections.judge(tx, us02, Approval.WAITING, at))
        stranger = Refused("STRANGER", "WRONG", "192.0.2.9", "called AE title not recognised", 3, old, at)
        database.write(lambda tx: refusals.add(tx, stranger))
        database.write(lambda tx: refusals.add(tx, replace(stranger, calling_ae_title="LONGAGO", last_at=old)))
        database.write(lambda tx: connections.seen(tx, known.id, "192.0.2.7", old, image=False))
        database.write(lambda tx: tx.execute("UPDATE connection SET created_at = '2020-01-01T00:00:00.000000Z'"))
    found = command("callers", "--days", "7")["callers"]
    assert {one["calling_ae_title"]: one["state"] for one in found} == {
        "STRANGER": "refused",
        "US02": "waiting for approval",
    }
    (waiting,) = (one for one in command("connections")["connections"] if one["ae_title"] == "US02")
    assert (waiting["status"], waiting["approval"]) == ("Waiting for approval", "waiting")
    assert command("connections", "block", "US02")["approval"] == "blocked"
    assert "blocked already" in command("connections", "block", "US02", code=1)["error"]
    (blocked,) = (one for one in command("callers")["callers"] if one["calling_ae_title"] == "US02")
    assert blocked["state"] == "blocked"
    assert command("connections", "approve", "US02")["approval"] == "approved"
    acts = [one["action"] for one in command("audit")["audit"]]
    assert acts[:2] == ["connection_approved", "connection_blocked"]


@pytest.mark.proves("R91", "R95")
def test_a_port_in_use_is_refused_before_it_is_saved(command: Command) -> None:
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        told = command("settings", f"port={port}", code=1)["error"]
    assert told == f"Port {port} cannot be used: another program has it. Choose another one; the old settings stay."
    assert command("settings")["port"] == 5104
    assert command("settings", f"port={port}")["port"] == port


@pytest.mark.proves("R38", "R134")
def test_the_licence_is_given_back_and_its_key_used_again(command: Command, works: FakeWorks) -> None:
    assert "no active licence" in command("release", "--yes", code=1)["error"]
    command("activate", works.key, "--works", works.url)
    assert command("release", "--yes") == {"works_told": True, "pending": 0}
    assert command("status")["licence"]["state"] == "released"
    command("activate", works.key)
    assert command("status")["licence"]["state"] == "active"
