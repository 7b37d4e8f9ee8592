"""The long poll: woken at once, held by nothing while it waits, ended by revocation and by the end of Works."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from smartlink.link import paths
from smartlink.link.commands import LONGEST_WAIT_SECONDS
from smartlink.link.problems import ProblemType
from smartlink.works.access import Access
from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.fleet import commands
from smartlink.works.store.listen import Listener
from tests.works.exams.stage import Stage, build
from tests.works.services import TestDatabase
from tests.works.world import VERSIONED, World, linked

LONG = LONGEST_WAIT_SECONDS


@pytest.fixture
def stage(access: Access, blobs: S3Blobs, database: TestDatabase) -> Iterator[Stage]:
    """The stage over a Works that listens."""
    listener = Listener(database.application_url)
    listener.start()
    assert listener.listening(20)
    world = World(access, blobs, listener=listener)
    with linked(world):
        yield build(world)
        listener.release()
    listener.close()


def polling(stage: Stage, pool: ThreadPoolExecutor) -> Future[httpx.Response]:
    """A poll that waits: returned once Works has it and found nothing."""
    before = stage.world.listener.waiting(stage.gateway.id)
    future = pool.submit(
        httpx.get,
        f"{stage.world.http.base_url}{paths.COMMANDS}",
        params={"wait": LONG},
        headers={**stage.gateway.headers(), **VERSIONED},
        timeout=60,
    )
    done = threading.Event()
    while stage.world.listener.waiting(stage.gateway.id) == before:
        assert not done.wait(0.01)
        assert not future.done(), future.result().text
    return future


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(80) as threads:
        yield threads


def test_a_waiting_poll_is_answered_as_soon_as_something_is_to_be_done(stage: Stage, pool: ThreadPoolExecutor) -> None:
    exam_id = stage.exam(1)
    waiting = polling(stage, pool)
    stage.submit(exam_id)
    (command,) = waiting.result(LONG - 5).json()["commands"]
    assert command["kind"] == "deliver"


def test_a_poll_without_patience_is_answered_at_once(stage: Stage) -> None:
    assert stage.poll() == []


def test_a_revoked_gateway_learns_it_from_its_waiting_poll(stage: Stage, pool: ThreadPoolExecutor) -> None:
    waiting = polling(stage, pool)
    stage.world.key(stage.place)
    answer = waiting.result(LONG - 5)
    assert (answer.status_code, answer.json()["type"]) == (401, ProblemType.LICENCE_REVOKED)


def test_an_ending_works_lets_the_polls_go(stage: Stage, pool: ThreadPoolExecutor) -> None:
    waiting = polling(stage, pool)
    stage.world.listener.release()
    assert waiting.result(LONG - 5).json() == {"commands": []}


def test_many_polls_hold_neither_threads_nor_connections(stage: Stage, pool: ThreadPoolExecutor) -> None:
    """Sixty wait: more than the thread pool (40) and the database pool (40) hold; others are served meanwhile."""
    waiting = [polling(stage, pool) for _ in range(60)]
    assert stage.gateway.beat().status_code == 200
    stage.submit(stage.exam(1))
    stage.world.listener.release()
    answers = [one.result(LONG) for one in waiting]
    told = [command for answer in answers for command in answer.json()["commands"]]
    assert len(told) <= 1  # leased to one poll, or still to come
    stage.later(seconds=61)
    assert len(stage.poll()) == 1


def test_a_wake_up_that_found_nothing_goes_on_waiting(stage: Stage, pool: ThreadPoolExecutor) -> None:
    waiting = polling(stage, pool)
    with stage.world.access.organisation(stage.organisation_id) as site:
        commands.synchronise(site, stage.gateway.id, stage.world.now)
        commands.synchronise(site, stage.gateway.id, stage.world.now)
    (command,) = waiting.result(LONG - 5).json()["commands"]
    assert command["kind"] == "synchronise"


@pytest.mark.parametrize("wait", ["-1", "26", "x"])
def test_nobody_waits_longer_than_the_contract_says(stage: Stage, wait: str) -> None:
    answer = stage.world.http.get(paths.COMMANDS, params={"wait": wait}, headers=stage.gateway.headers())
    assert (answer.status_code, answer.json()["type"]) == (422, ProblemType.REQUEST_INVALID)


def test_malformed_reports_and_acknowledgements_are_problems(stage: Stage) -> None:
    bodies: list[tuple[str, dict[str, Any]]] = [
        (paths.DELIVERIES_REPORT, {"items": []}),
        (paths.DELIVERIES_REPORT, {"items": [{"item_id": "x", "state": "sent", "at": "now"}]}),
        (paths.COMMANDS_ACKNOWLEDGE, {"command_ids": []}),
        (paths.DOWNLOADS, {"item_ids": ["x"]}),
    ]
    for address, body in bodies:
        answer = stage.world.http.post(address, json=body, headers=stage.gateway.headers())
        assert (answer.status_code, answer.json()["type"]) == (422, ProblemType.REQUEST_INVALID)


def test_a_lease_outlives_the_longest_poll() -> None:
    assert timedelta(seconds=LONG) < commands.LEASE
