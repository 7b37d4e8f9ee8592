"""The receive path as it is met in the field: cines and repeats from DCMTK, and the program watched from outside."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from smartlink.gateway.store.spool import Spool
from tests.gateway.cast import House
from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.wire import REQUEST, STORE

DCMTK = pytest.mark.requires("storescu", "dcmconv")
GB = 1000**3
MOST_MEMORY = 40 * 1024 * 1024


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def sample(name: str) -> Path:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return Path(path)


def data_set(path: Path) -> bytes:
    whole = path.read_bytes()
    return whole[128 + 4 + 12 + int.from_bytes(whole[140:144], "little") :]


def storescu(port: int, path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["storescu", "-v", *options, "-aet", "US01", "-aec", "SMARTLINKRCVR", "127.0.0.1", str(port), str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@DCMTK
@pytest.mark.proves("R68")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("examples_ybr_color.dcm", ["-xy"]),
        ("image_dfl.dcm", ["-xd"]),
        ("CT_small.dcm", ["-xe", "--repeat", "5"]),
    ],
)
def test_storescu_sends_files_of_others_and_they_are_kept_byte_for_byte(
    house: House, tmp_path: Path, name: str, options: list[str]
) -> None:
    path = as_dcmtk_writes_it(sample(name), tmp_path / name)
    with house.receiver() as receiver:
        done = storescu(receiver.port, path, *options)
    assert done.returncode == 0, done.stderr
    assert house.kept
    sent = data_set(path)
    sent += b"\0" * (len(sent) % 2)  # a deflated one is padded on the wire (PS3.5 section A.5)
    for kept in house.kept:
        assert house.spool.check(kept.name) == kept
        assert house.data_set_of(kept.name) == sent


def as_dcmtk_writes_it(path: Path, target: Path) -> Path:
    """Let DCMTK write the file anew: it sends no trailing padding, whatever the file has."""
    subprocess.run(["dcmconv", "--padding-off", str(path), str(target)], check=True, capture_output=True, timeout=60)
    return target


@contextmanager
def program(folder: Path, *under: str) -> Iterator[tuple[int, int]]:
    """Run the receiver as a program of its own; yields its port and its process id."""
    command = [*under, sys.executable, "-m", "tests.gateway.dicom.receiver", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("port "))
        try:
            yield int(line.split()[1]), process.pid
        finally:
            process.communicate(timeout=30)


def resident(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_instance_of_a_gigabyte_streams_through_within_40_mb_of_idle(tmp_path: Path) -> None:
    piece = bytes(range(256)) * 4096
    with program(tmp_path) as (port, pid):
        idle = resident(pid, "VmRSS")
        with Caller(port).associate(dataclasses.replace(REQUEST, maximum_length=0)) as us01:
            us01.say(STORE)
            crc = 0
            for left in range(GB // len(piece), -1, -1):
                us01.data(piece, last=not left)
                crc = zlib.crc32(piece, crc)
            assert us01.response().status == 0
        assert resident(pid, "VmHWM") - idle < MOST_MEMORY
    spool = Spool(tmp_path / "spool")
    (name,) = spool.names()
    kept = spool.read(name)
    assert (kept.dataset_length, kept.crc32) == ((GB // len(piece) + 1) * len(piece), crc)
    spool.remove(name)


@pytest.mark.skipif(sys.platform != "linux", reason="traces Linux's system calls")
@pytest.mark.requires("strace")
@pytest.mark.proves("R151")
def test_file_then_folder_are_flushed_before_success_is_sent(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    calls = "trace=openat,write,fsync,fdatasync,sendto"
    with (
        program(tmp_path, "strace", "-f", "-y", "-o", str(trace), "-e", calls) as (port, _),
        Caller(port).associate() as us01,
    ):
        assert us01.store(b"data" * 1000).status == 0
        us01.release()
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    (created,) = [at for at, line in enumerate(lines) if "O_EXCL" in line and "/spool/" in line]
    written = [at for at, line in enumerate(lines) if " write(" in line and "/spool/" in line]
    (flushed,) = [at for at, line in enumerate(lines) if "fdatasync(" in line]
    folder = [at for at, line in enumerate(lines) if "fsync(" in line and re.search(r"/spool/[0-9a-f]{2}>", line)]
    (answered,) = [at for at, line in enumerate(lines) if "sendto(" in line and at > created][:1]
    assert created < min(written) <= max(written) < flushed < max(folder) < answered
    assert "SMARTLINK1" in lines[max(written)]
