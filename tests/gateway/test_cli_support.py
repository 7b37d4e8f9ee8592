"""The bundle holds nothing of the marker patient and no secret, wherever on the gateway they are planted."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import structlog

from smartlink.gateway.catalogue import Catalogue, Description
from smartlink.gateway.log import LogKind, configure
from smartlink.gateway.store.database import FILE_NAME, open_in
from smartlink.gateway.store.spool import Spool
from smartlink.gateway.terminal import now
from tests.gateway.conftest import START, Command, Keep
from tests.gateway.fake_works import FakeWorks
from tests.real.world import FORBIDDEN_IN_LOGS

SECRET = "s3cret-w0rd"
ATTRIBUTES = {f"field{number}": word for number, word in enumerate(FORBIDDEN_IN_LOGS)}


def everything_in(bundle: Path) -> bytes:
    with zipfile.ZipFile(bundle) as archive:
        return b"".join(name.encode() + archive.read(name) for name in archive.namelist())


@pytest.mark.proves("R119", "R139")
def test_neither_the_planted_patient_nor_a_secret_is_in_it(
    command: Command, works: FakeWorks, keep: Keep, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    command("activate", works.key, "--works", works.url)
    monkeypatch.setenv("SMARTLINK_PROXY", f"http://smartlink:{SECRET}@127.0.0.1:9")
    words = " ".join(FORBIDDEN_IN_LOGS)
    file = configure(data / "Logs", LogKind.SERVICE, now, "service")
    with open_in(data) as database:
        kept = keep("1.2.3", data=words.encode())
        describe = Description(kept.sop_class_uid, "1.2.3", "1.2.4", "1.2.5", ATTRIBUTES)
        Catalogue(database, spool, lambda _: describe).record([kept], START)
    for name in ("journal/0", "fetched/aa/1", "incomplete/2", "Logs/notes.txt", "Logs/other.log"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(words, "utf-8")
    structlog.get_logger().info("kept", patient_name=words, accession_number=words)
    file.close()
    bundle = tmp_path / "support.zip"
    told = command("support-bundle", str(bundle))
    assert set(told["holds"]) >= {
        f"{part}.json" for part in ("versions", "installation", "settings", "status", "connections", "diagnose")
    }
    assert [name for name in told["holds"] if name.startswith("logs/SmartLink-service")]
    planted = b"".join(path.read_bytes() for path in data.glob(f"{FILE_NAME}*"))
    assert FORBIDDEN_IN_LOGS[0].encode() in planted
    content = everything_in(bundle)
    private = (data / "credential.pem").read_text("ascii").splitlines()[1]
    for word in (*FORBIDDEN_IN_LOGS, SECRET, private, works.key, *works.tokens):
        assert word.encode() not in content


def test_it_is_made_with_a_damaged_catalogue_too(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FILE_NAME).write_bytes(b"not a database " * 1000)
    bundle = tmp_path / "support.zip"
    told = command("support-bundle", str(bundle))
    assert "problem.json" in told["holds"]
    with zipfile.ZipFile(bundle) as archive:
        assert json.loads(archive.read("problem.json"))["catalogue"]


def test_what_cannot_be_made_is_a_sentence(command: Command, tmp_path: Path) -> None:
    assert "no data folder" in command("support-bundle", str(tmp_path / "a.zip"), code=1)["error"]
    (tmp_path / "data").mkdir()
    (tmp_path / "there.zip").write_text("")
    assert "already" in command("support-bundle", str(tmp_path / "there.zip"), code=1)["error"]
    assert "cannot be written" in command("support-bundle", str(tmp_path / "no" / "b.zip"), code=1)["error"]
