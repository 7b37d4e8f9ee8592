"""A gateway proves itself by signature, once for each assertion, and is known by its token until it is revoked."""

import base64
import json
import uuid
from datetime import timedelta

import pytest

from smartlink.link import assertion, paths
from smartlink.link.problems import ProblemType
from tests.works.world import AUDIENCE, Gateway, World


@pytest.fixture
def gateway(world: World) -> Gateway:
    """An activated gateway."""
    return world.gateway(world.organisation("Heart Clinic"))


def asks(gateway: Gateway, text: str) -> tuple[int, str]:
    """How a token request ends: status and problem type."""
    answer = gateway.ask_token(text)
    return answer.status_code, answer.json().get("type", "")


def calls(gateway: Gateway, authorization: str | None) -> tuple[int, str]:
    """How a call with this Authorization header ends."""
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = gateway.world.http.get(paths.CONFIGURATION, headers=headers)
    return answer.status_code, answer.json().get("type", "")


REFUSED = (401, ProblemType.ASSERTION_REFUSED)
NO_TOKEN = (401, ProblemType.TOKEN_REFUSED)


def test_a_token_lives_ten_minutes_and_is_stored_hashed(world: World, gateway: Gateway) -> None:
    answer = gateway.ask_token(gateway.assertion())
    granted = answer.json()
    assert (granted["token_type"], granted["expires_in"]) == ("Bearer", 600)
    assert answer.headers["cache-control"] == "no-store"
    rows = world.rows(gateway.place, "SELECT * FROM gateway_token")
    assert granted["access_token"] not in str(rows)
    world.wait(minutes=9, seconds=59)
    assert calls(gateway, f"Bearer {granted['access_token']}")[0] == 200
    world.wait(seconds=1)
    assert calls(gateway, f"Bearer {granted['access_token']}") == NO_TOKEN


def test_an_assertion_is_good_once(gateway: Gateway) -> None:
    text = gateway.assertion()
    assert asks(gateway, text)[0] == 200
    assert asks(gateway, text) == REFUSED


def test_a_used_assertion_is_remembered_for_as_long_as_it_would_be_accepted(world: World, gateway: Gateway) -> None:
    text = gateway.assertion()
    assert asks(gateway, text)[0] == 200
    world.wait(seconds=118)
    assert asks(gateway, gateway.assertion())[0] == 200
    assert asks(gateway, text) == REFUSED


@pytest.mark.parametrize("away", [timedelta(minutes=-5), timedelta(minutes=5)])
def test_an_assertion_from_another_time_is_refused(world: World, gateway: Gateway, away: timedelta) -> None:
    assert asks(gateway, gateway.assertion(at=world.now + away)) == REFUSED


def test_an_assertion_for_somebody_else_is_refused(gateway: Gateway) -> None:
    assert asks(gateway, gateway.assertion(audience="https://elsewhere.example/link/v1/token")) == REFUSED


def test_an_assertion_by_somebody_else_is_refused(world: World, gateway: Gateway) -> None:
    stranger = assertion.generate_key()
    assert asks(gateway, assertion.sign(stranger, gateway.id, AUDIENCE, world.now)) == REFUSED
    assert asks(gateway, assertion.sign(stranger, uuid.uuid4(), AUDIENCE, world.now)) == REFUSED
    charlies = world.gateway(world.organisation("Elsewhere"))
    assert asks(gateway, assertion.sign(charlies.key, gateway.id, AUDIENCE, world.now)) == REFUSED


def test_an_unsigned_or_garbled_assertion_is_refused(gateway: Gateway) -> None:
    claims = gateway.assertion().split(".")[1]
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    for text in (f"{none}.{claims}.", f"{none}.{claims}.AAAA", "a.b.c", "", "🩻.🩻.🩻"):
        assert asks(gateway, text) == REFUSED


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer x", "Basic eDp4", "Bearer " + "x" * 4000, "x"])
def test_without_a_good_token_there_is_no_answer(gateway: Gateway, header: str | None) -> None:
    assert calls(gateway, header) == NO_TOKEN


@pytest.mark.proves("R33", "R34")
def test_revocation_works_at_the_next_call(world: World, gateway: Gateway) -> None:
    assert calls(gateway, f"Bearer {gateway.token}")[0] == 200
    world.key(gateway.place)
    assert calls(gateway, f"Bearer {gateway.token}") == (401, ProblemType.LICENCE_REVOKED)


def test_expired_tokens_are_removed(world: World, gateway: Gateway) -> None:
    for _ in range(3):
        gateway.sign_in()
        world.wait(minutes=11)
    gateway.sign_in()
    assert len(world.rows(gateway.place, "SELECT 1 FROM gateway_token")) == 1
