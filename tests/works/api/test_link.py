"""The link as a contract: its document, its doors, and what every refusal looks like."""

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from smartlink.link import licence_key, paths
from smartlink.link.problems import MEDIA_TYPE, Problem, ProblemType
from smartlink.works.api.app import OPENAPI
from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.embedded.postgresql import Cluster
from tests.works.exams.part10 import dataset, part10
from tests.works.services import Databases, one_access, one_database
from tests.works.world import Gateway, World, served

ADDRESSES = {
    name: address
    for name, address in vars(paths).items()
    if isinstance(address, str) and address.startswith("/") and not name.startswith("_")
}
GUARDED = [
    ("POST", paths.HEARTBEAT),
    ("POST", paths.FAILURES),
    ("GET", paths.CONFIGURATION),
    ("PUT", paths.CONNECTION.format(connection_id=uuid.UUID(int=1))),
    ("PUT", paths.WORKLIST.format(connection_id=uuid.UUID(int=1))),
    ("POST", paths.UPLOADS_OFFER),
    ("POST", paths.UPLOADS_CONFIRM),
    ("GET", paths.COMMANDS),
    ("POST", paths.COMMANDS_ACKNOWLEDGE),
    ("POST", paths.DOWNLOADS),
    ("POST", paths.DELIVERIES_REPORT),
    ("POST", paths.STORAGE_PROBE),
    ("POST", paths.JOURNEY),
    ("POST", paths.SYNTHETIC_ENDED),
]


@pytest.fixture(scope="module")
def standing(postgresql: Cluster, databases: Databases, blobs: S3Blobs) -> Iterator[World]:
    """One Works for all the requests here that change nothing in it."""
    with one_database(postgresql, databases) as database, one_access(database) as access, served(access, blobs) as one:
        yield one


@pytest.fixture(scope="module")
def known(standing: World) -> Gateway:
    """An activated gateway of it."""
    return standing.gateway(standing.organisation("Heart Clinic"))


@pytest.fixture
def gateway(world: World) -> Gateway:
    """An activated gateway."""
    return world.gateway(world.organisation("Heart Clinic"))


def document(world: World) -> dict[str, Any]:
    """The published OpenAPI document."""
    answer = world.http.get(OPENAPI)
    assert answer.status_code == 200
    return dict(answer.json())


def references(node: object) -> set[str]:
    """Every $ref in a document."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references(value) for value in node))
    return set()


@pytest.mark.proves("R28")
def test_the_openapi_document_lists_every_address_of_the_contract(standing: World) -> None:
    told = document(standing)
    assert told["openapi"].startswith("3.")
    assert set(told["paths"]) == set(ADDRESSES.values())
    for reference in references(told):
        node: Any = told
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
        assert node


def test_the_document_says_which_addresses_need_a_token(standing: World) -> None:
    told = document(standing)["paths"]
    for address, operations in told.items():
        for operation in operations.values():
            assert ("security" not in operation) == (address in paths.OPEN), address


def test_there_is_no_page_of_documentation(standing: World) -> None:
    for address in ("/docs", "/redoc", "/link/docs"):
        assert standing.http.get(address).status_code == 404


@pytest.mark.parametrize(("method", "address"), GUARDED)
def test_every_other_address_needs_a_token(standing: World, method: str, address: str) -> None:
    answer = standing.http.request(method, address, headers={paths.IDEMPOTENCY_HEADER: "k"}, json={})
    assert (answer.status_code, answer.json()["type"]) == (401, ProblemType.TOKEN_REFUSED)
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "address"), [*GUARDED, ("POST", paths.ACTIVATE), ("POST", paths.TOKEN)])
@pytest.mark.parametrize("version", ["2", "", "one"])
def test_another_version_is_told_to_update(standing: World, method: str, address: str, version: str) -> None:
    answer = standing.http.request(method, address, headers={paths.VERSION_HEADER: version}, json={})
    assert (answer.status_code, answer.json()["type"]) == (426, ProblemType.VERSION_UNSUPPORTED)
    assert "update SmartLink" in answer.json()["detail"]


@pytest.mark.parametrize("address", ["/link/v2/heartbeat", "/link/v11/heartbeat"])
def test_an_address_of_another_version_is_told_to_update(standing: World, address: str) -> None:
    assert standing.http.post(address).json()["type"] == ProblemType.VERSION_UNSUPPORTED


@pytest.mark.parametrize(("method", "address"), [one for one in GUARDED if one[0] != "GET"])
@pytest.mark.parametrize("key", [None, "", "x" * 129, "a b"])
def test_every_write_has_an_idempotency_key(
    standing: World, known: Gateway, method: str, address: str, key: str | None
) -> None:
    headers = {"Authorization": f"Bearer {known.token}"} | ({} if key is None else {paths.IDEMPOTENCY_HEADER: key})
    answer = standing.http.request(method, address, headers=headers, json={})
    assert (answer.status_code, answer.json()["type"]) == (422, ProblemType.REQUEST_INVALID)
    assert paths.IDEMPOTENCY_HEADER in answer.json()["detail"]


def test_health_is_asked_without_a_token_and_a_version(world: World) -> None:
    answer = world.http.get(paths.HEALTH, headers={paths.VERSION_HEADER: "9"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["date"]
    world.healthy = False
    answer = world.http.get(paths.HEALTH)
    assert (answer.status_code, answer.json()["type"]) == (503, ProblemType.UNAVAILABLE)
    assert answer.headers["retry-after"]


def test_the_deployments_keys_are_public(standing: World) -> None:
    assert standing.http.get(paths.KEYS).json() == {"keys": []}


def test_the_newest_release_is_told_to_anybody(standing: World) -> None:
    assert standing.http.get(paths.RELEASES_LATEST).json() == {"manifest": None}


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 422), (b"{", 422), (b"[]", 422), (b"null", 422), (b'{"instances": {}}', 422), (b"\xff\xfe", 422)],
)
def test_what_is_no_message_is_a_problem(standing: World, known: Gateway, content: bytes, status: int) -> None:
    headers = {**known.headers(), "Content-Type": "application/json"}
    answer = standing.http.post(paths.UPLOADS_OFFER, content=content, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    assert Problem.model_validate_json(answer.content).kind is not None


def test_a_text_that_cannot_be_stored_is_a_problem_of_the_request(standing: World, known: Gateway) -> None:
    headers = {**known.headers(), "Content-Type": "application/json"}
    for name in (r"a\u0000b", r"a\ud800b"):
        body = (
            f'{{"kind":"pacs","name":"{name}","ae_title":"X","host":"h","port":104,'
            f'"specialty_ids":["{known.place.specialty_id}"]}}'
        )
        address = paths.CONNECTION.format(connection_id=uuid.uuid4())
        answer = standing.http.put(address, content=body.encode(), headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (422, ProblemType.REQUEST_INVALID)


def test_unknown_addresses_and_methods_are_problems(standing: World, known: Gateway) -> None:
    unknown = standing.http.get("/link/v1/nothing", headers=known.headers())
    assert (unknown.status_code, unknown.json()["type"]) == (404, ProblemType.NOT_FOUND)
    method = standing.http.delete(paths.HEARTBEAT, headers=known.headers())
    assert (method.status_code, method.headers["content-type"]) == (405, MEDIA_TYPE)


@pytest.mark.proves("R152")
def test_unknown_fields_are_ignored(gateway: Gateway) -> None:
    assert gateway.put_connection(uuid.uuid4(), ae_title="US02", colour="blue").status_code == 200


def test_no_problem_repeats_what_was_sent(world: World, gateway: Gateway, capfd: pytest.CaptureFixture[str]) -> None:
    marker = "MARKER^Patient"
    body = part10(dataset("1.2.3.4.5"), "1.2.3.4.5")
    spoilt = gateway.offered(body, body, "1.2.3.4.5", study_instance_uid=marker, attributes={marker: marker})
    answers = [
        json.dumps(gateway.offer(spoilt)),
        world.http.post(paths.UPLOADS_OFFER, json={"instances": marker}, headers=gateway.headers()).text,
        world.http.post(paths.UPLOADS_OFFER, json={marker: [spoilt]}, headers=gateway.headers()).text,
        world.http.post(paths.UPLOADS_CONFIRM, json={"upload_ids": [marker]}, headers=gateway.headers()).text,
        world.http.get(f"/link/v1/{marker}", headers=gateway.headers()).text,
        gateway.put_connection(uuid.uuid4(), ae_title=marker * 3).text,
        world.http.put(f"/link/v1/connections/{marker}", json={}, headers=gateway.headers()).text,
        gateway.activate(marker).text,
        gateway.ask_token(marker).text,
    ]
    for answer in answers:
        assert "MARKER" not in answer
        assert "urn:smartlink:problem:" in answer
    assert "MARKER" not in "".join(capfd.readouterr())


def test_no_secret_is_logged(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    place = world.organisation("Heart Clinic")
    key = world.key(place)
    gateway = Gateway(world, place)
    assert gateway.activate(key).status_code == 200
    gateway.activate(licence_key.generate())
    logged = "".join(capfd.readouterr())
    assert "gateway_activated" in logged
    assert key not in logged
    assert gateway.token not in logged
    assert not re.search(r"eyJ[A-Za-z0-9_-]+\.eyJ", logged)
