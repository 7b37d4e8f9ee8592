"""The catalogue of a working gateway is spoilt: it says so, is repaired, and goes on; Works has each image once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smartlink.gateway.store.database import FILE_NAME
from tests.gateway.store.test_salvage import pages_of, spoil
from tests.real import samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.real.world import Gateway

pytestmark = [pytest.mark.faults, pytest.mark.night]


@pytest.mark.proves("R151", "R152")
def test_a_gateway_with_a_spoilt_catalogue_is_repaired_and_goes_on(
    own_gateway: Gateway, uid: Callable[[], str]
) -> None:
    gateway, program, study = own_gateway, own_gateway.stage.gateway, uid()
    send(gateway, study, uid, 3)
    gateway.arrived(study, 3)
    program.stop()
    spoil_the_images(gateway.data / FILE_NAME)
    assert "run `smartlink repair`" in program.command("run").stderr
    told = program.ask("repair")
    assert (told["rebuilt"], told["taken_in"], told["missing"]) == (True, 3, 0)
    assert told["taken_over"] == ["licence", "settings", "connections", "audit list"]
    gateway.stage.start_gateway()
    gateway.stage.open_dicom_port()
    send(gateway, study, uid, 1)
    journey = gateway.arrived(study, 4)
    assert journey.conflicts == journey.repeats == ()
    assert len({stop.sop_instance_uid for stop in journey.stops}) == len(journey.stops) == 4
    assert program.ask("status")["licence"]["state"] == "active"


def send(gateway: Gateway, study: str, uid: Callable[[], str], count: int) -> None:
    with samples.association(gateway.target) as ultrasound:
        for _ in range(count):
            assert ultrasound.store(samples.small(uid(), study)) == 0


def spoil_the_images(path: Path) -> None:
    spoil(path, *pages_of(path, "instance"), *pages_of(path, "delivery"))
