"""One key, one active gateway; its sign of life; the configuration it mirrors."""

import uuid

import pytest

from smartlink.link import licence_key, paths
from smartlink.link.configuration import Configuration
from smartlink.link.problems import ProblemType
from tests.works.world import Gateway, World


def activation(gateway: Gateway, key: str) -> tuple[int, str]:
    """How an activation ends: status and problem type."""
    answer = gateway.activate(key)
    return answer.status_code, answer.json().get("type", "")


@pytest.mark.proves("R31", "R38")
def test_activation_tells_the_gateway_who_it_is_and_where(world: World) -> None:
    place = world.organisation("Heart Clinic")
    answer = Gateway(world, place).activate(world.key(place)).json()
    told = Configuration.model_validate(answer["configuration"])
    assert (told.organisation.name, told.facility.name, told.facility.time_zone) == (
        "Heart Clinic",
        "Lakeside",
        "Europe/Madrid",
    )
    assert [one.name for one in told.specialties] == ["Cardiology", "Radiology"]
    assert told.default_specialty_id == place.specialty_id
    assert world.rows(place, "SELECT state, status FROM gateway") == [{"state": "active", "status": {"host": "Debian"}}]


@pytest.mark.proves("R31")
def test_a_wrong_a_mistyped_and_a_revoked_key(world: World) -> None:
    place = world.organisation("Heart Clinic")
    key = world.key(place)
    wrong = licence_key.generate()
    mistyped = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert activation(Gateway(world, place), wrong) == (403, ProblemType.LICENCE_UNKNOWN)
    assert activation(Gateway(world, place), mistyped) == (403, ProblemType.LICENCE_UNKNOWN)
    assert activation(Gateway(world, place), "x" * 65)[0] == 422
    world.key(place)
    assert activation(Gateway(world, place), key) == (401, ProblemType.LICENCE_REVOKED)
    assert world.rows(place, "SELECT 1 FROM gateway") == []


@pytest.mark.proves("R38")
def test_the_same_installation_gets_the_same_answer_again(world: World) -> None:
    place = world.organisation("Heart Clinic")
    key, gateway = world.key(place), Gateway(world, place)
    first = gateway.activate(key).json()
    world.wait(minutes=1)
    assert gateway.activate(key).json() == first
    # It may have lost its credential with the answer: the new one is taken, the old one is void.
    token = gateway.token
    renewed = Gateway(world, place)
    renewed.installation_id = gateway.installation_id
    assert renewed.activate(key).json() == first
    assert world.http.get(paths.CONFIGURATION, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert gateway.ask_token(gateway.assertion()).status_code == 401
    assert len(world.rows(place, "SELECT 1 FROM gateway")) == 1


@pytest.mark.proves("R38")
def test_a_second_installation_waits_until_the_first_is_silent_for_a_day(world: World) -> None:
    place = world.organisation("Heart Clinic")
    key, first, second = world.key(place), Gateway(world, place), Gateway(world, place)
    first.activate(key)
    world.wait(hours=23)
    first.sign_in()
    assert first.beat().status_code == 200
    world.wait(hours=23, minutes=59)
    assert activation(second, key) == (409, ProblemType.LICENCE_IN_USE)
    world.wait(minutes=2)
    assert activation(second, key)[0] == 200
    answer = first.ask_token(first.assertion())
    assert (answer.status_code, answer.json()["type"]) == (401, ProblemType.LICENCE_REVOKED)
    states = world.rows(place, "SELECT state FROM gateway ORDER BY activated_at")
    assert states == [{"state": "revoked"}, {"state": "active"}]


@pytest.mark.proves("R38", "R134")
def test_a_released_key_activates_another_installation_at_once(world: World) -> None:
    place = world.organisation("Heart Clinic")
    key, first, second = world.key(place), Gateway(world, place), Gateway(world, place)
    first.activate(key)
    first.sign_in()
    assert activation(second, key) == (409, ProblemType.LICENCE_IN_USE)
    headers = first.headers()
    assert world.http.post(paths.RELEASE, json={}, headers=headers).status_code == 200
    again = world.http.post(paths.RELEASE, json={}, headers=headers)
    assert (again.status_code, again.json()["type"]) == (401, ProblemType.LICENCE_REVOKED)
    assert activation(second, key)[0] == 200
    states = world.rows(place, "SELECT state FROM gateway ORDER BY state")
    assert states == [{"state": "active"}, {"state": "released"}]
    acts = world.rows(place, "SELECT action FROM audit_event WHERE action = 'gateway_released'")
    assert len(acts) == 1


@pytest.mark.proves("R30")
def test_guessing_keys_is_slowed_down(world: World) -> None:
    place = world.organisation("Heart Clinic")
    guesser = Gateway(world, place)
    for _ in range(10):
        assert activation(guesser, licence_key.generate())[0] == 403
    answer = guesser.activate(world.key(place))
    assert (answer.status_code, answer.json()["type"]) == (429, ProblemType.TOO_MANY_REQUESTS)
    assert answer.headers["retry-after"]
    world.wait(minutes=1)
    assert guesser.activate(world.key(place)).status_code == 200


def test_a_heartbeat_is_kept_and_answered_with_the_etag_of_the_configuration(world: World) -> None:
    place = world.organisation("Heart Clinic")
    gateway = world.gateway(place)
    told = gateway.beat(waiting=7).json()
    assert told["server_time"] == world.now.isoformat().replace("+00:00", "Z")
    (row,) = world.rows(place, "SELECT * FROM gateway")
    assert row["last_heartbeat_at"] == world.now
    assert (row["status"]["queue"]["waiting"], row["status"]["host"]) == (7, "Debian")
    answer = world.http.get(paths.CONFIGURATION, headers=gateway.headers())
    assert answer.headers["etag"] == told["configuration_etag"]


@pytest.mark.proves("R96")
def test_the_configuration_is_fetched_again_only_when_it_changed(world: World) -> None:
    place = world.organisation("Heart Clinic")
    gateway = world.gateway(place)
    etag = world.http.get(paths.CONFIGURATION, headers=gateway.headers()).headers["etag"]
    known = {**gateway.headers(), "If-None-Match": etag}
    answer = world.http.get(paths.CONFIGURATION, headers=known)
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    # Sightings are no change of configuration.
    assert gateway.put_connection(gateway.connection_id, name="US01", last_seen_at=world.now.isoformat()).is_success
    assert world.http.get(paths.CONFIGURATION, headers=known).status_code == 304
    with world.access.organisation(place.organisation_id) as site:
        site.run("UPDATE specialty SET name = 'Heart' WHERE id = :id", id=place.specialty_id)
    answer = world.http.get(paths.CONFIGURATION, headers=known)
    assert answer.status_code == 200
    assert {one["name"] for one in answer.json()["specialties"]} == {"Heart", "Radiology"}


@pytest.mark.proves("R41")
def test_a_replacing_gateway_is_told_the_connections_of_its_facility(world: World) -> None:
    place = world.organisation("Heart Clinic")
    world.gateway(place)
    told = Gateway(world, place).activate(world.key(place)).json()["configuration"]["connections"]
    assert [(one["ae_title"], one["kind"], one["version"]) for one in told] == [("US01", "ultrasound", 1)]


def test_a_facility_without_a_specialty_is_not_ready(world: World) -> None:
    place = world.organisation("Heart Clinic")
    key = world.key(place)
    with world.access.organisation(place.organisation_id) as site:
        site.run("UPDATE specialty SET active = false")
    assert activation(Gateway(world, place), key) == (503, ProblemType.UNAVAILABLE)
    assert world.rows(place, "SELECT 1 FROM gateway") == []


def test_another_organisation_sees_no_gateway(world: World) -> None:
    place, elsewhere = world.organisation("Heart Clinic"), world.organisation("Elsewhere")
    gateway = world.gateway(place)
    assert world.rows(elsewhere, "SELECT 1 FROM gateway") == []
    assert world.rows(elsewhere, "SELECT 1 FROM gateway WHERE id = :id", id=gateway.id) == []
    assert uuid.UUID(int=0) != gateway.id
