"""A file cut short in the spool is no image: it is set aside and told, never taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import wait_for
from tests.real import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.real.world import Cloud, Gateway

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("cut", [0, 100, 128, 400, -1], ids=["empty", "mark", "preamble", "meta", "one byte short"])
def test_a_file_cut_short_goes_to_incomplete_and_is_reported(
    cut: int, cloud: Cloud, gateway: Gateway, uid: Callable[[], str]
) -> None:
    study = uid()
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(samples.small(uid(), study)) == 0
    cloud.arrived(study, 1)
    gateway.stage.gateway.stop()
    (whole,) = gateway.spool_files()
    short = whole.with_name("0" * len(whole.name))
    short.write_bytes(whole.read_bytes()[:cut])
    gateway.stage.start_gateway()
    wait_for(lambda: not short.exists(), 30, "the file is out of the spool", pause=0.1)
    set_aside = [path for path in (gateway.data / "incomplete").rglob("*") if path.is_file()]
    assert len(set_aside) == 1
    wait_for(lambda: "incomplete" in gateway.logs(), 10, "the log tells of it")
    gateway.stage.open_dicom_port()
    wait_for(gateway.nothing_is_waiting, 20, "nothing of it is sent", pause=0.2)
    assert len(cloud.journey(study).stops) == 1
