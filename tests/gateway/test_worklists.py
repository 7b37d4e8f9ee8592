"""Each server is asked by itself and on time; what it gave last stays, and Works is told the newest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from smartlink.gateway import connecting
from smartlink.gateway.calling import AssociationFailed, Layer, Peer, SendLimits
from smartlink.gateway.connections import Changes, Connection
from smartlink.gateway.errors import LicenceRevoked, TryAgain, Unreachable
from smartlink.gateway.settings import SmartLinkSettings
from smartlink.gateway.store import configuration, connections, worklists
from smartlink.gateway.store.configuration import FacilityConfiguration
from smartlink.gateway.store.database import Database
from smartlink.gateway.worklist import Answer, Answers, Asked, Key, QueryChanges
from smartlink.gateway.worklists import AFTER_A_FAILURE, Worklists, rules_of
from smartlink.link.connections import ConnectionDeleted, ConnectionStatus
from smartlink.link.problems import ProblemType
from smartlink.link.worklist import WorklistPut, WorklistTaken
from tests.gateway.conftest import START, SetClock
from tests.gateway.store.examples import a_worklist

DOWN = AssociationFailed(Layer.PORT, "Nothing listens.", "Check whether the PACS server runs.")
MINUTE = timedelta(minutes=1)


def answer(number: int, start: datetime = START) -> Answer:
    return Answer(
        {
            Key.PATIENT_NAME: "Zzyxpatient^Marker",
            Key.PATIENT_ID: str(number),
            Key.START_DATE: f"{start:%Y%m%d}",
            Key.START_TIME: f"{start:%H%M%S}",
        }
    )


@dataclass
class Hospital:
    """Every worklist server there is: gives these answers or fails, by its AE title; a held one hangs."""

    answers: dict[str, list[Answer] | AssociationFailed] = field(default_factory=dict)
    asked: list[tuple[str, Asked]] = field(default_factory=list)
    calling: set[str] = field(default_factory=set)
    held: dict[str, threading.Event] = field(default_factory=dict)
    meanwhile: Callable[[], None] = lambda: None

    def find(self, peer: Peer, asked: Asked, limits: SendLimits, stop: Callable[[], bool]) -> Answers:  # noqa: ARG002
        self.asked.append((peer.called_ae_title, asked))
        self.calling.add(peer.calling_ae_title)
        if peer.called_ae_title in self.held:
            self.held[peer.called_ae_title].wait(20)
        self.meanwhile()
        found = self.answers.get(peer.called_ae_title, [])
        if isinstance(found, AssociationFailed):
            raise found
        return Answers(found)

    def times(self, ae_title: str = "HOSPITAL") -> int:
        return sum(name == ae_title for name, _ in self.asked)


@dataclass
class WorksStandIn:
    """Works, as far as worklists need it."""

    told: list[tuple[UUID, WorklistPut]] = field(default_factory=list)
    failure: Exception | None = None

    def put_worklist(self, connection_id: UUID, worklist: WorklistPut) -> WorklistTaken:
        if self.failure is not None:
            raise self.failure
        self.told.append((connection_id, worklist))
        return WorklistTaken(connection_id=connection_id, items=len(worklist.items or ()))

    def delete_connection(self, connection_id: UUID) -> ConnectionDeleted:
        return ConnectionDeleted(id=connection_id)


@dataclass
class Clinic:
    """A gateway with its loop, turned by hand."""

    database: Database
    clock: SetClock
    hospital: Hospital = field(default_factory=Hospital)
    works: WorksStandIn = field(default_factory=WorksStandIn)
    settings: SmartLinkSettings = field(default_factory=SmartLinkSettings)
    licensed: bool = True

    def __post_init__(self) -> None:
        self.loop = Worklists(
            self.database,
            self.works,
            self.hospital.find,
            self.clock,
            licensed=lambda: self.licensed,
            revoked=self.revoke,
            rules=lambda: rules_of(self.settings),
            limits=SendLimits(),
        )

    def revoke(self) -> None:
        self.licensed = False

    def turn(self, by: timedelta = timedelta()) -> None:
        """Let time pass, ask what is due, and tell what came of it."""
        self.clock.move(by)
        self.loop.tick(self.clock())
        self.loop.join()
        self.loop.tick(self.clock())

    def known(self, server: Connection) -> worklists.Worklist:
        return self.database.read(worklists.live)[server.id]

    def patients(self, server: Connection) -> list[str]:
        return [one.patient_id for one in self.database.read(lambda tx: worklists.items(tx, server.id))]

    def reread(self, server: Connection) -> Connection:
        found = self.database.read(lambda tx: connections.find(tx, server.id))
        assert found is not None
        return found


@pytest.fixture
def clinic(database: Database, clock: SetClock) -> Iterator[Clinic]:
    specialty = uuid4()
    facility = FacilityConfiguration(None, specialty, "America/Bogota", {specialty: "Cardiology"}, START)
    database.write(lambda tx: configuration.put(tx, facility))
    made = Clinic(database, clock)
    yield made
    made.loop.close()


@pytest.mark.proves("R52", "R55", "R93")
def test_a_new_server_is_asked_at_once_and_then_every_five_minutes(clinic: Clinic) -> None:
    server = a_worklist(clinic.database)
    clinic.hospital.answers["HOSPITAL"] = [answer(7, START - timedelta(hours=5))]  # 23:00 in Bogota, the day before
    clinic.turn()
    (told,) = clinic.hospital.asked
    assert told[1].day_range == "20261123-20261124"
    assert clinic.hospital.calling == {"SMARTLINKWLSCU"}
    clinic.turn(4 * MINUTE)
    assert clinic.hospital.times() == 1
    clinic.turn(MINUTE)
    assert clinic.hospital.times() == 2
    ((works_id, put), _) = clinic.works.told
    assert (works_id, put.fetched_at) == (server.works_id, START)
    assert put.items is not None
    assert [one.start_at for one in put.items] == [START]
    assert clinic.reread(server).status is ConnectionStatus.ACTIVE


@pytest.mark.proves("R52")
def test_the_last_good_list_outlives_its_server_and_is_purged_by_the_clock(clinic: Clinic) -> None:
    server = a_worklist(clinic.database)
    clinic.hospital.answers["HOSPITAL"] = [answer(7, START - timedelta(hours=5))]
    clinic.turn()
    clinic.hospital.answers["HOSPITAL"] = DOWN
    with capture_logs() as logs:
        for _ in range(4):
            clinic.turn(5 * MINUTE)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["worklist_not_read"] * 4
    assert "Zzyx" not in str(logs)
    known = clinic.known(server)
    assert (known.fetched_at, known.failing_since) == (START, START + 5 * MINUTE)
    assert known.remedy == "Check whether the worklist server runs."
    assert clinic.patients(server) == ["7"]
    assert len(clinic.works.told) == 2  # the list, and that its server fails: not each time that it fails again
    _, put = clinic.works.told[-1]
    assert (put.fetched_at, put.failing_since, put.problem) == (START, START + 5 * MINUTE, "Nothing listens.")
    assert put.items is not None
    assert len(put.items) == 1
    clinic.turn(timedelta(hours=48))
    assert clinic.patients(server) == []
    clinic.hospital.answers["HOSPITAL"] = []
    clinic.turn(MINUTE)
    assert clinic.known(server).failing_since is None


def test_a_server_that_fails_is_asked_again_by_its_breaker_and_back_in_its_rhythm(clinic: Clinic) -> None:
    a_worklist(clinic.database)
    clinic.hospital.answers["HOSPITAL"] = DOWN
    clinic.turn()
    clinic.turn()
    assert clinic.hospital.times() == 1
    clinic.turn(timedelta(seconds=1))
    assert clinic.hospital.times() == 2
    clinic.hospital.answers["HOSPITAL"] = []
    clinic.turn(timedelta(seconds=30))
    clinic.turn(timedelta(seconds=31))
    assert clinic.hospital.times() == 3


def test_each_server_is_apart(clinic: Clinic) -> None:
    hanging, well = a_worklist(clinic.database, "HANGING"), a_worklist(clinic.database, "WELL")
    clinic.hospital.held["HANGING"] = threading.Event()
    clinic.hospital.answers["WELL"] = [answer(1)]
    clinic.loop.tick(clinic.clock())
    told = threading.Event()
    for _ in range(400):
        clinic.loop.tick(clinic.clock())
        if clinic.works.told:
            break
        told.wait(0.025)
    assert [works_id for works_id, _ in clinic.works.told] == [well.works_id]
    clinic.hospital.held["HANGING"].set()
    clinic.loop.join()
    clinic.turn()
    assert {works_id for works_id, _ in clinic.works.told} == {well.works_id, hanging.works_id}


def test_whoever_asks_is_not_kept_waiting_by_rhythm_or_breaker(clinic: Clinic) -> None:
    a_worklist(clinic.database, "WELL")
    a_worklist(clinic.database, "DOWN")
    clinic.hospital.answers["DOWN"] = DOWN
    clinic.turn()
    clinic.loop.ask()
    clinic.turn()
    assert (clinic.hospital.times("WELL"), clinic.hospital.times("DOWN")) == (2, 2)


def test_a_server_that_was_changed_is_asked_at_once(clinic: Clinic) -> None:
    server = a_worklist(clinic.database)
    clinic.turn()
    connecting.edit(clinic.database, server.id, Changes(query=QueryChanges(time_zone="Asia/Tokyo")), START)
    clinic.turn()
    (_, first), (_, second) = clinic.hospital.asked
    assert (first.day_range, second.day_range) == ("20261123-20261124", "20261124-20261125")
    connecting.edit(clinic.database, server.id, Changes(port=105), START)
    clinic.turn()
    assert clinic.hospital.times() == 3


@pytest.mark.proves("R86")
def test_nothing_of_a_deleted_server_is_kept_even_if_it_answers_meanwhile(clinic: Clinic) -> None:
    server = a_worklist(clinic.database)
    clinic.hospital.answers["HOSPITAL"] = [answer(7)]
    clinic.hospital.meanwhile = lambda: connecting.delete(clinic.database, clinic.works, server, START)
    clinic.turn()
    assert clinic.patients(server) == []
    assert clinic.works.told == []


def test_what_cannot_be_told_is_dropped_and_the_newest_is_told_later(clinic: Clinic) -> None:
    a_worklist(clinic.database)
    clinic.hospital.answers["HOSPITAL"] = [answer(1)]
    clinic.works.failure = Unreachable("Works is away.")
    with capture_logs() as logs:
        clinic.turn()
        clinic.turn(AFTER_A_FAILURE)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["worklist_not_told"]
    clinic.hospital.answers["HOSPITAL"] = [answer(2)]
    clinic.turn(5 * MINUTE)
    clinic.works.failure = None
    clinic.turn(AFTER_A_FAILURE)
    ((_, put),) = clinic.works.told
    assert put.items is not None
    assert [one.patient_id for one in put.items] == ["2"]


def test_a_server_that_works_does_not_take_holds_up_no_other(clinic: Clinic) -> None:
    a_worklist(clinic.database, "A")
    a_worklist(clinic.database, "B")
    clinic.works.failure = TryAgain("No.", kind=ProblemType.CONNECTION_UNKNOWN)
    with capture_logs() as logs:
        clinic.turn()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["worklist_not_taken"] * 2


def test_without_licence_nobody_is_asked(clinic: Clinic) -> None:
    a_worklist(clinic.database)
    clinic.licensed = False
    clinic.turn()
    assert clinic.hospital.asked == []
    clinic.licensed = True
    clinic.works.failure = LicenceRevoked("Revoked.")
    clinic.turn()
    assert not clinic.licensed


def test_works_hears_nothing_of_a_server_that_it_does_not_have(clinic: Clinic) -> None:
    server = a_worklist(clinic.database)
    clinic.database.write(lambda tx: connections.forgotten_by_works(tx, server.id, START))
    clinic.turn()
    assert clinic.works.told == []
    known = clinic.reread(server)
    clinic.database.write(lambda tx: connections.acknowledged(tx, replace(known), uuid4(), 1))
    clinic.turn()
    assert len(clinic.works.told) == 1
