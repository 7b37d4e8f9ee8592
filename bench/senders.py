"""The programs that send: DCMTK's, and our own, one or four at once."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING, Protocol

from bench.sets import SLICE, Load
from smartlink.gateway.dicom.storage_scu import Answered, Outcome, Peer, SendLimits, outgoing, store

if TYPE_CHECKING:
    from pathlib import Path

    from bench.receivers import Running


class Sender(Protocol):
    """One way to send a set."""

    name: str

    def send(self, to: Running, load: Load) -> None:
        """Send it all; SystemExit when not everything was answered Success."""


@dataclass(slots=True)
class Storescu:
    """DCMTK's storescu, in one Association."""

    environment: dict[str, str]
    name: str = "storescu"
    within: tuple[str, ...] = ()
    """What the command begins with: where it runs."""

    def send(self, to: Running, load: Load) -> None:
        """Send it all."""
        proposed = [] if load.kind is SLICE else ["-xy"]
        self._run([self.name, *proposed, "-aec", to.called_ae_title, to.host, str(to.port), "+sd", str(load.folder)])

    def _run(self, command: list[str]) -> None:
        subprocess.run(
            [*self.within, *command], check=True, capture_output=True, env={**os.environ, **self.environment}
        )


@dataclass(slots=True)
class Dcmsend(Storescu):
    """DCMTK's dcmsend, in one Association."""

    name: str = "dcmsend"

    def send(self, to: Running, load: Load) -> None:
        """Send it all."""
        self._run([self.name, "-aec", to.called_ae_title, to.host, str(to.port), "+sd", str(load.folder)])


@dataclass(slots=True)
class Ourselves:
    """Our Storage SCU: as many Associations at once as there are senders, each in a process that waits for work."""

    senders: int = 1
    name: str = "our sender"
    _pool: ProcessPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        """Start the processes and let each import what it needs."""
        self._pool = ProcessPoolExecutor(self.senders, get_context("spawn"))
        if self.senders > 1:
            self.name = f"{self.senders} of our senders"
        list(self._pool.map(_nothing, range(self.senders * 4)))

    def send(self, to: Running, load: Load) -> None:
        """Send it all."""
        work = [(to.host, to.port, to.called_ae_title, files) for files in load.shares(self.senders)]
        list(self._pool.map(_store, work))

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


def _nothing(number: int) -> int:
    return number


def _store(work: tuple[str, int, str, list[Path]]) -> None:
    host, port, called, files = work
    told: list[Outcome] = []
    items = [outgoing(key, path) for key, path in enumerate(files)]
    store(Peer(host, port, called, "US01"), items, SendLimits(), told.append)
    if told != [Answered(item.key, 0) for item in items]:
        raise SystemExit("Not every image was answered Success.")
