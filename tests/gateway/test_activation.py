"""A licence key becomes this gateway's credential; each outcome has its words."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.activation import Activator, NotActivated, Outcome, write_private
from smartlink.gateway.delivery import State
from smartlink.gateway.errors import TryAgain
from smartlink.gateway.store import configuration, connections, counters, licences
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.deliveries import WORKS
from smartlink.gateway.uplink.http import new_client
from smartlink.gateway.uplink.works import Account, WorksClient
from smartlink.link import licence_key, paths
from smartlink.link.assertion import load_private, public_text
from smartlink.link.connections import Connection, ConnectionStatus, Kind
from smartlink.link.problems import ProblemType
from tests.gateway.conftest import START, SetClock
from tests.gateway.fake_works import PROXY_PAGE, FakeWorks, Reply, problem
from tests.gateway.store.examples import an_instance, an_ultrasound
from tests.gateway.store.test_orders import an_item, ordered, wanted


def nobody() -> Account:
    raise TryAgain("There is no licence yet.")


@pytest.fixture
def activator(database: Database, clock: SetClock, tmp_path: Path) -> Iterator[Activator]:
    with new_client() as http:
        client = WorksClient(http, nobody, clock)
        yield Activator(database, client, tmp_path / "credential.pem", "0.1.0", "Linux")


@pytest.mark.proves("R28", "R31")
def test_an_accepted_key_brings_credential_licence_and_configuration(
    activator: Activator, database: Database, works: FakeWorks, tmp_path: Path
) -> None:
    typed = works.key.lower().replace("-", " ")
    activation = activator.activate(typed, works.url, START)
    licence = database.read(licences.find)
    assert licence is not None
    assert licence.is_active
    assert licence.gateway_id == activation.gateway_id
    pair = load_private((tmp_path / "credential.pem").read_bytes())
    assert works.gateways == {activation.gateway_id: public_text(pair)}
    known = database.read(configuration.find)
    assert known is not None
    assert known.default_specialty_id == works.specialty_id


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_the_credential_is_for_this_account_only(tmp_path: Path) -> None:
    write_private(tmp_path / "credential.pem", b"one")
    write_private(tmp_path / "credential.pem", b"two")
    assert (tmp_path / "credential.pem").read_bytes() == b"two"
    assert stat.S_IMODE((tmp_path / "credential.pem").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["credential.pem"]


@pytest.mark.proves("R30", "R31")
def test_a_typing_error_is_caught_without_asking_works(activator: Activator, works: FakeWorks) -> None:
    wrong = works.key[:-1] + ("0" if works.key[-1] != "0" else "1")
    with pytest.raises(NotActivated, match="typing error") as refusal:
        activator.activate(wrong, works.url, START)
    assert refusal.value.outcome is Outcome.INVALID
    assert works.calls == []


@pytest.mark.proves("R31")
@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (problem(ProblemType.LICENCE_UNKNOWN), Outcome.INVALID),
        (problem(ProblemType.LICENCE_REVOKED), Outcome.REVOKED),
        (problem(ProblemType.LICENCE_IN_USE), Outcome.IN_USE),
        (problem(ProblemType.VERSION_UNSUPPORTED), Outcome.UNREACHABLE),
        (PROXY_PAGE, Outcome.UNREACHABLE),
        (None, Outcome.UNREACHABLE),
    ],
)
def test_each_refusal_has_its_outcome_and_changes_nothing(
    activator: Activator, database: Database, works: FakeWorks, tmp_path: Path, reply: Reply | None, outcome: Outcome
) -> None:
    works.disturb(paths.ACTIVATE, reply)
    with capture_logs() as lines, pytest.raises(NotActivated) as refusal:
        activator.activate(works.key, works.url, START)
    assert refusal.value.outcome is outcome
    assert str(refusal.value).endswith(".")
    assert not (tmp_path / "credential.pem").exists()
    licence = database.read(licences.find)
    assert licence is not None
    assert not licence.is_active
    assert works.key not in str(lines)


def test_an_unknown_key_is_invalid(activator: Activator, works: FakeWorks) -> None:
    with capture_logs(), pytest.raises(NotActivated, match="does not know this key"):
        activator.activate(licence_key.generate(), works.url, START)


def at_works(works: FakeWorks, **changes: object) -> Connection:
    """A connection as Works has it."""
    known = Connection(
        id=uuid4(),
        version=2,
        kind=Kind.ULTRASOUND,
        name="Cart 1",
        ae_title="US01",
        host="192.0.2.7",
        specialty_ids=(works.specialty_id,),
        status=ConnectionStatus.ACTIVE,
    )
    return known.model_copy(update=changes)


@pytest.mark.proves("R41")
def test_connections_are_restored_where_there_were_none(
    activator: Activator, database: Database, works: FakeWorks
) -> None:
    works.restorable.append(at_works(works))
    activator.activate(works.key, works.url, START)
    (restored,) = database.read(connections.live)
    assert (restored.name, restored.is_in_works, restored.is_pending) == ("Cart 1", True, False)


@pytest.mark.proves("R41", "R63")
def test_after_a_lost_catalogue_scanners_are_again_what_works_had_of_them(
    activator: Activator, database: Database, works: FakeWorks
) -> None:
    """The start-up scan has registered the scanner of the images in the spool before anybody could activate."""
    scanner = an_ultrasound(database)
    works.restorable += [at_works(works), at_works(works, kind=Kind.PACS, ae_title="ARCHIVE", port=104)]
    activator.activate(works.key, works.url, START)
    found = {str(one.ae_title): one for one in database.read(connections.live)}
    assert set(found) == {"ARCHIVE", "US01"}
    assert (found["US01"].id, found["US01"].name, found["US01"].is_in_works) == (scanner.id, "Cart 1", True)
    assert found["US01"].specialty_ids == (works.specialty_id,)


@pytest.mark.proves("R35")
def test_images_of_one_facility_never_become_another_ones(
    activator: Activator, database: Database, works: FakeWorks
) -> None:
    activator.activate(works.key, works.url, START)
    scanner = an_ultrasound(database)
    database.write(lambda tx: connections.acknowledged(tx, scanner, scanner.id, 1))
    an_instance(database, 1, origin=scanner.id)
    activator.activate(works.key, works.url, START)
    (same,) = database.read(connections.live)
    assert same.is_in_works
    works.facility_id = uuid4()
    activator.activate(works.key, works.url, START)
    (foreign,) = database.read(connections.live)
    assert not foreign.is_in_works
    assert database.read(lambda tx: counters.deliveries(tx, WORKS))[State.WAITING] == 1
    instance = database.read(lambda tx: tx.execute("SELECT connection_id FROM instance").fetchone())
    assert instance["connection_id"] is None


@pytest.mark.proves("R35")
def test_what_was_ordered_from_a_former_identity_never_resumes_and_images_do(
    activator: Activator, database: Database, works: FakeWorks
) -> None:
    """Works has put those deliveries into the Outbox when the key was regenerated."""
    activator.activate(works.key, works.url, START)
    scanner = an_ultrasound(database)
    database.write(lambda tx: connections.acknowledged(tx, scanner, scanner.id, 1))
    an_instance(database, 1, origin=scanner.id)
    ordered(database, an_item(1))
    assert wanted(database)
    activator.activate(works.key, works.url, START)
    assert wanted(database) == []
    assert database.read(lambda tx: counters.deliveries(tx, WORKS))[State.WAITING] == 1
    (same,) = [one for one in database.read(connections.live) if one.id == scanner.id]
    assert same.is_in_works
