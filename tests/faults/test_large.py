"""An instance of 1 GB streams through: the gateway's memory does not grow with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real import samples
from tests.real.scu import Instance

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.real.world import Cloud, Gateway

pytestmark = pytest.mark.faults

GIB = 1 << 30
PIECE = 4 << 20
MOST_MEMORY_KB = 40 * 1024


def memory(pid: int, name: str) -> int:
    """A line of /proc/PID/status in kB: VmRSS is now, VmHWM the highest since it was last reset."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


@pytest.mark.timeout(240)
def test_an_instance_of_one_gigabyte_needs_no_more_than_forty_megabytes(
    cloud: Cloud, own_gateway: Gateway, uid: Callable[[], str]
) -> None:
    gateway, study = own_gateway, uid()
    small = samples.small(uid(), study)
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(samples.small(uid(), study)) == 0
    gateway.arrived(study, 1)
    pid = gateway.stage.gateway.pid
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    idle = memory(pid, "VmRSS")
    header, length = with_pixels(small, GIB)
    large = Instance(small.sop_class_uid, small.sop_instance_uid, small.transfer_syntax_uid, header)
    with samples.association(gateway.target) as ultrasound:
        ultrasound.begin(large)
        ultrasound.data(large, header, is_last=False)
        for _ in range(length // PIECE):
            ultrasound.data(large, b"\x7f" * PIECE, is_last=False)
        ultrasound.data(large, b"", is_last=True)
        assert ultrasound.status() == 0
    received = memory(pid, "VmHWM") - idle
    journey = gateway.arrived(study, 2, seconds=180)
    uploaded = memory(pid, "VmHWM") - idle
    assert received < MOST_MEMORY_KB
    assert uploaded < MOST_MEMORY_KB
    gateway.forgo_pictures()
    size = sum(cloud.size(stop.object_key) for stop in journey.stops)
    assert size > GIB


def with_pixels(small: Instance, length: int) -> tuple[bytes, int]:
    """The Data Set up to its pixels, which are announced with another length."""
    at = small.data_set.index(b"\xe0\x7f\x10\x00OB\0\0")
    return small.data_set[:at] + b"\xe0\x7f\x10\x00OB\0\0" + length.to_bytes(4, "little"), length
