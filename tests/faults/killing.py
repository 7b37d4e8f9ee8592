"""SIGKILL for a gateway and for Works at moments left to chance, and the check that nothing was lost by it."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from smartlink.demo.exam import data_set_bytes
from smartlink.demo.programs import wait_for
from smartlink.gateway.store import orders
from smartlink.gateway.store.database import open_in
from smartlink.works.fleet.commands import LEASE
from tests.real.orders import actor

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Collection, Mapping

    from smartlink.demo.journey import Stop
    from tests.real.pacs import Storescp
    from tests.real.scu import Instance
    from tests.real.world import Gateway

PATIENCE = 100.0
"""Seconds: what a Works that was killed had in hand is taken up by the next one within twenty."""
LONGEST_MOMENT = 0.03
LOOK = 0.002


@dataclass(slots=True)
class Killer:
    """Kills, starts again, and counts."""

    gateway: Gateway
    chance: random.Random
    gateways: int = 0
    works: int = 0

    @property
    def kills(self) -> int:
        """How many so far."""
        return self.gateways + self.works

    def when(self, fact: Callable[[], bool], what: str) -> None:
        """Return a random moment after the fact."""
        wait_for(fact, PATIENCE, what, pause=LOOK)
        # The moment itself is left to chance: that is the test.
        threading.Event().wait(self.chance.uniform(0, LONGEST_MOMENT))

    def grown(self, count: Callable[[], int], most: int, what: str, *, over: Callable[[], bool] = bool) -> None:
        """Return a random moment after the count has grown by 1 to `most`, or after it is all over."""
        wanted = count() + self.chance.randint(1, most)
        self.when(lambda: count() >= wanted or over(), what)

    def kill_gateway(self) -> None:
        """The gateway is dead, and another one starts on its data."""
        self.gateway.stage.gateway.kill()
        self.gateway.stage.start_gateway()
        self.gateways += 1

    def kill_gateway_when_told(self, order: Callable[[], object]) -> None:
        """Order something, and kill the gateway when it was told of it and has not written it down.

        It stands still while one looks, and goes on for a moment in between until its poll is answered.
        """
        process = psutil.Process(self.gateway.stage.gateway.pid)
        process.suspend()
        order()

        def told() -> bool:
            if commands(self.gateway, "leased_until IS NOT NULL"):
                return True
            process.resume()
            threading.Event().wait(LOOK)
            process.suspend()
            return False

        wait_for(told, PATIENCE, "the gateway is told", pause=0.1)
        self.kill_gateway()
        wait_for(
            lambda: not commands(self.gateway, "leased_until IS NOT NULL"),
            LEASE.total_seconds() * 2 / 3,
            "the command comes again before its lease ends",
        )

    def kill_works(self) -> None:
        """Works is dead, web and worker alike, and another one starts: PostgreSQL and storage go on without it."""
        works = self.gateway.cloud.stage.works
        works.must_run()
        works.kill()
        works.start("run")
        self.works += 1

    def works_is_up(self) -> None:
        """Return when Works answers: whoever is killed while it starts was not amid anything."""
        stage = self.gateway.cloud.stage

        def up() -> bool:
            stage.works.must_run()
            return stage.works_answers()

        wait_for(up, PATIENCE, "Works answers")

    def over(self) -> None:
        """Everything is up and does what is left to do."""
        self.works_is_up()
        self.gateway.stage.open_dicom_port()


def recorded(gateway: Gateway) -> int:
    """How many instances Works has taken into exams."""
    return _count(gateway, "SELECT count(*) FROM instance")


def verifying(gateway: Gateway) -> int:
    """How many objects that came in parts Works reads just now."""
    return _count(gateway, "SELECT count(*) FROM upload WHERE state = 'verifying'")


def commands(gateway: Gateway, which: str) -> int:
    """How many commands of this kind it has yet to acknowledge."""
    return _count(gateway, f"SELECT count(*) FROM command WHERE acknowledged_at IS NULL AND {which}")


def fetched(gateway: Gateway) -> int:
    """How many files came from Works for a PACS, whole or not."""
    return sum(1 for path in (gateway.data / "fetched").rglob("*") if path.is_file())


def in_works_once(gateway: Gateway, study: str, sent: Mapping[str, Instance]) -> tuple[Stop, ...]:
    """Check that each of these is in Works exactly once and unchanged, and nothing else; return the stops."""
    journey = gateway.arrived(study, len(sent), PATIENCE)
    gateway.forgo_pictures()
    arrived = [stop.sop_instance_uid for stop in journey.stops]
    assert sorted(arrived) == sorted(sent), "each Success is present once, and nothing else is"
    assert journey.conflicts == journey.repeats == ()
    for stop in journey.stops:
        expected = sent[stop.sop_instance_uid].data_set
        assert stop.dataset_sha256 == hashlib.sha256(expected).hexdigest()
        assert data_set_bytes(gateway.cloud.object(stop.object_key)) == expected
    return tuple(journey.stops)


def in_pacs_once(received: Counter[str], wanted: Collection[str], *, kills: int) -> None:
    """Check that nothing is lost on the way to the PACS, and no more sent again than one image for each kill."""
    assert set(received) == set(wanted), "nothing is lost"
    assert received.total() - len(wanted) <= kills, "an image is sent again at most once per kill"


def same_bytes(pacs: Storescp, sent: Mapping[str, Instance]) -> None:
    """Check that whatever the PACS holds of these is what the scanner sent."""
    assert all(one.data_set == sent[one.sop_instance_uid].data_set for one in pacs.held())


def queues_are_empty(gateway: Gateway) -> None:
    """Check that nothing waits anywhere, is parked or was given up: deliveries, orders, reports, commands, jobs."""

    def waiting() -> dict[str, int]:
        with open_in(gateway.data) as database:
            untold = len(database.read(lambda tx: orders.untold(tx, 100)))
        told = gateway.queue()
        of_gateway = {"to be fetched": told["to_be_fetched"], "untold": untold}
        for name, counts in {"Works": told["counts"], **told["pacs"]}.items():
            of_gateway |= {f"{name}: {state}": counts[state] for state in _NOT_OVER}
        of_works = {what: _count(gateway, query) for what, query in _QUEUES_OF_WORKS.items()}
        return {what: count for what, count in {**of_gateway, **of_works}.items() if count}

    left: dict[str, int] = {}

    def empty() -> bool:
        nonlocal left
        left = waiting()
        return not left

    try:
        wait_for(empty, PATIENCE, "the queues are empty", pause=0.2)
    finally:
        assert left == {}


_NOT_OVER = ("held", "waiting", "sending", "parked", "exhausted", "cancelled")
_QUEUES_OF_WORKS = {
    "uploads": "SELECT count(*) FROM upload WHERE state NOT IN ('ingested', 'offered')",
    "uploads that nobody finished": "SELECT count(*) FROM upload u WHERE state = 'offered' AND NOT EXISTS"
    " (SELECT 1 FROM instance i WHERE i.sop_instance_uid = u.sop_instance_uid)",
    "commands": "SELECT count(*) FROM command WHERE acknowledged_at IS NULL",
    "deliveries": "SELECT count(*) FROM delivery WHERE state <> 'delivered'",
    "jobs": "SELECT count(*) FROM procrastinate_jobs WHERE status NOT IN ('succeeded', 'cancelled', 'aborted')"
    " AND task_name IN ('ingest', 'verify', 'derive', 'compare')",
}


def _count(gateway: Gateway, query: str) -> int:
    with gateway.cloud.access.organisation(actor(gateway).organisation_id) as site:
        return int(site.value(query))
