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

INSTANCES_PER_KILL = 8
DRAIN_SECONDS = 100.0


@pytest.mark.timeout(240)
@pytest.mark.proves("R151", "R152")
def test_thirty_kills_lose_nothing_and_repeat_at_most_one_for_each(
    cloud: Cloud, own_gateway: Gateway, door: CountingDoor, uid: Callable[[], str]
) -> None:
    survive(cloud, own_gateway, door, uid, kills=30, seed=20261124)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_five_hundred_kills_lose_nothing(
    cloud: Cloud, own_gateway: Gateway, door: CountingDoor, uid: Callable[[], str]
) -> None:
    for hundred in range(5):
        survive(cloud, own_gateway, door, uid, kills=100, seed=hundred)


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
        kill_at_random(gateway, stream, door, kills, random.Random(seed))
        stream.allow(len(sent))
        wait_for(stream.finished, DRAIN_SECONDS, "everything is answered")
    finally:
        stream.stop()
    wait_for(gateway.nothing_is_waiting, DRAIN_SECONDS, "the gateway has nothing left to send")
    journey = gateway.arrived(study, len(sent), DRAIN_SECONDS)
    gateway.forgo_pictures()
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


def kill_at_random(gateway: Gateway, stream: Stream, door: CountingDoor, kills: int, chance: random.Random) -> None:
    """Kill the gateway at seeded points, in turn amid C-STOREs and amid uploads, and start it again each time."""
    program = gateway.stage.gateway
    for kill in range(kills):
        first = kill * INSTANCES_PER_KILL
        amid = first + chance.randrange(2, INSTANCES_PER_KILL)
        if kill % 2:
            uploaded = door.total() + chance.randrange(1, INSTANCES_PER_KILL)
            stream.allow(first + INSTANCES_PER_KILL)
            wait_for(partial(_has_uploaded, gateway, door, uploaded), 60, "uploads are under way", pause=0.001)
        else:
            stream.allow(first + INSTANCES_PER_KILL)
            wait_for(partial(stream.has_answers, amid), 60, f"C-STORE number {amid} is answered", pause=0.001)
        threading.Event().wait(chance.uniform(0, 0.03))  # the moment itself is left to chance: that is the test
        program.kill()
        gateway.stage.start_gateway()
    gateway.stage.open_dicom_port()


def _has_uploaded(gateway: Gateway, door: CountingDoor, total: int) -> bool:
    """Whether so many objects went to the store, or there is nothing left to send."""
    return door.total() >= total or gateway.nothing_is_waiting()
