"""The sign of life comes at once, then every minute, and carries counts and times only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.delivery import State
from smartlink.gateway.heartbeat import Machine, Pulse
from smartlink.gateway.intake import DiskSpace
from smartlink.gateway.store import connections, disk_samples, service
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.disk_samples import Sample
from smartlink.link import paths
from smartlink.link.problems import ProblemType
from tests.gateway.conftest import START, SetClock
from tests.gateway.fake_works import PROXY_PAGE, FakeWorks, problem
from tests.gateway.store.examples import an_instance, an_ultrasound
from tests.gateway.uplink.examples import signed_in


class Around:
    """What the heartbeat asks and tells."""

    licensed = True
    asked = 0

    def revoke(self) -> None:
        self.licensed = False

    def ask(self) -> None:
        self.asked += 1


@pytest.fixture
def around() -> Around:
    return Around()


@pytest.fixture
def pulse(database: Database, works: FakeWorks, clock: SetClock, around: Around) -> Iterator[Pulse]:
    works.now = clock
    machine = Machine("0.1.0", lambda: DiskSpace(total=100, free=40), lambda: 7, lambda: True)
    with signed_in(works, clock) as client:
        yield Pulse(
            database,
            client,
            machine,
            START,
            licensed=lambda: around.licensed,
            revoked=around.revoke,
            configuration_changed=around.ask,
        )


@pytest.mark.proves("R114")
def test_it_beats_at_once_and_then_every_minute(pulse: Pulse, works: FakeWorks, clock: SetClock) -> None:
    for _ in range(61):
        pulse.tick(clock())
        clock.move(timedelta(seconds=1))
    assert len(works.heartbeats) == 2


def test_it_says_how_the_gateway_does(pulse: Pulse, works: FakeWorks, database: Database, clock: SetClock) -> None:
    scanner = an_ultrasound(database)
    database.write(lambda tx: connections.acknowledged(tx, scanner, scanner.id, 1))
    an_instance(database, 1, origin=scanner.id)
    an_instance(database, 2, origin=scanner.id, state=State.HELD)
    pulse.tick(clock())
    (beat,) = works.heartbeats
    assert (beat["queue"]["waiting"], beat["queue"]["held"]) == (1, 1)
    assert beat["queue"]["oldest_waiting_since"].startswith("2026-11-24T04:00:00")
    assert beat["disk"] == {"free": 40, "total": 100, "reserve": 7, "days_left": None}
    assert [one["connection_id"] for one in beat["scanners"]] == [str(scanner.id)]
    assert database.read(service.find_link).last_heartbeat_at == clock()


@pytest.mark.proves("R114")
def test_it_says_when_the_disk_is_full_as_the_last_week_went(
    pulse: Pulse, works: FakeWorks, database: Database, clock: SetClock
) -> None:
    for hour in range(49):
        sample = Sample(START + timedelta(hours=hour), 40 + 48 - hour)
        database.write(lambda tx, sample=sample: disk_samples.add(tx, sample, START))  # type: ignore[misc]
    pulse.tick(clock())
    assert works.heartbeats[0]["disk"]["days_left"] == pytest.approx(33 / 24)


def test_a_missed_beat_marks_the_outage_and_the_next_one_its_end(
    pulse: Pulse, works: FakeWorks, database: Database, clock: SetClock
) -> None:
    works.disturb(paths.HEARTBEAT, PROXY_PAGE)
    with capture_logs():
        pulse.tick(clock())
    assert database.read(service.find_link).failing_since == START
    pulse.tick(clock.move(timedelta(minutes=1)))
    assert database.read(service.find_link).failing_since is None


@pytest.mark.proves("R96")
def test_a_new_configuration_is_asked_for(pulse: Pulse, around: Around, clock: SetClock) -> None:
    pulse.tick(clock())
    assert around.asked == 1


@pytest.mark.proves("R34")
def test_a_revoked_gateway_falls_silent(pulse: Pulse, works: FakeWorks, around: Around, clock: SetClock) -> None:
    works.disturb(paths.HEARTBEAT, problem(ProblemType.LICENCE_REVOKED))
    with capture_logs():
        pulse.tick(clock())
    assert not around.licensed
    pulse.tick(clock.move(timedelta(minutes=5)))
    assert works.heartbeats == []
