"""Gateway and Works killed while an exam goes to the PACS: each image is there, and once more at most for each kill."""

from __future__ import annotations

import random
import threading
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import wait_for
from smartlink.works.exams.submission import resend
from tests.real import samples
from tests.real.orders import actor, connect, deliveries, submitted, until_sent
from tests.real.pacs import Storescp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.real.world import Gateway

pytestmark = [pytest.mark.faults, pytest.mark.requires("storescp")]

IMAGES_PER_KILL = 4
PATIENCE = 100.0
"""Seconds: a command that was handed to a gateway just killed comes again after its lease of a minute."""


@pytest.mark.timeout(300)
@pytest.mark.proves("R151", "R152")
def test_kills_amid_c_stores_and_downloads_lose_nothing_and_repeat_at_most_one_for_each(
    own_gateway: Gateway, uid: Callable[[], str], tmp_path: Path
) -> None:
    survive(own_gateway, uid, tmp_path, kills=10, seed=20261124)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_hundreds_of_kills_on_the_way_out_lose_nothing(
    own_gateway: Gateway, uid: Callable[[], str], tmp_path: Path
) -> None:
    for ten in range(25):
        survive(own_gateway, uid, tmp_path / str(ten), kills=10, seed=ten)


def survive(gateway: Gateway, uid: Callable[[], str], folder: Path, *, kills: int, seed: int) -> None:
    """Deliver an exam from the scanner's files and once more by downloads, with so many kills in each."""
    study, chance = uid(), random.Random(seed)
    images = [samples.small(uid(), study) for _ in range(kills * IMAGES_PER_KILL)]
    wanted = {one.sop_instance_uid for one in images}
    with Storescp(folder / "pacs") as pacs:
        connect(gateway, pacs.up())
        with samples.association(gateway.target) as ultrasound:
            assert {ultrasound.store(one) for one in images} == {0}
        gateway.arrived(study, len(images))
        exam = submitted(gateway, study)
        kill_at_random(gateway, pacs, chance, kills, len(images))
        until_sent(gateway, exam)
        first = pacs.count()
        _each_once(first, wanted, repeats=kills)
        (delivery,) = deliveries(gateway, exam)
        resend(gateway.cloud.access, actor(gateway), delivery.head.id, datetime.now(UTC))
        kill_at_random(gateway, pacs, chance, kills, len(images))
        until_sent(gateway, exam, 2)
        _each_once(pacs.count() - first, wanted, repeats=kills)


def kill_at_random(gateway: Gateway, pacs: Storescp, chance: random.Random, kills: int, images: int) -> None:
    """Kill at seeded points of the way, Works every fifth time, and start it again each time."""
    begun = _received(pacs)
    for kill in range(kills):
        amid = begun + min(kill * IMAGES_PER_KILL + chance.randrange(1, IMAGES_PER_KILL), images - 1)
        wait_for(partial(_has_received, pacs, amid), PATIENCE, f"{amid} images are at the PACS", pause=0.001)
        threading.Event().wait(chance.uniform(0, 0.03))  # the moment itself is left to chance: that is the test
        if kill % 5 == 4:
            gateway.cloud.stage.works.kill()
            gateway.cloud.stage.start_works()
        else:
            gateway.stage.gateway.kill()
            gateway.stage.start_gateway()
    gateway.stage.open_dicom_port()


def _received(pacs: Storescp) -> int:
    return sum(1 for _ in pacs.files.iterdir())


def _has_received(pacs: Storescp, count: int) -> bool:
    return _received(pacs) >= count


def _each_once(received: Counter[str], wanted: set[str], *, repeats: int) -> None:
    assert set(received) == wanted, "nothing is lost"
    assert received.total() - len(wanted) <= repeats, "an image is sent again at most once per kill"
