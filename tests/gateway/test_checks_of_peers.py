"""What is said of peers that answer and of those that do not; the asking itself is tested where it is done."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from smartlink.gateway import checks_of_peers
from smartlink.gateway.calling import AssociationFailed, Layer, Peer
from smartlink.gateway.checks import Here
from smartlink.gateway.checks_of_peers import Way
from smartlink.gateway.diagnostics import Finding, State
from smartlink.gateway.errors import LicenceRevoked, TryAgain
from smartlink.gateway.settings import Deployment
from smartlink.gateway.store import licences, service, settings
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.spool import Spool
from smartlink.gateway.trial import Ended, Line, Step, Trial, broken, concluded
from smartlink.gateway.worklist import Query
from tests.gateway.conftest import START
from tests.gateway.store.examples import a_pacs, a_worklist
from tests.gateway.store.test_licences import an_activation


@dataclass
class Answers:
    """Peers that answer as a test wants."""

    way: Way = field(default_factory=lambda: Way("works.example answers in 5 ms", skew=timedelta(seconds=2)))
    wrong: Exception | None = None
    asked: Peer | None = None
    lines: tuple[Line, ...] = ()

    def works(self) -> Way:
        return self.way

    def storage(self) -> Way:
        return self.way

    def credential(self) -> None:
        if self.wrong is not None:
            raise self.wrong

    def echo(self, peer: Peer) -> float:
        self.asked = peer
        if self.wrong is not None:
            raise self.wrong
        return 0.004

    def worklist(self, peer: Peer, query: Query) -> Trial:
        assert query == Query()
        return self.pacs(peer) if self.wrong else concluded(peer, self.lines)

    def pacs(self, peer: Peer) -> Trial:
        self.asked = peer
        if isinstance(self.wrong, AssociationFailed):
            return broken(peer, [], self.wrong, Step.ASSOCIATION)
        return concluded(peer, [])


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def here(database: Database, spool: Spool, tmp_path: Path) -> Here:
    database.write(licences.ensure)
    return Here(Deployment(data=tmp_path / "data"), database, spool, START)


@pytest.fixture
def active(here: Here, database: Database) -> Here:
    """Activated, running and listening."""
    database.write(lambda tx: licences.activate(tx, an_activation()))
    database.write(lambda tx: service.started(tx, os.getpid(), "0.1.0", START))
    database.write(lambda tx: service.receiver_open(tx, "SMARTLINKRCVR", (33333, None), START))
    return here


def found(here: Here, answers: Answers, name: str) -> Finding:
    return next(one.look() for one in checks_of_peers.checks(here, answers) if one.name == name)


@pytest.mark.proves("R104")
def test_before_activation_nothing_of_works_can_be_said(here: Here, answers: Answers) -> None:
    for name in ("works", "credential", "storage", "contact", "clock"):
        assert found(here, answers, name).state is State.SKIPPED
    assert found(here, answers, "receiver").state is State.FAILED


@pytest.mark.proves("R104")
def test_all_is_well(active: Here, answers: Answers, database: Database) -> None:
    database.write(lambda tx: service.heartbeat(tx, START, 0.0))
    database.write(lambda tx: service.synchronised(tx, START))
    a_pacs(database)
    states = {one.name: one.look().state for one in checks_of_peers.checks(active, answers)}
    assert set(states.values()) == {State.OK}
    assert found(active, answers, "receiver").value == "SMARTLINKRCVR, port 33333, C-ECHO in 4 ms"
    assert answers.asked == Peer("127.0.0.1", 33333, "SMARTLINKRCVR", "SMARTLINKTEST")


@pytest.mark.proves("R104", "R105")
def test_the_cause_and_remedy_of_a_broken_way_are_passed_on(active: Here, answers: Answers) -> None:
    answers.way = Way("cannot be reached", "The name has no address (DNS).", "Check the name server.")
    for name in ("works", "storage"):
        told = found(active, answers, name)
        assert (told.state, told.cause, told.remedy) == (
            State.FAILED,
            "The name has no address (DNS).",
            "Check the name server.",
        )


@pytest.mark.parametrize(
    ("skew", "words", "state"),
    [(-61, "61 s ahead of Works", State.WARNING), (90, "90 s behind Works", State.WARNING), (59, "59 s", State.OK)],
)
def test_a_clock_that_is_wrong_by_more_than_a_minute_is_a_warning(
    active: Here, answers: Answers, skew: int, words: str, state: State
) -> None:
    answers.way = replace(answers.way, skew=timedelta(seconds=skew))
    told = found(active, answers, "clock")
    assert told.state is state
    assert words in told.value


def test_a_clock_is_judged_by_the_last_heartbeat_when_works_does_not_answer(
    active: Here, answers: Answers, database: Database
) -> None:
    answers.way = Way("cannot be reached", "No.", "Ask.")
    database.write(lambda tx: service.heartbeat(tx, START, 300.0))
    assert found(active, answers, "clock").state is State.WARNING


@pytest.mark.parametrize("wrong", [LicenceRevoked("A newer key was made."), TryAgain("No answer.")])
def test_a_credential_that_is_not_taken_says_why(active: Here, answers: Answers, wrong: Exception) -> None:
    answers.wrong = wrong
    assert found(active, answers, "credential").cause == str(wrong)


@pytest.mark.proves("R104")
def test_a_silent_way_to_works_is_seen_by_its_age(active: Here, answers: Answers, database: Database) -> None:
    database.write(lambda tx: service.heartbeat(tx, START, 0.0))
    assert found(active, answers, "contact").state is State.WARNING  # never synchronised
    late = replace(active, now=START + timedelta(minutes=6))
    assert "no sign of life" in found(late, answers, "contact").cause
    database.write(lambda tx: service.failing(tx, START, "No answer (ConnectError)."))
    assert found(active, answers, "contact").cause == "No answer (ConnectError)."


@pytest.mark.proves("R104")
def test_a_broken_pacs_is_named_with_its_step(active: Here, answers: Answers, database: Database) -> None:
    a_pacs(database)
    answers.wrong = AssociationFailed(Layer.PORT, "Nothing listens.", "Start the PACS server.")
    told = found(active, answers, "pacs")
    assert (told.state, told.value, told.remedy) == (State.FAILED, "broken at: port", "Start the PACS server.")


@pytest.mark.proves("R104")
def test_a_worklist_server_is_asked_as_test_connection_asks(active: Here, answers: Answers, database: Database) -> None:
    a_worklist(database)
    answers.lines = (Line(Step.FIND, Ended.OK, "C-FIND is answered with 3 scheduled steps."),)
    told = found(active, answers, "worklist")
    assert (told.state, told.value) == (State.OK, "Hospital: C-FIND is answered with 3 scheduled steps.")
    answers.lines = (Line(Step.FIND, Ended.WARNED, "It refuses.", remedy="Ask."),)
    told = found(active, answers, "worklist")
    assert (told.state, told.cause, told.remedy) == (State.WARNING, "It refuses.", "Ask.")
    answers.wrong = AssociationFailed(Layer.ASSOCIATION, "No.", "Ask.")
    assert found(active, answers, "worklist").state is State.FAILED
    assert answers.asked is not None
    assert answers.asked.calling_ae_title == "SMARTLINKWLSCU"


def test_a_port_that_keeps_this_machine_out_by_its_list_is_not_called_broken(
    active: Here, answers: Answers, database: Database
) -> None:
    answers.wrong = AssociationFailed(Layer.ABORTED, "It hung up.", "Look.")
    assert found(active, answers, "receiver").state is State.FAILED
    database.write(lambda tx: settings.put(tx, {"allowed_networks": ["10.0.0.0/8"]}, START))
    assert found(active, answers, "receiver").state is State.SKIPPED
    database.write(lambda tx: settings.put(tx, {"allowed_ae_titles": ["US01"]}, START))
    found(active, answers, "receiver")
    assert answers.asked is not None
    assert answers.asked.calling_ae_title == "US01"
