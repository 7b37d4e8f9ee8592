"""The programs that receive, each started afresh with an empty store for every run, as its user would run it.

`NO_STALL` is what spares DCMTK and pynetdicom's toolkit the wait for delayed acknowledgements (performance.md): the
peers get it wherever they are not measured "as shipped".
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from smartlink.demo import site, stage
from smartlink.demo.programs import LOOPBACK, Program, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_STALL: Final = {"TCP_NODELAY": "1"}
UP_SECONDS: Final = 30.0
CALLED: Final = stage.RECEIVER

FLUSHING: Final = """
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


@dataclass(frozen=True, slots=True)
class Running:
    """A receiver that listens."""

    port: int
    pid: int
    host: str = LOOPBACK
    called_ae_title: str = CALLED


class Receiver(Protocol):
    """One program that receives."""

    name: str

    def running(self, folder: Path, environment: dict[str, str]) -> Iterator[Running]:
        """Run it with its store in an empty folder; `environment` is for peers only."""


@dataclass(slots=True)
class SmartLink:
    """`smartlink run` as shipped: nothing switched off, activated once, Works away."""

    template: Path
    """The data folder of a gateway that was activated and stopped."""
    name: str = "SmartLink"
    host: str = LOOPBACK

    def running(self, folder: Path, environment: dict[str, str]) -> Iterator[Running]:
        """Run the service with a copy of the activated data folder; it needs nothing of the environment."""
        del environment
        data = folder / "gateway"
        shutil.copytree(self.template, data)
        port = free_port()
        settings = {"SMARTLINK_DATA": str(data), "SMARTLINK_BIND": self.host, "SMARTLINK_DRAIN_SECONDS": "10"}
        program = Program("smartlink", settings, folder / "smartlink.log")
        program.ask("settings", f"port={port}")
        program.start("run")
        try:
            wait_for(port, self.host)
            yield Running(port, program.pid, self.host)
        finally:
            program.stop()


@dataclass(slots=True)
class Storescp:
    """DCMTK's storescp, writing what it receives bit for bit; with `preload` it flushes each file."""

    preload: Path | None = None
    host: str = LOOPBACK
    name: str = field(init=False)

    def __post_init__(self) -> None:
        """Name it."""
        self.name = "storescp" if self.preload is None else "storescp, flushing"

    def running(self, folder: Path, environment: dict[str, str]) -> Iterator[Running]:
        """Run it."""
        port = free_port()
        shim = {} if self.preload is None else {"LD_PRELOAD": str(self.preload)}
        command = ["storescp", "-pdu", "131072", "+xa", "+B", "-aet", CALLED, "-od", str(folder), str(port)]
        yield from _peer(command, folder, port, {**environment, **shim}, self.host)


@dataclass(slots=True)
class Orthanc:
    """Orthanc with its durable default."""

    name: str = "Orthanc"
    host: str = LOOPBACK

    def running(self, folder: Path, environment: dict[str, str]) -> Iterator[Running]:
        """Run it; its HTTP port is written down in the folder."""
        port, http = free_port(), free_port()
        settings = {
            "Name": "Bench",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "DicomAet": CALLED,
            "DicomPort": port,
            "DicomServerEnabled": True,
            "HttpPort": http,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowEcho": True,
        }
        (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
        (folder / "http").write_text(str(http), encoding="utf-8")
        yield from _peer(["Orthanc", str(folder / "orthanc.json")], folder, port, environment, self.host)


@dataclass(slots=True)
class Pynetdicom:
    """pynetdicom's own storescp."""

    name: str = "pynetdicom"

    def running(self, folder: Path, environment: dict[str, str]) -> Iterator[Running]:
        """Run it."""
        port = free_port()
        command = [sys.executable, "-m", "pynetdicom", "storescp", str(port), "-aet", CALLED, "-od", str(folder)]
        yield from _peer(command, folder, port, environment)


def _peer(
    command: list[str], folder: Path, port: int, environment: dict[str, str], host: str = LOOPBACK
) -> Iterator[Running]:
    with (
        (folder.parent / f"{folder.name}.log").open("wb") as log,
        subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log) as process,
    ):
        try:
            wait_for(port, host)
            yield Running(port, process.pid, host)
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def fresh(receiver: Receiver, within: Path, environment: dict[str, str]) -> Iterator[Running]:
    """Run a receiver with an empty folder, which is removed at the end."""
    folder = within / "store"
    folder.mkdir()
    if sys.platform != "win32":
        os.sync()
    try:
        with contextmanager(receiver.running)(folder, environment) as running:
            yield running
    finally:
        shutil.rmtree(folder)


def activated(folder: Path) -> stage.Stage:
    """Return the place of a gateway that was activated with a Works of its own; both are stopped again."""
    scene = stage.build(folder)
    try:
        scene.start_works()
        administrator, physicians = site.cast()
        made = site.make(scene.works, administrator, physicians)
        stage.prepare_gateway(scene, made.licence_key)
    finally:
        scene.stop()
    return scene


def flushing_shim(folder: Path) -> Path | None:
    """Return a library that makes storescp flush, or None without a C compiler."""
    if shutil.which("cc") is None:
        return None
    shim = folder / "flushing.so"
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(shim), "-ldl"]
    subprocess.run(command, input=FLUSHING, text=True, check=True)
    return shim


def wait_for(port: int, host: str = LOOPBACK) -> None:
    """Wait until somebody listens at the port."""
    ends = time.monotonic() + UP_SECONDS
    while time.monotonic() < ends:
        try:
            socket.create_connection((host, port), 1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise SystemExit(f"Nobody opened port {port}.")
