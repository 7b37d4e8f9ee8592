"""DCMTK at the bare port: what ultrasound systems do, without Works behind it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from smartlink.demo import exam
from tests.gateway.cast import House
from tests.requires import requires

AT = datetime(2026, 3, 1, 9, 41, 12, tzinfo=UTC)
PROPOSE = {
    "explicit": "--propose-little",
    "implicit": "--propose-implicit",
    "deflated": "--propose-deflated",
    "bigendian": "--propose-big",
    "rle": "--propose-rle",
    "jpeg": "--propose-jpeg8",
}

pytestmark = [pytest.mark.real, pytest.mark.requires("storescu"), pytest.mark.requires("echoscu")]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def dcmtk(program: str, port: int, *arguments: str, called: str = "SMARTLINKRCVR") -> subprocess.CompletedProcess[str]:
    """Run one of DCMTK's programs as US01 against the port."""
    files = [argument for argument in arguments if argument.endswith(".dcm")]
    options = [argument for argument in arguments if argument not in files]
    command = [requires(program), "-v", "-aet", "US01", "-aec", called, *options, "127.0.0.1", str(port), *files]
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One still in each Transfer Syntax."""
    folder = tmp_path_factory.mktemp("stills")
    for name in exam.NATIVE_SYNTAXES:
        exam.still_in(name, folder / f"{name}.dcm", exam.uids(name), AT)
    jpeg = get_testdata_file("SC_rgb_jpeg_dcmtk.dcm")
    assert isinstance(jpeg, str)
    return {"jpeg": Path(jpeg), **{name: folder / f"{name}.dcm" for name in exam.NATIVE_SYNTAXES}}


@pytest.mark.proves("R60")
def test_an_echo_is_answered(house: House) -> None:
    with house.receiver() as receiver:
        answer = dcmtk("echoscu", receiver.port)
    assert answer.returncode == 0, answer.stdout
    assert "Received Echo Response (Success)" in answer.stdout
    assert house.callers.calls == [("US01", True)]


@pytest.mark.proves("R69")
def test_an_echo_to_another_ae_title_is_rejected(house: House) -> None:
    with house.receiver() as receiver:
        answer = dcmtk("echoscu", receiver.port, called="SOMEONE")
    assert answer.returncode != 0
    assert "Called AE Title Not Recognized" in answer.stdout


@pytest.mark.proves("R68")
@pytest.mark.parametrize(
    ("name", "limits"),
    [
        *((name, ()) for name in PROPOSE),
        ("jpeg", ("--max-pdu", "4096")),
        ("explicit", ("--max-pdu", "4096")),
        ("explicit", ("--max-send-pdu", "4096")),
    ],
)
def test_a_still_is_kept_byte_for_byte(
    house: House, still: dict[str, Path], name: str, limits: tuple[str, ...]
) -> None:
    path = still[name]
    with house.receiver() as receiver:
        answer = dcmtk("storescu", receiver.port, PROPOSE[name], *limits, str(path))
    assert answer.returncode == 0, answer.stdout
    (kept,) = house.kept
    assert kept.transfer_syntax_uid == pydicom.dcmread(path, specific_tags=[]).file_meta.TransferSyntaxUID
    assert house.data_set_of(kept.name) == exam.data_set_bytes(path.read_bytes())


def test_a_refusal_reaches_the_ultrasound_system_by_its_name(house: House, still: dict[str, Path]) -> None:
    house.ready = False
    with house.receiver() as receiver:
        answer = dcmtk("storescu", receiver.port, "--propose-little", str(still["explicit"]))
    assert answer.returncode != 0
    assert "Received Store Response (Refused: OutOfResources)" in answer.stdout
    assert house.kept == []
