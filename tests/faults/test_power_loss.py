"""The power is cut while images come in: what was answered Success before is there and whole.

The gateway's data folder lies on a disk of its own, which is copied while the service runs; the copy is what a power
cut would have left. A failure is proof, a pass is evidence.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from structlog.testing import capture_logs

from smartlink.demo.programs import LOOPBACK, wait_for
from smartlink.demo.ultrasound import Target
from smartlink.gateway import build
from smartlink.gateway.catalogue import Catalogue
from smartlink.gateway.settings import Deployment
from smartlink.gateway.settling import play_back
from smartlink.gateway.status import status_of
from smartlink.gateway.store import settings
from smartlink.gateway.store.database import Transaction, open_in
from smartlink.gateway.store.journal import Journal
from smartlink.gateway.store.spool import Spool, SpoolDamaged
from tests.faults import loop_disk
from tests.faults.stream import Stream
from tests.gateway.conftest import START
from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.wire import STORE
from tests.gateway.fake_works import FakeWorks, serving
from tests.real import samples
from tests.real.scu import Instance

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SENDERS = 2
FIRST = 30
"""Images that are answered before the power may be cut."""
MORE = 60
"""Images among whose answers the moment of the cut is drawn."""

AS_SHIPPED = "from smartlink.gateway.cli import main; main()"
WITHOUT_FLUSH = (
    "from smartlink.gateway.platform import files\n"
    "files.flush_file = files.flush_folder = lambda _: None\n" + AS_SHIPPED
)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What the start-up scan made of a disk after the cut."""

    answered: frozenset[str]
    """SOP Instance UIDs that were answered Success before the power was cut."""
    whole: frozenset[str]
    set_aside: int

    @property
    def lost(self) -> frozenset[str]:
        return self.answered - self.whole


@pytest.fixture(autouse=True)
def _disk() -> None:
    loop_disk.needed()


@pytest.mark.night
@pytest.mark.proves("R151")
def test_what_was_answered_before_the_power_was_cut_is_whole() -> None:
    after = cut(AS_SHIPPED, seed=1)
    assert after.lost == frozenset()
    assert after.set_aside >= 1, "the image of which only a half had come"


@pytest.mark.soak
@pytest.mark.proves("R151")
@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_ever_missing(seed: int) -> None:
    assert cut(AS_SHIPPED, seed=seed).lost == frozenset()


@pytest.mark.night
def test_without_the_flush_images_are_lost_so_the_test_can_fail() -> None:
    assert cut(WITHOUT_FLUSH, seed=1).lost


def cut(program: str, seed: int) -> Aftermath:
    """Receive, cut the power at a random answer, and start again on what the disk has."""
    with loop_disk.images() as images:
        image, copy = images / "disk.img", images / "after.img"
        with loop_disk.mounted(image, images / "disk") as disk:
            answered = received(program, disk / "data", Random(seed), lambda: loop_disk.cut_power(image, copy))
        with loop_disk.mounted(copy, images / "after") as disk:
            return started_again(disk / "data", answered)


def received(program: str, data: Path, chance: Random, cut_power: Callable[[], None]) -> frozenset[str]:
    """Send to a service on this folder, cut the power, and return what had been answered before."""
    with ExitStack() as stack:
        target = stack.enter_context(served(program, data))
        half = stack.enter_context(Caller(target.port)).associate()
        half.say(STORE)
        for _ in range(60):  # more than what is held in memory for the journal
            half.data(b"half" * 5000, last=False)
        streams = [Stream(target, images_of(sender)) for sender in range(SENDERS)]
        for stream in streams:
            stream.start()
            stream.allow(FIRST + MORE)
            stack.callback(stream.stop)
        moment = FIRST + chance.randrange(MORE)
        wait_for(lambda: sum(len(stream.answered) for stream in streams) >= moment, 60, "answers", pause=0.0005)
        answered = frozenset(uid for stream in streams for uid in list(stream.answered))
        cut_power()
        return answered


def images_of(sender: int) -> list[Instance]:
    return [samples.small(f"1.2.3.{sender}.{number}", "1.2.4") for number in range(1, FIRST + MORE + 1)]


@contextmanager
def served(program: str, data: Path) -> Iterator[Target]:
    """Yield where a service on this folder receives; its Works is ours."""
    with serving(FakeWorks()) as works, open_in(data) as database, capture_logs():
        database.write(lambda tx: settings.put(tx, {"port": 0, "disk_reserve_bytes": 0}, START))
        with build.activator(Deployment(data=data), database, now) as activator:
            activator.activate(works.key, works.url, now())
        environment = {**os.environ, "SMARTLINK_BIND": LOOPBACK, "SMARTLINK_DATA": str(data)}
        with subprocess.Popen([sys.executable, "-c", program, "run", "--json"], env=environment) as process:
            try:
                port = wait_for(lambda: status_of(database, data, now())["receiver"]["port"], 60, "the port is open")
                yield Target(LOOPBACK, port, "SMARTLINKRCVR")
            finally:
                process.kill()


def now() -> datetime:
    return datetime.now(UTC)


def started_again(data: Path, answered: frozenset[str]) -> Aftermath:
    """Scan as the service does at its start, then read every file that the catalogue has."""
    journal = Journal(data / "journal")
    spool = Spool(data / "spool", data / "incomplete", journal)
    with closing(journal), open_in(data) as database, capture_logs():
        play_back(journal, spool, database)
        Catalogue(database, spool, build.describer(spool)).scan(now())
        known = database.read(kept)
    whole = frozenset(uid for name, uid in known.items() if is_whole(spool, name))
    assert set(spool.names()) <= set(known), "what is no image is out of the spool"
    return Aftermath(answered, whole, len(list((data / "incomplete").iterdir())))


def kept(tx: Transaction) -> dict[str, str]:
    rows = tx.execute("SELECT spool_name, sop_instance_uid FROM instance WHERE state = 'kept'").fetchall()
    return {row["spool_name"]: row["sop_instance_uid"] for row in rows}


def is_whole(spool: Spool, name: str) -> bool:
    try:
        spool.check(name)
    except SpoolDamaged:
        return False
    return True
