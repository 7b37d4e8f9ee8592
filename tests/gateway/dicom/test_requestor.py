from __future__ import annotations

import socket
import subprocess
import threading
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from smartlink.gateway.dicom.requestor import SendFailed, send_files
from smartlink.gateway.intake import DiskSpace
from tests.gateway.cast import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def sample(name: str) -> Path:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return Path(path)


FILES = [sample("CT_small.dcm"), sample("MR_small_RLE.dcm"), sample("MR_small_bigendian.dcm"), sample("JPEG2000.dcm")]


def data_set(path: Path) -> bytes:
    whole = path.read_bytes()
    return whole[128 + 4 + 12 + int.from_bytes(whole[140:144], "little") :]


def test_files_arrive_as_they_are(house: House) -> None:
    with house.receiver() as receiver:
        statuses = send_files("127.0.0.1", receiver.port, "US01", "SMARTLINKRCVR", FILES)
    assert statuses == [(path, 0) for path in FILES]
    assert [house.data_set_of(kept.name) for kept in house.kept] == [data_set(path) for path in FILES]
    assert [kept.transfer_syntax_uid for kept in house.kept] == [
        pydicom.dcmread(path, specific_tags=[]).file_meta.TransferSyntaxUID for path in FILES
    ]


@pytest.mark.requires("storescp")
def test_dcmtk_takes_what_we_send(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["storescp", "-pdu", "4096", "+B", "+xa", "-od", str(out), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as archive:
        try:
            statuses = send_when_open(port, FILES[:2])
        finally:
            archive.terminate()
    assert [status for _, status in statuses] == [0, 0]
    assert sorted(data_set(path) for path in out.iterdir()) == sorted(map(data_set, FILES[:2]))


def send_when_open(port: int, files: list[Path]) -> list[tuple[Path, int]]:
    """Send once the port is open; it says nothing when it is."""
    open_now = threading.Event()
    for _ in range(200):
        try:
            return send_files("127.0.0.1", port, "US01", "ARCHIVE", files)
        except ConnectionRefusedError:
            open_now.wait(0.05)
    raise AssertionError("storescp did not open its port")


def test_a_refusal_is_one_files_own(house: House) -> None:
    house.disk = DiskSpace(10**12, 0)
    with house.receiver() as receiver:
        statuses = send_files("127.0.0.1", receiver.port, "US01", "SMARTLINKRCVR", FILES[:2])
    assert [status for _, status in statuses] == [0xA700, 0xA700]


def test_a_class_that_the_peer_does_not_take_is_said(house: House, tmp_path: Path) -> None:
    odd = tmp_path / "odd.dcm"
    private = pydicom.dcmread(FILES[0])
    private.SOPClassUID = private.file_meta.MediaStorageSOPClassUID = "1.2.840.113619.4.30"  # type: ignore[assignment]
    private.save_as(odd)
    with house.receiver() as receiver:
        statuses = send_files("127.0.0.1", receiver.port, "US01", "SMARTLINKRCVR", [odd, FILES[0]])
    assert [status for _, status in statuses] == [0x0122, 0]


def test_a_rejection_is_told_with_its_numbers(house: House) -> None:
    with house.receiver() as receiver, pytest.raises(SendFailed, match="1/1/7"):
        send_files("127.0.0.1", receiver.port, "US01", "SOMEONE", FILES[:1])


def test_a_peer_that_hangs_up_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        hang_up = threading.Thread(target=_accept_and_close, args=(server,))
        hang_up.start()
        with pytest.raises((SendFailed, ConnectionError)):
            send_files("127.0.0.1", server.getsockname()[1], "US01", "SILENT", FILES[:1])
        hang_up.join(10)


def _accept_and_close(server: socket.socket) -> None:
    server.accept()[0].close()
