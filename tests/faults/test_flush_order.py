"""From a trace of system calls: data and name are flushed before Success leaves the machine."""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.real import samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.real.world import Gateway

pytestmark = [pytest.mark.faults, pytest.mark.requires("strace")]

CALLS = "openat,write,pwrite64,fsync,fdatasync,sendto,sendmsg,rename,renameat,renameat2,close"


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
def test_file_and_folder_are_flushed_before_success_is_sent(
    gateway: Gateway, tmp_path: Path, uid: Callable[[], str]
) -> None:
    study, out = uid(), tmp_path / "trace"
    with traced(gateway.stage.gateway.pid, out), samples.association(gateway.target) as ultrasound:
        for _ in range(3):
            assert ultrasound.store(samples.small(uid(), study)) == 0
    gateway.arrived(study, 3)
    calls = [line.split(maxsplit=1) for line in out.read_text(encoding="utf-8", errors="replace").splitlines()]
    acceptor = next(thread for thread, call in calls if "/spool/" in call and "O_EXCL" in call)
    own = [call for thread, call in calls if thread == acceptor]
    created = [number for number, call in enumerate(own) if "O_EXCL" in call and "/spool/" in call]
    assert len(created) == 3
    for number in created:
        path = re.search(r'openat\(.*?"([^"]*/spool/[0-9a-f]{2}/[^"]+)"', own[number])
        assert path is not None
        _in_order(own[number:], path.group(1))


def _in_order(calls: list[str], path: str) -> None:
    """After the file's last write come its flush and its folder's, and only then the answer."""
    folder = path.rsplit("/", 1)[0]
    answer = next(i for i, call in enumerate(calls) if _is_response(call))
    before = calls[:answer]
    last_write = max(i for i, call in enumerate(before) if call.startswith(("write(", "pwrite64(")) and path in call)
    flush = [i for i, call in enumerate(before) if call.startswith(("fsync(", "fdatasync(")) and f"{path}>" in call]
    folder_flush = [i for i, call in enumerate(before) if call.startswith("fsync(") and f"{folder}>" in call]
    assert flush, "the data is flushed before the answer"
    assert folder_flush, "the name is flushed before the answer"
    assert last_write < flush[-1]
    assert not any(call.startswith("rename") and path in call for call in calls), "its name is final"


def _is_response(call: str) -> bool:
    """Whether a P-DATA-TF PDU (PS3.8 9.3.5: type 4) is sent; the acceptor's thread sends nothing else on the way."""
    return re.match(r'send(to|msg)\(.*?"\\4\\0', call) is not None
