"""Connections as a person adds, edits, verifies and deletes them."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from smartlink.gateway import connecting
from smartlink.gateway.calling import Peer
from smartlink.gateway.connections import Approval, Changes, Connection
from smartlink.gateway.delivery import State
from smartlink.gateway.errors import GiveUp, LicenceRevoked, Refused, TryAgain, Unreachable
from smartlink.gateway.messages import Message
from smartlink.gateway.store import configuration, connections, counters, deliveries, settings
from smartlink.gateway.store.configuration import FacilityConfiguration
from smartlink.gateway.store.database import Database
from smartlink.link.connections import ConnectionDeleted, ConnectionStatus, Kind
from smartlink.link.problems import ProblemType
from tests.gateway.conftest import START
from tests.gateway.store.examples import an_instance, an_ultrasound

CARDIOLOGY, RADIOLOGY = uuid4(), uuid4()
TYPED = Changes(name="Archive", ae_title="ARCHIVE", host="192.0.2.9", port=104, specialty_ids=(CARDIOLOGY,))


class WorksStandIn:
    """Works, as far as deleting needs it: deletes, or fails as told."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.deleted: list[UUID] = []

    def delete_connection(self, connection_id: UUID) -> ConnectionDeleted:
        if self.failure is not None:
            raise self.failure
        self.deleted.append(connection_id)
        return ConnectionDeleted(id=connection_id)


@pytest.fixture
def site(database: Database) -> Database:
    """A gateway whose settings were saved, at a facility with two specialties."""
    facility = FacilityConfiguration(
        etag=None,
        default_specialty_id=CARDIOLOGY,
        time_zone="Europe/Madrid",
        specialties={CARDIOLOGY: "Cardiology", RADIOLOGY: "Radiology"},
        fetched_at=START,
    )
    database.write(lambda tx: configuration.put(tx, facility))
    database.write(lambda tx: settings.put(tx, {"port": 5104}, START))
    return database


@pytest.fixture
def pacs(site: Database) -> Connection:
    return connecting.add_pacs(site, TYPED, START)


def only(database: Database) -> Connection:
    (connection,) = database.read(connections.live)
    return connection


@pytest.mark.proves("R45", "R48", "R49")
def test_a_pacs_is_added_as_typed_and_inactive(site: Database, pacs: Connection) -> None:
    assert only(site) == pacs
    assert pacs.status is ConnectionStatus.INACTIVE


@pytest.mark.proves("R49")
def test_a_pacs_that_was_tested_before_is_active_from_the_start(site: Database) -> None:
    connecting.add_pacs(site, TYPED, START, verified=True)
    assert (only(site).status, only(site).verified_at) == (ConnectionStatus.ACTIVE, START)


@pytest.mark.proves("R43")
def test_before_the_settings_are_saved_no_pacs_is_added(database: Database) -> None:
    with pytest.raises(Refused, match="Complete SmartLink Settings first"):
        connecting.add_pacs(database, TYPED, START)


@pytest.mark.proves("R87")
@pytest.mark.parametrize("ae_title", ["US01", "us01", " US01 "])
def test_an_ae_title_that_is_taken_is_refused_with_message_12(site: Database, ae_title: str) -> None:
    an_ultrasound(site, "US01")
    with capture_logs() as logs, pytest.raises(Refused, match="US01"):
        connecting.add_pacs(site, replace(TYPED, ae_title=ae_title), START)
    assert [line["message"] for line in logs] == [Message.POSSIBLE_DUPLICATE_CONNECTION.text]


@pytest.mark.proves("R87", "A10", "R70")
def test_an_edit_cannot_take_anothers_ae_title_but_keep_its_own(site: Database, pacs: Connection) -> None:
    an_ultrasound(site, "US01")
    with pytest.raises(Refused, match="US01"):
        connecting.edit(site, pacs.id, Changes(ae_title="us01"), START)
    assert connecting.edit(site, pacs.id, Changes(ae_title="Archive"), START).ae_title == "Archive"


@pytest.mark.proves("R49")
def test_an_edit_of_the_port_makes_it_inactive_and_a_test_active_again(site: Database, pacs: Connection) -> None:
    assert connecting.verified(site, pacs, START)
    assert only(site).status is ConnectionStatus.ACTIVE
    after = connecting.edit(site, pacs.id, Changes(port=105), START)
    assert only(site).status is ConnectionStatus.INACTIVE
    assert not connecting.verified(site, pacs, START)
    assert connecting.verified(site, after, START)


def test_an_edit_that_changes_nothing_is_no_news(site: Database, pacs: Connection) -> None:
    before = only(site)
    assert connecting.edit(site, pacs.id, Changes(name="Archive"), START) == before
    assert only(site).revision == before.revision


def test_a_connection_is_found_by_id_ae_title_or_name(site: Database, pacs: Connection) -> None:
    for which in (str(pacs.id), "archive", " Archive "):
        assert connecting.find(site, which).id == pacs.id
    connecting.add_pacs(site, replace(TYPED, name="Archive", ae_title="SECOND"), START)
    assert connecting.find(site, "Archive").id == pacs.id
    connecting.edit(site, pacs.id, Changes(ae_title="FIRST"), START)
    with pytest.raises(Refused, match="AE title"):
        connecting.find(site, "Archive")
    with pytest.raises(Refused, match="no connection"):
        connecting.find(site, "nothing")


def test_specialties_are_named_by_name_or_id(site: Database) -> None:
    assert connecting.specialties(site, ["radiology", str(CARDIOLOGY)]) == (RADIOLOGY, CARDIOLOGY)
    with pytest.raises(Refused, match="Cardiology, Radiology"):
        connecting.specialties(site, ["Dermatology"])


def test_an_ultrasound_system_is_not_called(site: Database, pacs: Connection) -> None:
    assert connecting.peer_of(pacs, "SMARTLINKSNDR") == Peer("192.0.2.9", 104, "ARCHIVE", "SMARTLINKSNDR")
    with pytest.raises(Refused, match="it calls us"):
        connecting.peer_of(an_ultrasound(site), "SMARTLINKSNDR")


@pytest.mark.proves("R83", "R84", "R86")
def test_a_deleted_pacs_is_gone_on_both_sides_and_nothing_waits_for_it(site: Database, pacs: Connection) -> None:
    instance = an_instance(site, 1)
    site.write(lambda tx: deliveries.add(tx, instance, str(pacs.id), None, State.WAITING, START))
    assert connecting.pending(site, pacs) == 1
    works = WorksStandIn()
    connecting.delete(site, works, pacs, START)
    assert works.deleted == [pacs.id]
    assert site.read(connections.live) == []
    counts = site.read(lambda tx: counters.deliveries(tx, str(pacs.id)))
    assert counts[State.WAITING] == 0
    assert counts[State.CANCELLED] == 1
    assert connecting.add_pacs(site, TYPED, START).id != pacs.id


@pytest.mark.proves("R85", "R136")
@pytest.mark.parametrize(
    "failure", [Unreachable("No answer."), TryAgain("A proxy."), GiveUp("No.", "Ask."), LicenceRevoked("A newer key.")]
)
def test_what_works_does_not_delete_stays_with_message_7(site: Database, pacs: Connection, failure: Exception) -> None:
    with capture_logs() as logs, pytest.raises(Refused, match="stays"):
        connecting.delete(site, WorksStandIn(failure), pacs, START)
    assert [(line["message"], line["log_level"]) for line in logs] == [("Failed to Delete Connection", "error")]
    assert only(site) == pacs


@pytest.mark.proves("R84")
def test_what_works_does_not_know_is_deleted_here(site: Database, pacs: Connection) -> None:
    unknown = TryAgain("Unknown.", status=404, kind=ProblemType.CONNECTION_UNKNOWN)
    connecting.delete(site, WorksStandIn(unknown), pacs, START)
    assert site.read(connections.live) == []


@pytest.mark.proves("R86")
def test_an_ultrasound_system_whose_images_are_held_is_not_deleted(site: Database) -> None:
    scanner = an_ultrasound(site)
    an_instance(site, 1, origin=scanner.id, state=State.HELD)
    works = WorksStandIn()
    with pytest.raises(Refused, match="wait until the connection is approved and added"):
        connecting.delete(site, works, scanner, START)
    assert works.deleted == []
    assert only(site).kind is Kind.ULTRASOUND


@pytest.mark.proves("R67")
def test_an_administrator_blocks_and_approves_an_ultrasound_system(site: Database, pacs: Connection) -> None:
    us01 = an_ultrasound(site)
    connecting.block(site, us01, START)
    blocked = connecting.find(site, "US01")
    assert (blocked.approval, blocked.status) == (Approval.BLOCKED, ConnectionStatus.INACTIVE)
    assert blocked.status_words == "Blocked"
    assert us01.id not in {one.id for one in site.read(lambda tx: connections.to_push(tx, START))}
    with pytest.raises(Refused, match="blocked already"):
        connecting.block(site, blocked, START)
    connecting.approve(site, blocked, START)
    approved = connecting.find(site, "US01")
    assert (approved.approval, approved.status) == (Approval.APPROVED, ConnectionStatus.ACTIVE)
    assert us01.id in {one.id for one in site.read(lambda tx: connections.to_push(tx, START))}
    with pytest.raises(Refused, match="Only ultrasound systems"):
        connecting.block(site, pacs, START)


@pytest.mark.proves("R67")
def test_works_is_told_that_a_scanner_it_has_was_blocked(site: Database) -> None:
    us01 = an_ultrasound(site)
    site.write(lambda tx: connections.acknowledged(tx, us01, us01.id, 1))
    connecting.block(site, us01, START)
    (told,) = site.read(lambda tx: connections.to_push(tx, START))
    assert told.status is ConnectionStatus.INACTIVE
