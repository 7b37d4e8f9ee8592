"""The sign of life: every minute Works is told how the gateway does, in counts and times (F12)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from smartlink.gateway.delivery import State
from smartlink.gateway.errors import GiveUp, LicenceRevoked, TryAgain
from smartlink.gateway.forecast import forecast
from smartlink.gateway.intake import DiskSpace, reserve_of
from smartlink.gateway.store import configuration, connections, counters, deliveries, disk_samples, service
from smartlink.link.connections import Kind
from smartlink.link.heartbeat import EVERY_SECONDS, Disk, Heartbeat, HeartbeatAcknowledged, Queue, Scanner

if TYPE_CHECKING:
    from datetime import datetime

    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()

EVERY: Final = timedelta(seconds=EVERY_SECONDS)
_MOST_SCANNERS: Final = 1000


class Works(Protocol):
    """Works, as far as the heartbeat needs it."""

    def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatAcknowledged:
        """Tell how the gateway does."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the heartbeat reports beside the catalogue."""

    version: str
    disk: Callable[[], DiskSpace]
    reserve: Callable[[], int | None]
    receiver_open: Callable[[], bool]


class Pulse:
    """The loop's tick."""

    def __init__(
        self,
        database: Database,
        works: Works,
        machine: Machine,
        started_at: datetime,
        *,
        licensed: Callable[[], bool],
        revoked: Callable[[], None],
        configuration_changed: Callable[[], None],
    ) -> None:
        self._database = database
        self._works = works
        self._machine = machine
        self._started_at = started_at
        self._licensed = licensed
        self._revoked = revoked
        self._configuration_changed = configuration_changed
        self._next: datetime | None = None

    def tick(self, now: datetime) -> bool:
        """Send a heartbeat when one is due: right after the start or an activation, then every minute."""
        if not self._licensed():
            self._next = None
            return False
        if self._next is not None and now < self._next:
            return False
        self._next = now + EVERY
        try:
            answer = self._works.heartbeat(self._report(now))
        except LicenceRevoked:
            self._revoked()
        except (TryAgain, GiveUp) as error:
            problem = str(error)
            self._database.write(lambda tx: service.failing(tx, now, problem))
        else:
            self._note(answer, now)
        return False

    def _report(self, now: datetime) -> Heartbeat:
        disk = self._machine.disk()
        reserve = reserve_of(disk, self._machine.reserve())
        days_left = forecast(self._database.read(disk_samples.listing), disk, reserve)
        return Heartbeat(
            version=self._machine.version,
            started_at=self._started_at,
            sent_at=now,
            receiver_open=self._machine.receiver_open(),
            queue=self._database.read(queue_of),
            disk=Disk(free=disk.free, total=disk.total, reserve=reserve, days_left=days_left),
            scanners=self._database.read(_scanners),
        )

    def _note(self, answer: HeartbeatAcknowledged, now: datetime) -> None:
        skew = (answer.server_time - now).total_seconds()
        self._database.write(lambda tx: service.heartbeat(tx, now, skew))
        known = self._database.read(configuration.find)
        if known is None or known.etag != answer.configuration_etag:
            self._configuration_changed()


def queue_of(tx: Transaction) -> Queue:
    """Return how many uploads are in which state; counts nothing, however long the backlog."""
    counts = counters.deliveries(tx, deliveries.WORKS)
    return Queue(
        held=counts[State.HELD],
        waiting=counts[State.WAITING],
        sending=counts[State.SENDING],
        parked=counts[State.PARKED],
        unreadable=counters.instances(tx)["unreadable"],
        oldest_waiting_since=deliveries.oldest(tx, deliveries.WORKS, State.WAITING),
    )


def _scanners(tx: Transaction) -> tuple[Scanner, ...]:
    return tuple(
        Scanner(connection_id=one.works_id, last_seen_at=one.last_seen_at, last_image_at=one.last_image_at)
        for one in connections.live(tx)
        if one.kind is Kind.ULTRASOUND and one.works_id is not None
    )[:_MOST_SCANNERS]
