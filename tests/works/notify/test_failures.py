"""What a gateway says of failures over the link is kept, told when it is time, and its own facility's only."""

import uuid

import pytest

from smartlink.link import paths
from tests.works.world import Gateway, World

FAILURE = {
    "kind": "upload",
    "count": 3,
    "since": "2026-01-31T08:00:00Z",
    "cause": "Object storage does not answer.",
}


def say(gateway: Gateway, *failures: dict[str, object], hours: int = 4) -> int:
    """Tell what fails; the answer's status."""
    body = {"failures": list(failures), "notify_hours": hours, "at": gateway.world.now.isoformat()}
    return gateway.world.http.post(paths.FAILURES, json=body, headers=gateway.headers()).status_code


@pytest.mark.proves("R113", "R110")
def test_what_fails_is_kept_and_its_digest_deferred_once(world: World) -> None:
    place = world.organisation("Heart Clinic")
    gateway = world.gateway(place)
    assert say(gateway) == 200
    assert world.later.digests == []
    for _ in range(2):
        assert say(gateway, FAILURE) == 200
    assert world.later.digests == [(place.organisation_id, place.facility_id)]
    (kept,) = world.rows(place, "SELECT * FROM failure_notice")
    assert (kept["failing"], kept["notify_hours"], kept["received_at"]) == (True, 4, world.now)
    assert kept["snapshot"]["failures"][0]["cause"] == FAILURE["cause"]
    (digest,) = world.rows(place, "SELECT * FROM digest")
    assert digest["due_at"] == world.now


@pytest.mark.parametrize("broken", [{"count": -1}, {"cause": "x" * 501}, {"kind": "weather"}])
def test_what_breaks_the_contract_is_refused(world: World, broken: dict[str, object]) -> None:
    gateway = world.gateway(world.organisation("Heart Clinic"))
    assert say(gateway, FAILURE | broken) == 422
    assert say(gateway, FAILURE, hours=25) == 422


def test_failures_of_one_organisation_are_unknown_to_another(world: World) -> None:
    say(world.gateway(world.organisation("Heart Clinic")), FAILURE)
    elsewhere = world.organisation("Elsewhere")
    assert world.rows(elsewhere, "SELECT 1 FROM failure_notice") == []
    assert world.rows(elsewhere, "SELECT 1 FROM digest") == []


def test_nobody_else_can_say_what_fails(world: World) -> None:
    gateway = world.gateway(world.organisation("Heart Clinic"))
    gateway.token = uuid.uuid4().hex
    assert say(gateway, FAILURE) == 401
