"""From a trace of system calls: an instance is flushed before Success leaves the machine."""

from __future__ import annotations

import re
import struct
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import wait_for
from smartlink.gateway.store.journal import LARGEST
from tests.real import samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.real.scu import Instance
    from tests.real.world import Gateway

pytestmark = [pytest.mark.faults, pytest.mark.requires("strace")]

CALLS = "openat,write,pwrite64,pwritev,pwritev2,fsync,fdatasync,sendto,sendmsg,rename,renameat,renameat2,close"


@contextmanager
def traced(pid: int, out: Path) -> Iterator[None]:
    """The process with all its threads under strace."""
    command = ["strace", "-f", "-y", "-p", str(pid), "-o", str(out), "-e", f"trace={CALLS}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
        assert tracer.stderr is not None
        assert b"attached" in tracer.stderr.readline()
        try:
            yield
        finally:
            tracer.terminate()
            tracer.wait(10)


@pytest.mark.proves("R151")
@pytest.mark.parametrize("times", [1, 100], ids=["through the journal", "by its own file"])
def test_every_instance_is_flushed_before_success_is_sent(
    gateway: Gateway, tmp_path: Path, uid: Callable[[], str], times: int
) -> None:
    study, out = uid(), tmp_path / "trace"
    small = samples.small(uid(), study)
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(small) == 0
    wait_for(lambda: any((gateway.data / "journal").iterdir()), 20, "the journal has a segment")
    wait_for(gateway.nothing_is_waiting, 20, "the journal has room")
    sent = [_larger(samples.small(uid(), study), times) for _ in range(3)]
    with traced(gateway.stage.gateway.pid, out), samples.association(gateway.target) as ultrasound:
        assert [ultrasound.store(one) for one in sent] == [0, 0, 0]
    gateway.arrived(study, 4)
    calls = [line.split(maxsplit=1) for line in out.read_text(encoding="utf-8", errors="replace").splitlines()]
    acceptor = next(thread for thread, call in calls if _is_response(call))
    own = [call for thread, call in calls if thread == acceptor]
    answers = [number for number, call in enumerate(own) if _is_response(call)]
    assert len(answers) == 3
    for before, answer in zip([0, *answers], answers, strict=False):
        _in_order(own[before:answer], through_journal=len(sent[0].data_set) <= LARGEST)


def _larger(instance: Instance, times: int) -> Instance:
    """The instance with a private element of so many times 20,000 bytes behind all others."""
    more = struct.pack("<HH2s2xI", 0x7FE1, 0x1010, b"OB", 20_000 * times) + bytes(20_000 * times)
    return replace(instance, data_set=instance.data_set + more)


def _in_order(calls: list[str], *, through_journal: bool) -> None:
    """After the last write comes a flush of the same file, and of its folder where it has a new name."""
    where = "/journal/" if through_journal else "/spool/"
    last_write = max(i for i, call in enumerate(calls) if call.startswith(_WRITES) and where in call)
    path = re.search(r"<([^>]+)>", calls[last_write])
    assert path is not None
    after = calls[last_write:]
    assert any(call.startswith("fdatasync(") and f"<{path.group(1)}>" in call for call in after), "bytes are flushed"
    if not through_journal:
        folder = path.group(1).rsplit("/", 1)[0]
        assert any(call.startswith("fsync(") and f"<{folder}>" in call for call in after), "the name is flushed"
    assert not any(call.startswith("rename") for call in calls), "names are final"


_WRITES = ("write(", "pwrite64(", "pwritev(", "pwritev2(")


def _is_response(call: str) -> bool:
    """Whether a P-DATA-TF PDU (PS3.8 9.3.5: type 4) is sent; the acceptor's thread sends nothing else on the way."""
    return re.match(r'send(to|msg)\(.*?"\\4\\0', call) is not None
