"""Commands come leased, oldest first, and again and again until they are acknowledged."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from smartlink.link import paths
from smartlink.link.problems import ProblemType
from smartlink.works.fleet import commands
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import commands as store
from tests.works.exams.stage import Stage, stage

__all__ = ["stage"]


def kinds(stage: Stage) -> list[str]:
    """What a poll brings."""
    return [one["kind"] for one in stage.poll()]


def test_a_command_is_leased_and_comes_again_until_it_is_acknowledged(stage: Stage) -> None:
    stage.submit(stage.exam())
    first = stage.poll()
    assert len(first) == 1
    assert stage.poll() == []
    stage.later(seconds=59)
    assert stage.poll() == []
    stage.later(seconds=2)
    again = stage.poll()
    assert again == first
    assert stage.acknowledge(*again) == [again[0]["command_id"]]
    assert stage.acknowledge(*again) == [again[0]["command_id"]]
    stage.later(days=2)
    assert stage.poll() == []


def test_a_gateway_that_has_started_anew_gets_at_once_what_it_did_not_acknowledge(stage: Stage) -> None:
    stage.submit(stage.exam())
    stage.acknowledge(*stage.poll())
    stage.submit(stage.exam(1, study="1.2.9"))
    told = stage.poll()
    assert stage.poll() == []
    assert stage.poll(again=True) == told
    assert stage.poll() == []
    assert stage.poll(again=True) == told
    assert stage.acknowledge(*told) == [told[0]["command_id"]]
    assert stage.poll(again=True) == []


def test_what_one_gateway_asks_for_again_no_other_loses(stage: Stage) -> None:
    stage.submit(stage.exam())
    told = stage.poll()
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert store.release(site, uuid.uuid4(), stage.world.now) == 0
    assert stage.poll() == []
    assert stage.poll(again=True) == told


def test_commands_are_forgotten_a_month_after_they_were_acknowledged_and_open_ones_never(stage: Stage) -> None:
    for number in (7, 8):
        stage.submit(stage.exam(1, study=f"1.2.{number}"))
    over, going_on = stage.poll()
    stage.acknowledge(over, going_on)
    with stage.world.access.organisation(stage.organisation_id) as site:
        commands.synchronise(site, stage.gateway.id, stage.world.now)
        site.run("UPDATE delivery SET state = 'delivered' WHERE id = :id", id=over["delivery_id"])
    stage.later(days=30)
    assert commands.purge(stage.world.access, stage.world.now) == 0
    stage.later(seconds=1)
    with capture_logs() as lines:
        assert commands.purge(stage.world.access, stage.world.now) == 1
        assert commands.purge(stage.world.access, stage.world.now) == 0
    assert [line["commands"] for line in lines] == [1]
    left = stage.world.rows(stage.place, "SELECT kind, acknowledged_at FROM command ORDER BY number")
    assert [(row["kind"], row["acknowledged_at"] is None) for row in left] == [
        ("deliver", False),
        ("synchronise", True),
    ]


def test_the_oldest_comes_first_and_never_too_many_at_once(stage: Stage) -> None:
    exams = [stage.exam(1, study=f"1.2.{number}") for number in range(100, 120)]
    deliveries = [str(one) for exam_id in exams for one in stage.submit(exam_id)]
    first = stage.poll()
    assert [one["delivery_id"] for one in first] == deliveries[:16]
    assert [one["delivery_id"] for one in stage.poll()] == deliveries[16:]


def test_two_polls_at_once_never_get_the_same_command(stage: Stage) -> None:
    for number in range(100, 112):
        stage.submit(stage.exam(1, study=f"1.2.{number}"))
    caller = Caller(stage.gateway.id, stage.place.facility_id, stage.organisation_id)
    with ThreadPoolExecutor(8) as pool:
        fetched = pool.map(lambda _: commands.fetch(stage.world.access, caller, stage.world.now), range(8))
    ids = [one.command_id for answer in fetched for one in answer.commands]
    assert len(ids) == len(set(ids)) == 12


def test_an_order_of_which_nothing_is_wanted_any_more_is_not_told(stage: Stage) -> None:
    stage.submit(stage.exam())
    with stage.world.access.organisation(stage.organisation_id) as site:
        site.run("UPDATE delivery_instance SET state = 'cancelled'")
    assert stage.poll() == []
    assert stage.world.rows(stage.place, "SELECT * FROM command WHERE acknowledged_at IS NULL") == []


def test_synchronising_is_asked_for_once_at_a_time(stage: Stage) -> None:
    with stage.world.access.organisation(stage.organisation_id) as site:
        for _ in range(3):
            commands.synchronise(site, stage.gateway.id, stage.world.now)
    (command,) = stage.poll()
    assert command["kind"] == "synchronise"
    stage.acknowledge(command)
    with stage.world.access.organisation(stage.organisation_id) as site:
        commands.synchronise(site, stage.gateway.id, stage.world.now)
    assert kinds(stage) == ["synchronise"]


@pytest.mark.proves("R33")
def test_a_revoked_gateway_is_told_nothing(stage: Stage) -> None:
    stage.submit(stage.exam())
    stage.world.key(stage.place)
    answer = stage.world.http.get(paths.COMMANDS, headers=stage.gateway.headers())
    assert (answer.status_code, answer.json()["type"]) == (401, ProblemType.LICENCE_REVOKED)


def test_unknown_commands_are_not_acknowledged(stage: Stage) -> None:
    assert stage.acknowledge({"command_id": str(uuid.uuid4())}) == []
