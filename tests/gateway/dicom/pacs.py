"""PACS for the tests of the senders: DCMTK's storescp as it can be told to be, and one that answers what it is told."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom.data import get_testdata_file

from smartlink.gateway.calling import Outcome, Outgoing, Peer, SendLimits
from smartlink.gateway.dicom.storage_scu import outgoing, store
from tests.requires import requires

LIMITS = SendLimits(connect_seconds=5, associate_seconds=5, response_seconds=5, idle_seconds=5)


def sample(name: str) -> Path:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return Path(path)


FILES = [sample("CT_small.dcm"), sample("MR_small_RLE.dcm"), sample("MR_small_bigendian.dcm"), sample("JPEG2000.dcm")]


def items(*paths: Path) -> list[Outgoing]:
    return [outgoing(key, path) for key, path in enumerate(paths)]


def data_set(path: Path) -> bytes:
    whole = path.read_bytes()
    return whole[128 + 4 + 12 + int.from_bytes(whole[140:144], "little") :]


def archive(port: int, called: str = "ARCHIVE") -> Peer:
    return Peer("127.0.0.1", port, called, "SMARTLINKSNDR")


def told(peer: Peer, outgoings: list[Outgoing], limits: SendLimits = LIMITS) -> list[Outcome]:
    """Store the items and return what was told of them."""
    outcomes: list[Outcome] = []
    store(peer, outgoings, limits, outcomes.append)
    return outcomes


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    """Run DCMTK's storescp with its files in a folder; yield its port once it listens."""
    folder.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [requires("storescp"), *options, "-od", str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_open(port)
            yield port
        finally:
            process.terminate()


def _wait_until_open(port: int) -> None:
    """Wait until something listens on the port; storescp says nothing when it does."""
    patience = threading.Event()
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        patience.wait(0.025)
    raise AssertionError("storescp did not open its port")


@contextmanager
def scripted(play: Callable[[socket.socket], object]) -> Iterator[int]:
    """Let `play` talk to each caller, one after the other; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    play(caller)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join(10)
