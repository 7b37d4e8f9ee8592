"""The configuration comes hourly or when asked; connections go at once; held images follow them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from smartlink.gateway import connecting
from smartlink.gateway.connections import Approval, Connection
from smartlink.gateway.delivery import State
from smartlink.gateway.messages import Message
from smartlink.gateway.store import configuration, connections, counters, deliveries, service
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.deliveries import WORKS
from smartlink.gateway.synchronisation import Synchronisation
from smartlink.link import paths
from smartlink.link.connections import ConnectionStatus
from smartlink.link.problems import ProblemType
from tests.gateway.conftest import START, SetClock
from tests.gateway.fake_works import PROXY_PAGE, FakeWorks, Reply, problem
from tests.gateway.store.examples import a_pacs, an_instance, an_ultrasound
from tests.gateway.uplink.examples import signed_in

FETCH = f"GET {paths.CONFIGURATION}"


class Standing:
    """Whether there is a licence."""

    licensed = True

    def revoke(self) -> None:
        self.licensed = False


@pytest.fixture
def standing() -> Standing:
    return Standing()


@pytest.fixture
def synchronisation(
    database: Database, works: FakeWorks, clock: SetClock, standing: Standing
) -> Iterator[Synchronisation]:
    works.now = clock
    with signed_in(works, clock) as client:
        yield Synchronisation(database, client, licensed=lambda: standing.licensed, revoked=standing.revoke)


def states(database: Database) -> dict[State, int]:
    return {state: n for state, n in database.read(lambda tx: counters.deliveries(tx, WORKS)).items() if n}


def only(database: Database) -> Connection:
    (connection,) = database.read(connections.live)
    return connection


@pytest.mark.proves("R96", "R99")
def test_the_configuration_is_fetched_hourly_and_when_asked(
    synchronisation: Synchronisation, database: Database, works: FakeWorks, clock: SetClock
) -> None:
    synchronisation.tick(clock())
    synchronisation.tick(clock.move(timedelta(minutes=59)))
    assert works.calls.count(FETCH) == 1
    synchronisation.tick(clock.move(timedelta(minutes=1)))
    assert works.calls.count(FETCH) == 2
    synchronisation.ask()
    synchronisation.tick(clock())
    assert works.calls.count(FETCH) == 3
    assert database.read(service.find_link).last_sync_at == clock()
    known = database.read(configuration.find)
    assert known is not None
    assert known.specialties == {works.specialty_id: "Cardiology"}


def test_a_failed_fetch_is_tried_again_soon_and_keeps_the_old(
    synchronisation: Synchronisation, database: Database, works: FakeWorks, clock: SetClock
) -> None:
    synchronisation.tick(clock())
    works.disturb(paths.CONFIGURATION, PROXY_PAGE)
    with capture_logs():
        synchronisation.tick(clock.move(timedelta(hours=1)))
    assert database.read(configuration.find) is not None
    synchronisation.tick(clock.move(timedelta(seconds=30)))
    assert database.read(service.find_link).last_sync_at == clock()


@pytest.mark.proves("R40", "R66")
def test_a_new_connection_goes_to_works_and_its_images_are_released(
    synchronisation: Synchronisation, database: Database, works: FakeWorks, clock: SetClock
) -> None:
    scanner = an_ultrasound(database)
    for number in range(3):
        an_instance(database, number, origin=scanner.id, state=State.HELD)
    synchronisation.tick(clock())
    assert works.connections[scanner.id]["ae_title"] == "US01"
    assert only(database).is_in_works
    assert states(database) == {State.WAITING: 3}


@pytest.mark.proves("R67")
@pytest.mark.parametrize("approval", [Approval.BLOCKED, Approval.WAITING])
def test_nothing_is_released_of_who_is_not_approved(
    synchronisation: Synchronisation, database: Database, clock: SetClock, approval: Approval
) -> None:
    scanner = an_ultrasound(database)
    an_instance(database, 1, origin=scanner.id, state=State.HELD)
    database.write(lambda tx: connections.acknowledged(tx, scanner, scanner.id, 1))  # as after `adopt`
    database.write(lambda tx: connections.judge(tx, only(database), approval, clock()))
    with capture_logs() as lines:
        synchronisation.tick(clock())
    assert states(database) == {State.HELD: 1}
    assert "held_released" not in {line["event"] for line in lines}
    # Blocked after somebody looked:
    assert database.write(lambda tx: deliveries.release_held(tx, scanner.id, clock(), 9)) == 0
    database.write(lambda tx: connections.judge(tx, only(database), Approval.APPROVED, clock()))
    synchronisation.tick(clock())
    assert states(database) == {State.WAITING: 1}


@pytest.mark.proves("R66", "R136")
def test_messages_8_and_11_say_that_images_wait_for_the_connection(
    synchronisation: Synchronisation, database: Database, works: FakeWorks, clock: SetClock
) -> None:
    scanner = an_ultrasound(database)
    an_instance(database, 1, origin=scanner.id, state=State.HELD)
    works.disturb("/connections/", PROXY_PAGE)
    with capture_logs() as lines:
        synchronisation.tick(clock())
    told = [line.get("message") for line in lines]
    assert Message.ADD_CONNECTION_FAILED.text in told
    assert Message.NOT_UPLOADED_UNTIL_ADDED.text in told
    assert states(database) == {State.HELD: 1}
    synchronisation.tick(clock.move(timedelta(seconds=30)))
    assert states(database) == {State.WAITING: 1}


@pytest.mark.proves("R87", "R136")
def test_message_12_points_to_a_duplicate_and_others_are_not_held_up(
    synchronisation: Synchronisation, database: Database, works: FakeWorks, clock: SetClock
) -> None:
    an_ultrasound(database, "US01")
    an_ultrasound(database, "US02")
    works.disturb("/connections/", problem(ProblemType.CONNECTION_DUPLICATE))
    with capture_logs() as lines:
        synchronisation.tick(clock())
    assert Message.POSSIBLE_DUPLICATE_CONNECTION.text in [line.get("message") for line in lines]
    assert sorted(one.is_in_works for one in database.read(connections.live)) == [False, True]


def test_a_connection_that_works_does_not_know_is_put_as_a_new_one(
    synchronisation: Synchronisation, database: Database, works: FakeWorks, clock: SetClock
) -> None:
    scanner = an_ultrasound(database)
    synchronisation.tick(clock())
    database.write(lambda tx: connections.seen(tx, scanner.id, "192.0.2.99", clock(), image=False))
    works.disturb("/connections/", problem(ProblemType.CONNECTION_UNKNOWN))
    with capture_logs():
        synchronisation.tick(clock())
    assert not only(database).is_in_works
    synchronisation.tick(clock.move(timedelta(seconds=30)))
    assert (only(database).is_in_works, only(database).works_version) == (True, 1)


@pytest.mark.proves("R34")
@pytest.mark.parametrize("reply", [problem(ProblemType.LICENCE_REVOKED)])
def test_revocation_is_noticed(
    synchronisation: Synchronisation, works: FakeWorks, clock: SetClock, standing: Standing, reply: Reply
) -> None:
    works.disturb(paths.CONFIGURATION, reply)
    with capture_logs():
        synchronisation.tick(clock())
    assert not standing.licensed
    calls = len(works.calls)
    synchronisation.tick(clock())
    assert len(works.calls) == calls


@pytest.mark.proves("R84")
def test_what_was_deleted_while_works_heard_of_it_is_deleted_there_as_soon_as_it_answers(
    synchronisation: Synchronisation, database: Database, works: FakeWorks, clock: SetClock
) -> None:
    added = an_ultrasound(database)
    synchronisation.tick(clock())
    database.write(lambda tx: connections.delete(tx, added.id, clock(), at_works=False))
    works.disturb(f"connections/{added.id}", PROXY_PAGE)
    synchronisation.tick(clock())
    assert works.deleted == []
    for _ in range(2):
        synchronisation.tick(clock())
    assert works.deleted == [added.id]
    assert works.connections == {}


@pytest.mark.proves("R67")
def test_a_scanner_that_waits_is_told_to_works_when_it_is_approved_and_its_images_follow(
    synchronisation: Synchronisation, database: Database, works: FakeWorks, clock: SetClock
) -> None:
    us01 = an_ultrasound(database)
    database.write(lambda tx: connections.judge(tx, us01, Approval.WAITING, clock()))
    an_instance(database, 1, origin=us01.id, state=State.HELD)
    synchronisation.tick(clock())
    assert not [call for call in works.calls if "/connections/" in call]
    assert states(database) == {State.HELD: 1}
    connecting.approve(database, only(database), clock())
    synchronisation.tick(clock.move(timedelta(seconds=1)))
    assert states(database) == {State.WAITING: 1}
    assert only(database).is_in_works


@pytest.mark.proves("R41", "R67")
def test_a_scanner_that_works_knows_from_before_a_reinstallation_need_not_wait(database: Database) -> None:
    us01 = an_ultrasound(database)
    database.write(lambda tx: connections.judge(tx, us01, Approval.WAITING, START))
    database.write(lambda tx: connections.adopt(tx, us01.id, us01, START))
    assert only(database).approval is Approval.APPROVED


@pytest.mark.proves("R98", "R103")
def test_a_specialty_that_is_removed_in_works_leaves_every_connection(
    synchronisation: Synchronisation, database: Database, works: FakeWorks, clock: SetClock
) -> None:
    us01, only_removed = an_ultrasound(database), a_pacs(database)
    both = a_pacs(database, "OTHER", specialty=works.specialty_id)
    database.write(
        lambda tx: connections.edit(tx, replace(both, specialty_ids=(works.specialty_id, uuid4())), clock(), news=False)
    )
    synchronisation.tick(clock())
    after = {one.id: one for one in database.read(connections.live)}
    assert after[us01.id].specialty_ids == ()  # the default one
    assert after[both.id].specialty_ids == (works.specialty_id,)
    assert after[only_removed.id].specialty_ids == only_removed.specialty_ids
    assert after[only_removed.id].status is ConnectionStatus.INACTIVE
    assert "specialty was removed" in (after[only_removed.id].problem or "")
    told = {key: one["specialty_ids"] for key, one in works.connections.items()}
    assert told == {us01.id: [str(works.specialty_id)], both.id: [str(works.specialty_id)]}
    works.etag = '"2"'
    synchronisation.ask()
    synchronisation.tick(clock.move(timedelta(seconds=1)))
    again = {one.id: one.revision for one in database.read(connections.live)}
    assert again == {key: one.revision for key, one in after.items()}
