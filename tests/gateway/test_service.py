"""The service follows licence and settings, ends in order, and says when a part of it died."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.catalogue import Catalogue, Description, Doorkeeper
from smartlink.gateway.delivery import State
from smartlink.gateway.loop import Loop
from smartlink.gateway.service import Parts, Service, Standing, parts_wanted
from smartlink.gateway.settings import SmartLinkSettings
from smartlink.gateway.settling import Settling, play_back
from smartlink.gateway.store import configuration, counters, deliveries, licences, service, settings
from smartlink.gateway.store.configuration import FacilityConfiguration
from smartlink.gateway.store.database import Database, Transaction
from smartlink.gateway.store.deliveries import WORKS
from smartlink.gateway.store.journal import Journal
from smartlink.gateway.store.spool import Spool
from tests.gateway.conftest import START, Keep, SetClock
from tests.gateway.store.examples import an_instance
from tests.gateway.store.test_licences import an_activation


@dataclass
class Door:
    """A receiver that only says what was done to it."""

    settings: SmartLinkSettings
    refuse: bool = False
    alive: bool = False
    closed: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return self.settings.port or 40000

    @property
    def tls_port(self) -> int | None:
        return self.settings.tls_port

    def start(self) -> None:
        if self.refuse:
            raise OSError(98, "Address already in use")
        self.alive = True

    def close(self, drain_seconds: float) -> None:
        assert drain_seconds == 1.5
        self.alive = False
        self.closed.set()


class Idle:
    """Uploads that have nothing to do."""

    def close(self) -> None:
        """Nothing is under way."""


class Scene:
    """A service whose receiver and loops are watched."""

    def __init__(self, database: Database, spool: Spool, clock: SetClock) -> None:
        self.database = database
        self.clock = clock
        self.doors: list[Door] = []
        self.refuse_port = False
        self.released = False
        self.loops: list[Loop] = []
        self.catalogue = Catalogue(
            database, spool, lambda kept: Description(kept.sop_class_uid, kept.sop_instance_uid, "1.2.4", "1.2.5", {})
        )
        self.standing = Standing(database)
        journal = Journal(spool.folder.parent / "journal")
        self.service = Service(
            Parts(
                database=database,
                standing=self.standing,
                play_back=lambda: play_back(journal, spool, database),
                settling=Settling(journal, spool),
                catalogue=self.catalogue,
                doorkeeper=Doorkeeper(database),
                uploads=Idle(),
                loops=self.loops,
                open_receiver=self.open,
                release=self.release,
                drain_seconds=1.5,
                version="0.1.0",
                pid=1,
            ),
            clock,
        )

    def open(self, wanted: SmartLinkSettings) -> Door:
        self.doors.append(Door(wanted, self.refuse_port))
        return self.doors[-1]

    def release(self) -> None:
        self.released = True

    def activate(self) -> licences.Activation:
        activation = an_activation()
        self.database.write(lambda tx: licences.activate(tx, activation))
        return activation

    def set(self, **values: object) -> None:
        self.database.write(lambda tx: settings.put(tx, values, self.clock()))

    def tick(self) -> None:
        self.service.tick(self.clock.move(timedelta(seconds=1)))


@pytest.fixture
def scene(database: Database, spool: Spool, clock: SetClock) -> Iterator[Scene]:
    with capture_logs():
        yield Scene(database, spool, clock)


@pytest.mark.proves("R27", "R28")
def test_the_port_is_closed_without_a_licence_and_opens_with_one(scene: Scene) -> None:
    scene.tick()
    assert scene.doors == []
    assert parts_wanted(scene.standing) is None
    scene.activate()
    scene.tick()
    scene.tick()
    (door,) = scene.doors
    assert door.alive
    assert scene.service.receiver_open


@pytest.mark.proves("R34")
def test_a_revoked_licence_closes_the_port_and_keeps_everything(scene: Scene) -> None:
    scene.activate()
    an_instance(scene.database, 1)
    scene.tick()
    scene.standing.revoked(scene.clock())
    scene.standing.revoked(scene.clock())
    scene.tick()
    assert scene.doors[0].closed.wait(10)
    assert not scene.service.receiver_open
    assert scene.database.read(lambda tx: counters.deliveries(tx, WORKS))[State.WAITING] == 1


@pytest.mark.proves("R34")
def test_the_revocation_is_told_once(database: Database) -> None:
    standing = Standing(database)
    database.write(lambda tx: licences.activate(tx, an_activation()))
    standing.refresh()
    with capture_logs() as lines:
        standing.revoked(START)
        standing.revoked(START)
    assert [line["event"] for line in lines] == ["licence_revoked"]


@pytest.mark.proves("R94")
def test_a_new_port_or_ae_title_restarts_the_receiver(scene: Scene) -> None:
    scene.activate()
    scene.tick()
    scene.set(port=11112)
    scene.tick()
    scene.set(receiver_ae_title="CLINIC1")
    scene.tick()
    assert [(door.settings.receiver_ae_title, door.settings.port) for door in scene.doors] == [
        ("SMARTLINKRCVR", 5104),
        ("SMARTLINKRCVR", 11112),
        ("CLINIC1", 11112),
    ]
    assert all(door.closed.wait(10) for door in scene.doors[:2])
    scene.set(retention_hours=48, largest_instance_bytes=2**30)
    scene.tick()
    assert len(scene.doors) == 3
    assert scene.standing.largest_instance() == 2**30
    scene.set(allowed_ae_titles=["US01"])
    scene.tick()
    assert [door.settings.allowed_ae_titles for door in scene.doors[2:]] == [(), ("US01",)]
    assert scene.standing.retention() == timedelta(hours=48)


@pytest.mark.proves("R91")
def test_a_port_in_use_is_told_and_tried_again(scene: Scene) -> None:
    scene.activate()
    scene.database.write(lambda tx: service.started(tx, 1, "0.1.0", scene.clock()))
    scene.refuse_port = True
    scene.tick()
    scene.tick()
    found = scene.database.read(service.find)
    assert found is not None
    assert "5104" in (found.receiver_problem or "")
    scene.refuse_port = False
    scene.tick()
    opened = scene.database.read(service.find)
    assert opened is not None
    assert (opened.receiver_port, opened.receiver_problem) == (5104, None)


def test_an_orderly_end_drains_and_enters_what_was_told(scene: Scene, keep: Keep) -> None:
    scene.activate()
    turned = threading.Event()

    def tick(_now: object) -> bool:
        turned.set()
        return False

    scene.loops.append(Loop("one", tick, scene.clock))
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(scene.service.run()))
    thread.start()
    assert turned.wait(10)
    scene.catalogue.tell(keep("1.2.3.1"))
    scene.service.stop()
    thread.join(20)
    assert done == [0]
    assert scene.released
    assert scene.database.read(counters.instances)["kept"] == 1
    found = scene.database.read(service.find)
    assert found is not None
    assert found.stopped_at is not None


def test_a_loop_that_dies_ends_the_service_with_a_code(scene: Scene) -> None:
    def tick(_now: object) -> bool:
        raise RuntimeError("broken")

    scene.loops.append(Loop("broken", tick, scene.clock, died=scene.service.loop_died))
    assert scene.service.run() == 1
    assert scene.released


def test_a_receiver_that_dies_ends_the_service(scene: Scene) -> None:
    scene.activate()
    scene.tick()
    scene.doors[0].alive = False
    scene.tick()
    assert scene.service.run() == 1


@pytest.mark.proves("R151")
def test_a_start_takes_back_claims_and_takes_in_files_of_the_run_before(scene: Scene, keep: Keep) -> None:
    an_instance(scene.database, 1)
    scene.database.write(lambda tx: deliveries.claim(tx, WORKS, START, START + timedelta(hours=1), 1))
    keep("1.2.3.9")
    scene.service.stop()
    assert scene.service.run() == 0
    counts = scene.database.read(lambda tx: counters.deliveries(tx, WORKS))
    assert (counts[State.WAITING], counts[State.SENDING], counts[State.HELD]) == (1, 0, 1)


def test_the_bandwidth_limit_follows_the_facilitys_day(database: Database) -> None:
    def write(tx: Transaction) -> None:
        settings.put(tx, {"bandwidth_kbit_per_second": 8000, "bandwidth_from": 8, "bandwidth_until": 9}, START)
        configuration.put(tx, FacilityConfiguration(None, uuid4(), "Pacific/Auckland", {}, START))

    database.write(write)
    standing = Standing(database)
    standing.refresh()
    # Half past eight in the morning in Auckland, in summer.
    assert standing.bytes_per_second(datetime(2026, 1, 5, 19, 30, tzinfo=UTC)) == 1_000_000
    assert standing.bytes_per_second(datetime(2026, 1, 5, 8, 30, tzinfo=UTC)) is None


@pytest.mark.proves("R136")
def test_a_catalogue_that_fails_at_the_start_is_message_13_and_told_in_a_sentence(scene: Scene) -> None:
    scene.database.close()
    with capture_logs() as lines:
        assert scene.service.run() == 1
    assert scene.service.trouble == "The catalogue is closed."
    (line,) = [line for line in lines if line["event"] == "service_failed"]
    assert (line["message_number"], line["log_level"]) == (13, "critical")
