"""The gateway on Python for Windows, in wine: it answers C-ECHO, keeps an image of DCMTK's and uploads it.

It proves that every part of the program loads, binds, writes and flushes there. Wine proves nothing about access
rights, service recovery or virus scanners.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from structlog.testing import capture_logs

from smartlink.demo.programs import LOOPBACK, free_port, wait_for
from smartlink.gateway import build
from smartlink.gateway.settings import Deployment
from smartlink.gateway.store import settings
from smartlink.gateway.store.database import open_in
from smartlink.gateway.store.spool import Spool
from tests.gateway.conftest import START
from tests.gateway.fake_works import FakeWorks, serving
from tests.habits.repository import ROOT
from tests.requires import missing, requires

pytestmark = [
    pytest.mark.real,
    pytest.mark.night,
    pytest.mark.requires("wine", "echoscu", "storescu"),
    pytest.mark.timeout(400),
]

WINDOWS = ROOT / ".windows"
PATIENCE = 120.0
RUN = (
    "import platform; platform._wmi = None\n"  # wine 8 crashes when it is asked for its own version
    "from smartlink.gateway.cli import main; main()"
)


@pytest.fixture
def wine(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a fresh Windows of its own."""
    if not (WINDOWS / ".ready").exists():
        missing("Python for Windows (make windows)", os.environ)
    environment = {**os.environ, "WINEPREFIX": str(tmp_path / "wine"), "WINEDEBUG": "-all", "SMARTLINK_BIND": LOOPBACK}
    told(environment, "wine", "wineboot", "--init")
    told(environment, "wine", "reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f")
    try:
        yield environment
    finally:
        told(environment, "wineserver", "--kill")


def told(environment: dict[str, str], program: str, *words: str) -> None:
    """Tell wine something about itself; it may complain, but not for long."""
    command = ["timeout", "--kill-after=5", "120", requires(program), *words]
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """Python for Windows that finds the gateway as it is in the working tree."""
    folder = tmp_path / "python"
    shutil.copytree(WINDOWS / "python", folder)
    places = ["python313.zip", ".", windows_path(ROOT / "src"), windows_path(WINDOWS / "site")]
    (folder / "python313._pth").write_text("\n".join(places) + "\n", "ascii")
    return folder / "python.exe"


def windows_path(path: Path) -> str:
    """The path as wine shows it: all of this machine is its drive Z."""
    return "Z:" + str(path).replace("/", "\\")


@pytest.mark.proves("R60", "R6")
def test_the_gateway_on_windows_answers_keeps_and_uploads(tmp_path: Path, wine: dict[str, str], python: Path) -> None:
    data, sample = tmp_path / "data", get_testdata_file("CT_small.dcm")
    with serving(FakeWorks()) as works:
        port = prepared(data, works)
        with running([requires("wine"), str(python), "-B", "-c", RUN, "run", "--data", windows_path(data)], wine):
            wait_for(lambda: is_open(port), PATIENCE, "the gateway listens")
            asked(requires("echoscu"), port)
            asked(requires("storescu"), port, str(sample))
            wait_for(lambda: works.puts, PATIENCE, "the image is uploaded")
    (name,) = Spool(data / "spool", data / "incomplete").names()
    kept = Spool(data / "spool", data / "incomplete").check(name)
    assert kept.called_ae_title == "SMARTLINKRCVR"
    assert kept.peer_address == LOOPBACK


def prepared(data: Path, works: FakeWorks) -> int:
    """A data folder with a licence, made on this side of the glass; return the port that the gateway will open."""
    port = free_port()
    with open_in(data) as database, capture_logs():
        database.write(lambda tx: settings.put(tx, {"port": port, "disk_reserve_bytes": 0}, START))
        with build.activator(Deployment(data=data), database, lambda: datetime.now(UTC)) as activator:
            activator.activate(works.key, works.url, datetime.now(UTC))
    return port


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    """Run a program of Windows; its output goes through a pipe, since wine loses it in a file."""
    bounded = ["timeout", "--kill-after=5", "300", *command]
    pipe = subprocess.PIPE
    with subprocess.Popen(bounded, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT) as process:
        try:
            yield
        except BaseException:
            process.terminate()
            print(process.communicate()[0].decode(errors="replace")[-5000:])  # noqa: T201  pytest shows it with the failure
            raise
        process.terminate()
        process.communicate()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def asked(program: str, port: int, *more: str) -> None:
    """Run one of DCMTK's SCUs against the gateway; it ends with 0 only after Success."""
    command = [program, "-v", "-aet", "US01", "-aec", "SMARTLINKRCVR", LOOPBACK, str(port), *more]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert "Success" in ended.stderr + ended.stdout
