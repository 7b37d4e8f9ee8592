"""The running service: opens and closes the receiver as licence and settings say, turns the loops, ends in order.

This is the one place besides the command line that asks the real clock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.loop import Loop, stop_all, turn
from smartlink.gateway.messages import Message
from smartlink.gateway.retry import Outage
from smartlink.gateway.settings import SmartLinkSettings, administrator_settings
from smartlink.gateway.store import configuration, deliveries, licences, service, settings

if TYPE_CHECKING:
    from smartlink.gateway.catalogue import Catalogue, Doorkeeper
    from smartlink.gateway.loop import Clock
    from smartlink.gateway.settling import Settling
    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()

_TICK_SECONDS: Final = 0.5
_BEAT: Final = timedelta(seconds=5)
_LOOP_SECONDS: Final = 90.0
_JOURNAL_LOOPS: Final = {"files", "journal"}
_FAR_FUTURE: Final = datetime(9999, 1, 1, tzinfo=UTC)


class Receiver(Protocol):
    """The DICOM port."""

    @property
    def port(self) -> int | None:
        """The plain port really bound; None without one."""

    @property
    def tls_port(self) -> int | None:
        """The TLS port really bound; None without one."""

    @property
    def alive(self) -> bool:
        """Whether the port is open and answered."""

    def start(self) -> None:
        """Open the port; OSError when it cannot be had."""

    def close(self, drain_seconds: float) -> None:
        """Close the port at once, let associations in progress end."""


class Closing(Protocol):
    """Something that has work under way and can wait for its end."""

    def close(self) -> None:
        """Wait for the work under way."""


class Standing:
    """Licence and settings as the catalogue has them, read once a tick and given to all who ask."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.licence: licences.Licence = database.write(licences.ensure)
        self.settings: SmartLinkSettings = administrator_settings(database.read(settings.all_values))
        self._zone: tzinfo = UTC

    def refresh(self) -> None:
        """Read both anew: the command line may have changed them."""
        self.licence = self._database.read(licences.find) or self.licence
        self.settings = administrator_settings(self._database.read(settings.all_values))
        facility = self._database.read(configuration.find)
        self._zone = UTC if facility is None else _zone(facility.time_zone)

    def licensed(self) -> bool:
        """Whether the services may run (R27)."""
        return self.licence.is_active

    def retry_works(self) -> timedelta:
        """The interval between attempts of a failed upload."""
        return timedelta(minutes=self.settings.retry_works_minutes)

    def retention(self) -> timedelta:
        """How long an image stays after its receipt."""
        return timedelta(hours=self.settings.retention_hours)

    def bytes_per_second(self, now: datetime) -> int | None:
        """How fast transfers to and from Works may go at this hour of the facility's day; None is no limit."""
        return self.settings.bytes_per_second(now.astimezone(self._zone))

    def reserve(self) -> int | None:
        """The free space to be left; None means the default."""
        return self.settings.disk_reserve_bytes

    def largest_instance(self) -> int:
        """The most bytes that one instance may have."""
        return self.settings.largest_instance_bytes

    def revoked(self, now: datetime) -> None:
        """Works no longer accepts this gateway: close, keep everything, say so once (R34)."""
        gateway_id = self.licence.gateway_id
        if gateway_id is not None and self._database.write(lambda tx: licences.revoke(tx, gateway_id, now)):
            log.error("licence_revoked", gateway_id=str(gateway_id), action="Enter the new license key.")
        self.refresh()


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a running service, as `build` puts them together."""

    database: Database
    standing: Standing
    play_back: Callable[[], object]
    """Brings back from the journal what has no file of its own yet."""
    settling: Settling
    catalogue: Catalogue
    doorkeeper: Doorkeeper
    uploads: Closing
    loops: Sequence[Loop]
    open_receiver: Callable[[SmartLinkSettings], Receiver]
    release: Callable[[], None]
    """Lets go of everything at the very end: connections, lock, log file."""
    drain_seconds: float
    version: str
    pid: int
    ending: Callable[[], None] = _nothing
    """Told first when the service ends: transfers that would take long end at once."""


class Service:
    """One run of the service. `run` blocks until `stop` is called or a loop dies, and returns the exit code."""

    def __init__(self, parts: Parts, now: Clock) -> None:
        self._parts = parts
        self._now = now
        self._stop = threading.Event()
        self._dead: str | None = None
        self.trouble: str | None = None
        """Why it ended, in a sentence for a person, if a person can do something about it."""
        self._receiver: Receiver | None = None
        self._opened_for: SmartLinkSettings | None = None
        self._draining: list[threading.Thread] = []
        self._next_beat: datetime | None = None
        self._port_trouble = Outage(lambda: timedelta(minutes=5))

    def stop(self) -> None:
        """Ask the service to end in order; may be called from a signal handler."""
        self._stop.set()

    def loop_died(self, name: str) -> None:
        """A loop died: end, so that whoever supervises this process starts it anew."""
        self._dead = name
        self._stop.set()

    @property
    def receiver_open(self) -> bool:
        """Whether the DICOM port is open."""
        return self._receiver is not None

    def run(self) -> int:
        """Serve until told to stop. 0 after an orderly end, 1 when something died."""
        parts = self._parts
        try:
            self._begin()
            for loop in parts.loops:
                loop.start()
            turn(self.tick, self._now, self._stop, _TICK_SECONDS)
        except StoreFailed as error:
            log.fatal("service_failed", **Message.NOT_STORED_LOCALLY.fields, why=str(error))
            self._dead, self.trouble = "service", str(error)
        except Exception as error:  # noqa: BLE001  the top of the main loop
            log.fatal("service_failed", error=type(error).__name__)
            self._dead = "service"
        self._end()
        return 0 if self._dead is None else 1

    def tick(self, now: datetime) -> bool:
        """Bring the receiver in line with licence and settings, and say that the service lives."""
        parts = self._parts
        try:
            parts.standing.refresh()
            parts.doorkeeper.refresh()
            self._follow(now)
            if self._next_beat is None or now >= self._next_beat:
                self._next_beat = now + _BEAT
                parts.database.write(lambda tx: service.beat(tx, now))
        except StoreFailed as error:
            # The catalogue's own loop reports it as message 13; the next look may succeed.
            log.error("catalogue_not_read", why=str(error))
        return False

    def _begin(self) -> None:
        parts, now = self._parts, self._now()

        def write(tx: Transaction) -> int:
            service.started(tx, parts.pid, parts.version, now)
            # Nobody else runs on this data folder: whatever is claimed was claimed by a service that died.
            return deliveries.expire_leases(tx, now, _FAR_FUTURE)

        left_over = parts.database.write(write)
        log.info("service_started", version=parts.version, licence=parts.standing.licence.state, left_over=left_over)
        parts.play_back()
        parts.catalogue.scan(now)

    def _follow(self, now: datetime) -> None:
        wanted = parts_wanted(self._parts.standing)
        if self._receiver is not None and not self._receiver.alive:
            log.fatal("receiver_died")
            self.loop_died("receiver")
            return
        known = self._opened_for
        if wanted is known or (wanted is not None and known is not None and wanted.receiver == known.receiver):
            return
        if self._receiver is not None:
            self._close_receiver(now)
        if wanted is not None:
            self._open_receiver(wanted, now)

    def _open_receiver(self, wanted: SmartLinkSettings, now: datetime) -> None:
        database = self._parts.database
        receiver = self._parts.open_receiver(wanted)
        try:
            receiver.start()
        except OSError as error:
            port = error.filename or wanted.port
            problem = f"Port {port} cannot be opened: {error.strerror or type(error).__name__}."
            if self._port_trouble.should_be_told(now):
                log.error("receiver_not_opened", port=port, why=problem, action="Free the port or set another one.")
                database.write(lambda tx: service.receiver_closed(tx, problem, now))
            return
        self._port_trouble.is_over()
        self._receiver, self._opened_for = receiver, wanted
        ports = receiver.port, receiver.tls_port
        database.write(lambda tx: service.receiver_open(tx, wanted.receiver_ae_title, ports, now))
        log.info("receiver_opened", ae_title=wanted.receiver_ae_title, port=ports[0], tls_port=ports[1])

    def _close_receiver(self, now: datetime) -> None:
        """Close the port at once; associations in progress end beside, so that a new port opens without waiting."""
        receiver, self._receiver, self._opened_for = self._receiver, None, None
        if receiver is None:
            return
        drain = threading.Thread(target=receiver.close, args=(self._parts.drain_seconds,), name="drain", daemon=True)
        drain.start()
        self._draining = [thread for thread in self._draining if thread.is_alive()] + [drain]
        self._parts.database.write(lambda tx: service.receiver_closed(tx, None, now))
        log.info("receiver_closed")

    def _end(self) -> None:
        parts = self._parts
        try:
            parts.ending()
            self._close_receiver(self._now())
            for drain in self._draining:
                drain.join(parts.drain_seconds * 2 + 5)
            stuck = stop_all(parts.loops, _LOOP_SECONDS)
            parts.uploads.close()
            # A loop of the journal that hangs may still write to it: the next start plays back what is left.
            settled = not _JOURNAL_LOOPS & set(stuck) and parts.settling.finish(self._now())
            complete = parts.catalogue.finish(self._now()) and settled
            now = self._now()
            parts.database.write(lambda tx: service.stopped(tx, now))
            log.info("service_stopped", died=self._dead, stuck=stuck, catalogue_complete=complete)
        except StoreFailed as error:
            # The spool has everything; the scan at the next start takes it in.
            log.error("service_stopped", died=self._dead, why=str(error))
        finally:
            parts.release()


def parts_wanted(standing: Standing) -> SmartLinkSettings | None:
    """Return the settings by which to listen, or None when the port is to be closed (R27)."""
    return standing.settings if standing.licensed() else None
