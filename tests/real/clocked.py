"""A gateway on threads of the test's own process, by a clock that the test moves: four days pass at once.

Its parts are those that `smartlink run` builds, with the real Works, real ports and real files; only the clock is
given. What a process of its own goes through, kills and restarts, is shown on the program itself.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Self

import structlog

from smartlink.demo.programs import LOOPBACK, wait_for
from smartlink.demo.stage import WATERMARK_BYTES
from smartlink.gateway import build, connecting
from smartlink.gateway.log import LogKind, configure
from smartlink.gateway.settings import Deployment
from smartlink.gateway.store import connections, settings
from smartlink.gateway.store.database import open_in
from tests.real.orders import connect
from tests.real.world import Gateway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smartlink.gateway.connections import Connection
    from smartlink.gateway.log import DailyFile
    from smartlink.gateway.service import Service
    from tests.real.pacs import Orthanc, Scripted, Storescp

PROBE: Final = timedelta(seconds=31)
"""After so long, a PACS that failed is asked again."""
INTERVAL: Final = timedelta(minutes=5, seconds=31)
"""After so long, an image that failed by itself is tried again: the default interval, and its spread."""


class Clock:
    """The real time, and as much more as has been let pass."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def let_pass(self, time: timedelta) -> None:
        """So much time is over at once."""
        self._ahead += time


@dataclass(slots=True)
class Clocked(Gateway):
    """A gateway as `Gateway`, but no process; a context manager: licensed and listening inside."""

    clock: Clock = field(default_factory=Clock)
    _service: Service | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        with open_in(self.data) as database:
            values = {"port": self.target.port, "disk_reserve_bytes": WATERMARK_BYTES}
            database.write(lambda tx: settings.put(tx, values, self.clock()))
            with build.activator(self.deployment, database, self.clock) as activator:
                activator.activate(self.site.licence_key, self.cloud.stage.works_url, self.clock())
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def deployment(self) -> Deployment:
        """The settings of its installation."""
        return Deployment(data=self.data, bind=LOOPBACK, drain_seconds=2)

    def start(self) -> None:
        """It runs, and its DICOM port is open."""
        before = structlog.get_config()
        lines = configure(self.deployment.logs, LogKind.SERVICE, self.clock, "service")
        self._service = build.service(self.deployment, self.clock)
        self._thread = threading.Thread(target=self._run, args=(self._service, lines, before), name="gateway")
        self._thread.start()
        wait_for(self.stage.dicom_port_is_open, 60, "the gateway opens its port")

    def stop(self) -> None:
        """It has ended in good order."""
        if self._service is not None and self._thread is not None:
            self._service.stop()
            self._thread.join(60)
            assert not self._thread.is_alive()
            self._service = self._thread = None

    @staticmethod
    def _run(service: Service, lines: DailyFile, before: dict[str, object]) -> None:
        service.run()
        lines.close()
        structlog.configure(**before)  # type: ignore[arg-type] # what get_config gave

    @contextmanager
    def connected(self, *several: Storescp | Scripted | Orthanc) -> Iterator[tuple[Connection, ...]]:
        """These PACS are at the gateway and at Works; they are deleted afterwards, as the next test has others."""
        added = tuple(connect(self, pacs) for pacs in several)
        try:
            yield added
        finally:
            for connection in added:
                self.delete(connection)

    def delete(self, connection: Connection) -> None:
        """The connection is deleted on both sides, as `smartlink connections delete` does; harmless when it was."""
        with open_in(self.data) as database, build.works_client(self.deployment, database, self.clock) as works:
            known = [one for one in database.read(connections.live) if one.id == connection.id]
            for one in known:
                connecting.delete(database, works, one, self.clock())
