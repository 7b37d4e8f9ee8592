"""Receiving, side by side with DCMTK's storescp: the same files, the same sender, turn and turn about.

    python bench/receive.py [--rounds N] [--folder DIR]

Believe the ratios, not the figures. We answer Success only after file and name are flushed; storescp does not flush,
so it is also run with a flush forced on each file that it closes (where there is a C compiler).
"As shipped" is DCMTK as it is installed, at both ends; "without Nagle" has TCP_NODELAY=1 in its environment at both.
The last rows send with our own sender, because storescu is the bottleneck there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from smartlink.gateway.dicom.acceptor import Acceptor
from smartlink.gateway.dicom.command import CommandField
from smartlink.gateway.dicom.negotiation import Policy
from smartlink.gateway.dicom.service import Service
from smartlink.gateway.dicom.storage_scp import StorageSCP
from smartlink.gateway.dicom.storage_scu import Answered, Outcome, Peer, SendLimits, outgoing, store
from smartlink.gateway.dicom.verification_scp import VerificationSCP
from smartlink.gateway.intake import Intake, read_disk
from smartlink.gateway.store.spool import Provenance, Spool
from smartlink.standard.names import AETitle
from smartlink.standard.sop_class import ULTRASOUND_IMAGE, ULTRASOUND_MULTIFRAME_IMAGE
from smartlink.standard.transfer_syntax import JPEG_BASELINE

CALLED = "SMARTLINKRCVR"


@dataclass(frozen=True, slots=True)
class Load:
    """A set of files of one kind."""

    name: str
    sop_class_uid: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Sender:
    """One way to send a folder."""

    name: str
    environment: dict[str, str]
    """Of DCMTK's programs at both ends."""
    send: Callable[[int, list[Path], dict[str, str]], None]
    loads: tuple[Load, ...]


STILLS = Load("40 stills of 300 KB", ULTRASOUND_IMAGE, 40, 300_000)
MANY_STILLS = Load("300 stills of 300 KB", ULTRASOUND_IMAGE, 300, 300_000)
MANY_SLICES = Load("600 slices of 20 KB", ULTRASOUND_IMAGE, 600, 20_000)
SLICES = Load("40 slices of 20 KB", ULTRASOUND_IMAGE, 40, 20_000)
CINES = Load("4 cines of 40 MB", ULTRASOUND_MULTIFRAME_IMAGE, 4, 40_000_000)


Receiver = Callable[[Path, dict[str, str]], Iterator[int]]
"""Runs a receiver that keeps what it gets in a folder; yields its port."""

FLUSHING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
int fclose(FILE *file) {
    int (*real)(FILE *) = dlsym(RTLD_NEXT, "fclose");
    fflush(file);
    fsync(fileno(file));
    return real(file);
}
"""
"""Makes a program flush each file that it closes."""


class Nobody:
    """Is told of callers and does nothing."""

    def seen(self, *_: object, **__: object) -> None:
        """Do nothing."""

    def refused(self, *_: object) -> None:
        """Do nothing."""

    def syntaxes_refused(self, *_: object) -> None:
        """Do nothing."""


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--folder", type=Path, help="where the files go; use a journaled file system")
    options.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.serve is not None:
        serve(chosen.serve)
        return
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        measure(Path(folder), chosen.rounds)


def measure(folder: Path, rounds: int) -> None:
    """Run every sender against both receivers, interleaved, and print the median of the paired ratios."""
    senders = (
        Sender("storescu as shipped", {}, storescu, (STILLS, SLICES)),
        Sender("storescu without Nagle", {"TCP_NODELAY": "1"}, storescu, (MANY_STILLS, MANY_SLICES, CINES)),
        Sender("our own sender", {"TCP_NODELAY": "1"}, ourselves, (MANY_STILLS, MANY_SLICES, CINES)),
    )
    peers: dict[str, Receiver] = {"storescp": partial(storescp, preload=None)}
    if (shim := flushing_shim(folder)) is not None:
        peers["storescp, flushing"] = partial(storescp, preload=shim)
    for sender in senders:
        for load in sender.loads:
            files = written(folder / "files", load)
            turns = [
                [seconds(receiver, sender, files, folder) for receiver in (smartlink, *peers.values())]
                for _ in range(rounds)
            ]
            print(f"{sender.name}, {load.name}: SmartLink {rate(load, statistics.median(turn[0] for turn in turns))}")
            for at, peer in enumerate(peers, 1):
                taken = statistics.median(turn[at] for turn in turns)
                ratio = statistics.median(turn[at] / turn[0] for turn in turns)
                print(f"    {ratio:6.2f} times {peer} ({rate(load, taken)})", flush=True)


def rate(load: Load, taken: float) -> str:
    """Return instances a second, or megabytes where an instance is large."""
    if load.size > 10_000_000:
        return f"{load.count * load.size / taken / 1e6:.0f} MB/s"
    return f"{load.count / taken:.0f} /s"


def seconds(receiver: Receiver, sender: Sender, files: list[Path], folder: Path) -> float:
    """Return how long the sender takes against a fresh receiver."""
    received = folder / "received"
    received.mkdir()
    if sys.platform != "win32":
        os.sync()
    try:
        with contextmanager(receiver)(received, sender.environment) as port:
            began = time.perf_counter()
            sender.send(port, files, sender.environment)
            return time.perf_counter() - began
    finally:
        shutil.rmtree(received)


def smartlink(folder: Path, _environment: dict[str, str]) -> Iterator[int]:
    """Run our receiver as a program of its own."""
    command = [sys.executable, __file__, "--serve", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("port "))
        try:
            yield int(line.split()[1])
        finally:
            process.communicate(timeout=30)


def storescp(folder: Path, environment: dict[str, str], preload: Path | None) -> Iterator[int]:
    """Run DCMTK's storescp, writing what it receives bit for bit."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shim = {} if preload is None else {"LD_PRELOAD": str(preload)}
    command = ["storescp", "-pdu", "131072", "+xa", "+B", "-aet", CALLED, "-od", str(folder), str(port)]
    with subprocess.Popen(command, env={**os.environ, **environment, **shim}) as process:
        try:
            wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def flushing_shim(folder: Path) -> Path | None:
    """Return a library that makes storescp flush, or None without a C compiler."""
    if shutil.which("cc") is None:
        return None
    shim = folder / "flushing.so"
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(shim), "-ldl"]
    subprocess.run(command, input=FLUSHING, text=True, check=True)
    return shim


def wait_for(port: int) -> None:
    """Wait until the port is open."""
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.01)
        else:
            return
    raise SystemExit("storescp did not open its port")


def storescu(port: int, files: list[Path], environment: dict[str, str]) -> None:
    """Send with DCMTK."""
    command = ["storescu", "-xy", "-aec", CALLED, "127.0.0.1", str(port), "+sd", str(files[0].parent)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})


def ourselves(port: int, files: list[Path], _environment: dict[str, str]) -> None:
    """Send with our own sender."""
    told: list[Outcome] = []
    items = [outgoing(key, path) for key, path in enumerate(files)]
    store(Peer("127.0.0.1", port, CALLED, "US01"), items, SendLimits(), told.append)
    if told != [Answered(item.key, 0) for item in items]:
        raise SystemExit("not every instance was answered Success")


def written(folder: Path, load: Load) -> list[Path]:
    """Write the files of a set with random pixels and return where they are."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    spool = Spool(folder.parent / "making")
    for number in range(load.count):
        uid = f"1.2.3.{number + 1}"
        origin = Provenance(load.sop_class_uid, uid, JPEG_BASELINE, "US01", CALLED, "127.0.0.1", "127.0.0.1")
        file = spool.create(origin)
        file.write(memoryview(data_set(load, uid)))
        kept = file.commit(datetime.now(UTC))
        with spool.part10_parts(kept.name) as part10:
            (folder / f"{number:04}.dcm").write_bytes(part10.read())
        spool.remove(kept.name)
    return sorted(folder.iterdir())


def data_set(load: Load, uid: str) -> bytes:
    """Return a Data Set of about the size: identity, and one fragment of random bytes for pixels."""

    def short(tag: bytes, vr: bytes, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        return tag + vr + len(value).to_bytes(2, "little") + value

    identity = (
        short(b"\x08\0\x16\0", b"UI", load.sop_class_uid.encode())
        + short(b"\x08\0\x18\0", b"UI", uid.encode())
        + short(b"\x20\0\x0d\0", b"UI", b"1.2.3")
        + short(b"\x20\0\x0e\0", b"UI", b"1.2.3.0")
    )
    pixels = os.urandom(load.size)
    return (
        identity
        + b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff"
        + b"\xfe\xff\0\xe0\0\0\0\0"
        + b"\xfe\xff\0\xe0"
        + len(pixels).to_bytes(4, "little")
        + pixels
        + b"\xfe\xff\xdd\xe0\0\0\0\0"
    )


def serve(folder: Path) -> None:
    """Be the receiver until the standard input ends."""
    intake = Intake(Spool(folder / "spool"), lambda: read_disk(folder), lambda: 0, lambda _: None, now)
    services: dict[int, Service] = {
        CommandField.C_STORE_RQ: StorageSCP(intake, Nobody()),
        CommandField.C_ECHO_RQ: VerificationSCP(Nobody()),
    }
    acceptor = Acceptor("127.0.0.1", 0, Policy(AETitle(CALLED)), services, Nobody())
    acceptor.start()
    print(f"port {acceptor.port}", flush=True)
    sys.stdin.read()
    acceptor.close()


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
