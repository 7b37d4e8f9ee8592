"""The gateway killed with SIGKILL again and again: every Success is in Works exactly once, unchanged."""

from __future__ import annotations

import hashlib
import random
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.exam import data_set_bytes
from smartlink.demo.programs import wait_for
from tests.faults.stream import Stream
from tests.real import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.counting import CountingDoor
    from tests.real.world import Cloud, Gateway

pytestmark = pytest.mark.faults

INSTANCES_PER_KILL = 24
DRAIN_SECONDS = 100.0


@pytest.mark.timeout(240)
@pytest.mark.proves("R100", "R151", "R152")
def test_ten_kills_lose_nothing_and_repeat_at_most_one_for_each(
    cloud: Cloud, gateway: Gateway, door: CountingDoor, uid: Callable[[], str]
) -> None:
    survive(cloud, gateway, door, uid, kills=10, seed=20261124)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_a_thousand_kills_lose_nothing(
    cloud: Cloud, gateway: Gateway, door: CountingDoor, uid: Callable[[], str]
) -> None:
    for hundred in range(10):
        survive(cloud, gateway, door, uid, kills=100, seed=hundred)


def survive(
    cloud: Cloud, gateway: Gateway, door: CountingDoor, uid: Callable[[], str], *, kills: int, seed: int
) -> None:
    """Send a stream, kill at random moments, and compare what was answered with what Works holds."""
    study = uid()
    sent = {
        one.sop_instance_uid: one for one in (samples.small(uid(), study) for _ in range(kills * INSTANCES_PER_KILL))
    }
    stream = Stream(gateway.target, list(sent.values()))
    stream.start()
    try:
        kill_at_random(gateway, stream, kills, random.Random(seed))
        wait_for(stream.finished, DRAIN_SECONDS, "everything is answered")
    finally:
        stream.stop()
    wait_for(gateway.nothing_is_waiting, DRAIN_SECONDS, "the gateway has nothing left to send", pause=0.2)
    journey = cloud.arrived(study, len(sent), DRAIN_SECONDS)
    assert sorted(stream.answered) == sorted(sent), "each was answered Success once"
    assert stream.refused == []
    arrived = [stop.sop_instance_uid for stop in journey.stops]
    assert sorted(arrived) == sorted(stream.answered), "each Success is present once, and nothing else is"
    for stop in journey.stops:
        expected = sent[stop.sop_instance_uid].data_set
        assert stop.dataset_sha256 == hashlib.sha256(expected).hexdigest()
        assert data_set_bytes(cloud.object(stop.object_key)) == expected
    assert journey.conflicts == journey.repeats == ()
    assert stream.repeats <= kills, "an answer is lost at most once per kill"
    assert door.repeats([stop.object_key for stop in journey.stops]) <= kills, (
        "an object is put again at most once per kill"
    )


def kill_at_random(gateway: Gateway, stream: Stream, kills: int, chance: random.Random) -> None:
    """Kill the gateway at seeded points of the stream, each time between two looks at it, and start it again."""
    program = gateway.stage.gateway
    for kill in range(kills):
        at = kill * INSTANCES_PER_KILL + chance.randrange(2, INSTANCES_PER_KILL)
        wait_for(partial(stream.has_begun, at), 60, f"C-STORE number {at} begins", pause=0.001)
        threading.Event().wait(chance.uniform(0, 0.03))  # the moment itself is left to chance: that is the test
        program.kill()
        gateway.stage.start_gateway()
    gateway.stage.open_dicom_port()
