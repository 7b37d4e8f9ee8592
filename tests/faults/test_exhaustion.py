"""Out of descriptors or disk: the new is refused, the old finishes, and it all comes back by itself."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from smartlink.demo.programs import wait_for
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.command import Command
from tests.gateway.cast import House
from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.wire import STORE
from tests.requires import requires

if sys.platform != "win32":
    import resource

pytestmark = [pytest.mark.faults, pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")]

FULL = ul.AssociationRejected(pdu.AssociateReject(2, 3, 2))


@dataclasses.dataclass(frozen=True, slots=True)
class Program:
    """A receiver that is a process of its own."""

    pid: int
    port: int
    folder: Path

    def descriptors(self) -> int:
        """The least limit that all of its descriptors are below."""
        return max(int(path.name) for path in Path(f"/proc/{self.pid}/fd").iterdir()) + 1

    def may_have(self, descriptors: int) -> None:
        if sys.platform != "win32":
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (descriptors, 4096))

    def seconds_of_processor(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def files(self) -> list[Path]:
        return [path for path in self.folder.glob("spool/*/*") if path.is_file()]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    command = [sys.executable, "-m", "tests.gateway.dicom.receiver", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = next(line for line in process.stdout if line.startswith("port "))
        yield Program(process.pid, int(said.split()[1]), tmp_path)
        process.communicate()
    assert process.returncode == 0


def test_with_few_descriptors_left_the_old_finishes_and_the_new_is_told_to_come_later(program: Program) -> None:
    with ExitStack() as stack:
        old = stack.enter_context(Caller(program.port)).associate()
        old.say(STORE)
        old.data(b"first ", last=False)
        wait_for(lambda: bool(program.files()), 10, "the file is there")
        program.may_have((program.descriptors() + 4) * 4 // 3)
        answer: ul.Event | None = None
        while answer != FULL:
            assert answer is None or isinstance(answer, ul.AssociationAccepted)
            answer = stack.enter_context(Caller(program.port)).ask()
        old.data(b"last", last=True)
        assert old.response().status == 0
        program.may_have(1024)
        stack.enter_context(Caller(program.port)).associate().release()


def answer(caller: Caller) -> ul.Event | None:
    """What a caller is answered; None when it is hung up on without a word."""
    try:
        event = caller.ask()
    except ConnectionError:
        return None
    return None if isinstance(event, ul.TransportClosed) else event


def test_without_any_descriptor_callers_are_hung_up_on_and_nothing_spins(program: Program) -> None:
    with ExitStack() as stack:
        old = stack.enter_context(Caller(program.port)).associate()
        program.may_have(program.descriptors())
        before = program.seconds_of_processor()
        answers = [answer(stack.enter_context(Caller(program.port))) for _ in range(4)]
        assert set(answers) <= {FULL, None}
        assert answers[-1] is None
        program.may_have(3)
        waiting = stack.enter_context(Caller(program.port))
        waiting.sock.settimeout(1)
        with pytest.raises(TimeoutError):
            waiting.rest()
        waiting.sock.settimeout(20)
        assert program.seconds_of_processor() - before < 0.5
        assert old.store(b"data").status == 0xA700
        assert program.files() == []
        program.may_have(1024)
        assert old.store(b"data").status == 0
        waiting.associate().release()
        stack.enter_context(Caller(program.port)).associate().release()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A volume of its own that is soon full."""
    if sys.platform == "win32" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder.mkdir()
    made = subprocess.run(
        [requires("mount"), "-t", "tmpfs", "-o", f"size={size},mode=700", "small", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode:  # a container may forbid it
        pytest.skip(f"no small disk can be mounted here: {made.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run([requires("umount"), "--lazy", str(folder)], check=True)


def test_a_full_disk_refuses_keeps_what_it_acknowledged_and_takes_more_when_it_has_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "3m") as folder:
        house = House(folder)
        with house.receiver() as receiver, Caller(receiver.port).associate() as us01:
            statuses = [us01.store(bytes(300_000), numbered(number)).status for number in range(20)]
            kept = statuses.count(0)
            assert 5 <= kept <= 10
            assert statuses == [0] * kept + [0xA700] * (20 - kept)
            assert sorted(house.spool.names()) == sorted(one.name for one in house.kept)
            for one in house.kept:
                assert house.spool.check(one.name) == one
            house.spool.remove(house.kept[0].name)
            assert us01.store(bytes(300_000), numbered(99)).status == 0
            us01.release()


def numbered(number: int) -> Command:
    return dataclasses.replace(STORE, affected_sop_instance_uid=f"1.2.{number}")
