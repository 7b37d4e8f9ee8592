"""Gateway and Works killed with SIGKILL amid everything they do: each image is where it belongs, once and unchanged.

One gateway and one Works go through all of it. Works is `works run`, web and worker in one process, on a PostgreSQL
and an object storage that outlive it as they do in use. While it starts again the gateway is killed, too.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import LOOPBACK, wait_for
from smartlink.link.uploads import PART_SIZE
from smartlink.works.exams.submission import resend
from tests.faults.killing import (
    PATIENCE,
    Killer,
    fetched,
    in_pacs_once,
    in_works_once,
    queues_are_empty,
    recorded,
    same_bytes,
    verifying,
)
from tests.faults.line import Line
from tests.faults.stream import Stream
from tests.faults.test_large import with_pixels
from tests.real import samples
from tests.real.clouds import a_gateway
from tests.real.orders import actor, connect, deliveries, submitted, until_sent
from tests.real.pacs import Storescp
from tests.real.scu import Instance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.faults.counting import CountingDoor
    from tests.real.world import Cloud, Gateway

pytestmark = pytest.mark.faults

IN, LARGE, OUT, AGAIN = 24, 6, 10, 10
"""Kills in `make test`, 50 in all: amid what comes in, a large image, what goes to the PACS, and the same once more."""
SOAKED = 20
"""How often as many kills in `make soak`: 1,000 in all."""
AT_A_TIME = 6
PARTS = 5
IMAGES_PER_KILL = 4
PACS_SECONDS = 0.02
"""How long the PACS takes for an image: a kill hits one that is under way, and not an exam that is over."""


@pytest.fixture(scope="module")
def killed(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The gateway that is killed."""
    for gateway in a_gateway(cloud, tmp_path_factory):
        gateway.open()
        yield gateway


@pytest.mark.timeout(400)
@pytest.mark.proves("R151", "R152", "A13")
def test_kills_amid_c_stores_uploads_parts_confirms_and_ingest_lose_nothing(
    killed: Gateway, door: CountingDoor, uid: Callable[[], str]
) -> None:
    assert survive_receiving(killed, door, uid, random.Random(20261124)) == IN + LARGE


@pytest.mark.timeout(400)
@pytest.mark.requires("storescp")
@pytest.mark.proves("R151", "R152", "A13")
def test_kills_amid_downloads_and_c_stores_to_the_pacs_lose_nothing(
    killed: Gateway, uid: Callable[[], str], tmp_path: Path
) -> None:
    assert survive_sending(killed, uid, tmp_path, random.Random(20261124)) == OUT + AGAIN


@pytest.mark.soak
@pytest.mark.requires("storescp")
@pytest.mark.timeout(8 * 3600)
def test_a_thousand_kills_lose_nothing(
    cloud: Cloud,
    door: CountingDoor,
    uid: Callable[[], str],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    kills = 0
    for seed in range(SOAKED):
        for gateway in a_gateway(cloud, tmp_path_factory):
            gateway.open()
            chance = random.Random(seed)
            kills += survive_receiving(gateway, door, uid, chance)
            kills += survive_sending(gateway, uid, tmp_path / str(seed), chance)
    assert kills == 1000


def survive_receiving(gateway: Gateway, door: CountingDoor, uid: Callable[[], str], chance: random.Random) -> int:
    """Send a large image and a stream of small ones with kills amid both, and check all; return the kills."""
    killer, study, large_study = Killer(gateway, chance), uid(), uid()
    large = _of_size(samples.small(uid(), large_study), (PARTS - 1) * PART_SIZE + PART_SIZE // 2, chance)
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(large) == 0
    amid_parts = _kill_amid_parts(killer, door, large_study)
    killer.over()
    sent = {one.sop_instance_uid: one for one in (samples.small(uid(), study) for _ in range(IN * AT_A_TIME))}
    stream = Stream(gateway.target, list(sent.values()))
    stream.start()
    try:
        _kill_amid_stream(killer, stream, door)
        stream.allow(len(sent))
        wait_for(stream.finished, PATIENCE, "everything is answered")
    finally:
        stream.stop()
    killer.over()
    wait_for(gateway.nothing_is_waiting, PATIENCE, "the gateway has nothing left to send")
    assert sorted(stream.answered) == sorted(sent), "each was answered Success once"
    assert stream.refused == []
    stops = in_works_once(gateway, study, sent)
    (one,) = in_works_once(gateway, large_study, {large.sop_instance_uid: large})
    queues_are_empty(gateway)
    assert stream.repeats <= killer.gateways, "an answer is lost at most once per kill"
    assert door.repeats([stop.object_key for stop in stops]) <= killer.kills, "a PUT is repeated at most once per kill"
    (puts,) = (count for path, count in door.puts.items() if path.endswith(one.object_key))
    assert PARTS <= puts <= PARTS + amid_parts, "a part is put again only if its answer was lost"
    return killer.kills


def _kill_amid_parts(killer: Killer, door: CountingDoor, study: str) -> int:
    """Kill gateway and Works in turn while parts go up, and then while Works reads what they make.

    Return how many kills hit a gateway that put parts.
    """
    gateway = killer.gateway
    amid_parts = 0

    def all_there() -> bool:
        return verifying(gateway) > 0 or gateway.journey(study).count("ingested") > 0

    for kill in range(LARGE):
        killer.works_is_up()
        if kill < LARGE - 2:
            killer.grown(door.total, 1, "parts go up", over=all_there)
        else:
            killer.when(all_there, "Works reads the image")
        if kill % 2:
            killer.kill_works()
        else:
            amid_parts += kill < LARGE - 2
            killer.kill_gateway()
    return amid_parts


def _kill_amid_stream(killer: Killer, stream: Stream, door: CountingDoor) -> None:
    """Kill in pairs Works and, while it starts, the gateway; then the gateway alone while Works catches up."""
    gateway, pairs = killer.gateway, IN // 4
    for kill in range(IN):
        gateway.forgo_pictures()
        allowed = (kill + 1) * AT_A_TIME
        if kill < 2 * pairs and kill % 2 == 0:
            killer.works_is_up()
            counted = door.total if kill % 4 else partial(recorded, gateway)
            stream.allow(allowed)
            killer.grown(counted, AT_A_TIME // 2, "Works has uploads to confirm and to take in")
            killer.kill_works()
        elif kill % 2:
            amid = allowed - killer.chance.randrange(1, AT_A_TIME)
            stream.allow(allowed)
            killer.when(partial(stream.has_answers, amid), f"C-STORE number {amid} is answered")
            killer.kill_gateway()
        else:
            killer.works_is_up()
            stream.allow(allowed)
            killer.grown(door.total, AT_A_TIME // 2, "uploads are under way")
            killer.kill_gateway()


def survive_sending(gateway: Gateway, uid: Callable[[], str], folder: Path, chance: random.Random) -> int:
    """Deliver an exam from the scanner's files and again by downloads, with kills amid both; return the kills.

    The second order is first told to a gateway that is killed before it writes it down.
    """
    killer, study = Killer(gateway, chance), uid()
    images = (samples.small(uid(), study) for _ in range(max(OUT, AGAIN) * IMAGES_PER_KILL))
    sent = {one.sop_instance_uid: one for one in images}
    with Storescp(folder / "pacs") as pacs, Line((LOOPBACK, pacs.port), delay_seconds=PACS_SECONDS) as line:
        connect(gateway, replace(pacs.up(), port=line.port))
        with samples.association(gateway.target) as ultrasound:
            assert {ultrasound.store(one) for one in sent.values()} == {0}
        in_works_once(gateway, study, sent)
        exam = submitted(gateway, study)
        _kill_amid_delivery(killer, pacs, OUT, len(sent))
        until_sent(gateway, exam)
        first = pacs.count()
        in_pacs_once(first, sent, kills=OUT)
        (delivery,) = deliveries(gateway, exam)
        order = partial(resend, gateway.cloud.access, actor(gateway), delivery.head.id, datetime.now(UTC))
        killer.kill_gateway_when_told(order)
        _kill_amid_delivery(killer, pacs, AGAIN - 1, len(sent))
        until_sent(gateway, exam, 2)
        in_pacs_once(pacs.count() - first, sent, kills=AGAIN)
        same_bytes(pacs, sent)
        queues_are_empty(gateway)
    return killer.kills


def _kill_amid_delivery(killer: Killer, pacs: Storescp, kills: int, images: int) -> None:
    """Kill Works amid downloads, as far as there are any, and the gateway amid downloads and C-STOREs."""
    gateway = killer.gateway
    begun = _received(pacs)

    def over() -> bool:
        return _received(pacs) >= begun + images

    for kill in range(kills):
        if kill == 0 or (kill % 3 == 0 and gateway.cloud.stage.works_answers()):
            killer.works_is_up()
            killer.grown(lambda: fetched(gateway) + _received(pacs), 2, "images are on their way", over=over)
            killer.kill_works()
        else:
            killer.grown(partial(_received, pacs), IMAGES_PER_KILL // 2, "images reach the PACS", over=over)
            killer.kill_gateway()
    killer.over()


def _received(pacs: Storescp) -> int:
    """How many images the PACS has begun to receive."""
    return sum(1 for _ in pacs.files.iterdir())


def _of_size(small: Instance, length: int, chance: random.Random) -> Instance:
    """The same image with so many bytes of pixels, each part of them another one."""
    header, length = with_pixels(small, length)
    data_set = header + chance.randbytes(length)
    return Instance(small.sop_class_uid, small.sop_instance_uid, small.transfer_syntax_uid, data_set)
