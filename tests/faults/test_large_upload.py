"""A large cine over a slow line that is cut three times, through a proxy with a password: each part is sent once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import LOOPBACK, wait_for
from smartlink.link.uploads import PART_SIZE
from tests.faults.line import Line
from tests.faults.test_large import MOST_MEMORY_KB, PIECE, memory, with_pixels
from tests.gateway.uplink.proxy import Proxy, running
from tests.real import samples
from tests.real.scu import Instance

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.counting import CountingDoor
    from tests.real.world import Cloud, Gateway

pytestmark = pytest.mark.faults

PASSWORD = "s3cret-w0rd"
CUTS = 3


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("length", "kbit_per_second"),
    [(96 << 20, 100_000), pytest.param(1 << 30, 20_000, marks=pytest.mark.soak)],
    ids=["100 MB", "1 GB at 20 Mbit/s"],
)
def test_a_large_cine_arrives_over_a_line_that_is_cut_three_times(
    cloud: Cloud,
    unlicensed: Gateway,
    door: CountingDoor,
    uid: Callable[[], str],
    length: int,
    kbit_per_second: int,
) -> None:
    gateway, study = unlicensed, uid()
    with running(Proxy("smartlink", PASSWORD)) as proxy, Line((LOOPBACK, proxy.port)) as line:
        settings = gateway.stage.gateway.settings
        settings["SMARTLINK_PROXY"] = f"http://smartlink:{PASSWORD}@{LOOPBACK}:{line.port}"
        gateway.open()
        gateway.stage.gateway.ask("settings", f"bandwidth_kbit_per_second={kbit_per_second}")
        pid = gateway.stage.gateway.pid
        idle = memory(pid, "VmRSS")
        _send(gateway, samples.small(uid(), study), length)
        for _ in range(CUTS):
            line.cut_after(length // (CUTS + 1))
            target = line.passed + length // (CUTS + 1)
            wait_for(lambda: line.passed >= target, 600, "the line is cut")  # noqa: B023  called at once
        (stop,) = gateway.arrived(study, 1, seconds=600).stops
        highest = memory(pid, "VmHWM")
        gateway.stage.gateway.stop()
    size = cloud.size(stop.object_key)
    puts = next(count for path, count in door.puts.items() if path.endswith(stop.object_key))
    assert size > length
    assert puts == -(-size // PART_SIZE)
    assert highest - idle < MOST_MEMORY_KB
    assert len(gateway.logged("uploads_recovered")) >= 1
    assert PASSWORD not in gateway.logs()
    gateway.forgo_pictures()


def _send(gateway: Gateway, small: Instance, length: int) -> None:
    header, length = with_pixels(small, length)
    large = Instance(small.sop_class_uid, small.sop_instance_uid, small.transfer_syntax_uid, header)
    with samples.association(gateway.target) as ultrasound:
        ultrasound.begin(large)
        ultrasound.data(large, header, is_last=False)
        for _ in range(length // PIECE):
            ultrasound.data(large, b"\x7f" * PIECE, is_last=False)
        ultrasound.data(large, b"", is_last=True)
        assert ultrasound.status() == 0
