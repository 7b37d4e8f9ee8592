"""Many Associations at once, and peers that are killed in the middle: nothing of them is left behind."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import psutil
import pytest

from smartlink.demo.programs import wait_for
from smartlink.gateway.store.spool import Spool
from tests.gateway.dicom.caller import Caller

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

PROGRAMS = 4
UP_SECONDS = 60.0


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


class Crowd:
    """Programs that hold Associations with one port; any of them may be killed and another one come."""

    def __init__(self, stack: ExitStack, port: int, each: int) -> None:
        self._stack = stack
        self._command = [sys.executable, "-m", "tests.gateway.dicom.senders", str(port), str(each)]
        self._programs = [self._begin() for _ in range(PROGRAMS)]

    def kill_one(self) -> None:
        """Kill one where it is and let another one begin."""
        number = random.randrange(PROGRAMS)
        self._programs[number].kill()
        self._programs[number].wait()
        self._programs[number] = self._begin()

    def kill_all(self) -> None:
        """Kill all where they are."""
        for program in self._programs:
            program.kill()
            program.wait()

    def _begin(self) -> subprocess.Popen[bytes]:
        program = self._stack.enter_context(subprocess.Popen(self._command, stdin=subprocess.PIPE))
        self._stack.callback(program.kill)
        return program


@pytest.mark.parametrize(
    ("associations", "seconds"), [(60, 3), pytest.param(200, 60, marks=pytest.mark.soak)], ids=["short", "a minute"]
)
def test_peers_that_are_killed_leave_no_thread_no_descriptor_and_no_half_file(
    tmp_path: Path, associations: int, seconds: int
) -> None:
    command = [sys.executable, "-m", "tests.gateway.dicom.receiver", str(tmp_path), str(2 * associations)]
    with ExitStack() as stack:
        receiver = stack.enter_context(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        )
        assert receiver.stdout is not None
        port = int(next(line for line in receiver.stdout if line.startswith("port ")).split()[1])
        process = psutil.Process(receiver.pid)
        with Caller(port).associate() as first:
            first.release()
        wait_for(lambda: process.num_threads() == 2, 10, "the first Association is gone")
        idle = process.num_threads(), descriptors(receiver.pid)

        def all_there() -> bool:
            return process.num_threads() >= idle[0] + associations

        crowd = Crowd(stack, port, associations // PROGRAMS)
        wait_for(all_there, UP_SECONDS, "all Associations are open")
        end, kills = monotonic() + seconds, 0
        while monotonic() < end or kills < 2:
            crowd.kill_one()
            kills += 1
            wait_for(all_there, UP_SECONDS, "as many Associations are open again")
        crowd.kill_all()
        wait_for(lambda: (process.num_threads(), descriptors(receiver.pid)) == idle, 20, "nothing is left open")
        with Caller(port).associate() as last:
            last.release()
        receiver.communicate()
    assert receiver.returncode == 0
    spool = Spool(tmp_path / "spool")
    kept = [spool.check(name) for name in spool.names()]
    assert kept
    assert {one.dataset_length for one in kept} == {20_000}
