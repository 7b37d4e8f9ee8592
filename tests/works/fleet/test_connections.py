"""AE titles are unique in a facility; a scanner that registers again is the same connection."""

import threading
import uuid
from typing import Any

import pytest

from smartlink.link import paths
from smartlink.link.problems import ProblemType
from tests.works.world import Gateway, World

PACS: dict[str, Any] = {"kind": "pacs", "name": "Archive", "ae_title": "ARCHIVE", "port": 104, "mapping": None}
WORKLIST = PACS | {"kind": "worklist", "name": "Worklist"}
DUPLICATE = (409, ProblemType.CONNECTION_DUPLICATE)


@pytest.fixture
def gateway(world: World) -> Gateway:
    """An activated gateway with the ultrasound system US01."""
    return world.gateway(world.organisation("Heart Clinic"))


def puts(gateway: Gateway, connection_id: uuid.UUID | None = None, **fields: Any) -> tuple[int, str]:
    """How a put ends: status, and the problem's type."""
    answer = gateway.put_connection(connection_id or uuid.uuid4(), **fields)
    return answer.status_code, answer.json().get("type", "")


@pytest.mark.proves("R61", "R62", "R63")
def test_a_connection_is_added_and_changed_and_repeats_change_nothing(world: World, gateway: Gateway) -> None:
    one = uuid.uuid4()
    assert gateway.put_connection(one, **PACS).json() == {"id": str(one), "version": 1}
    assert gateway.put_connection(one, **PACS).json() == {"id": str(one), "version": 1}
    assert gateway.put_connection(one, **PACS | {"port": 11112}).json() == {"id": str(one), "version": 2}
    rows = world.rows(gateway.place, "SELECT kind, ae_norm, port, version FROM connection ORDER BY ae_norm")
    assert rows[0] == {"kind": "pacs", "ae_norm": "archive", "port": 11112, "version": 2}


@pytest.mark.proves("R87")
@pytest.mark.parametrize("fields", [PACS, WORKLIST, PACS | {"ae_title": "archive"}, PACS | {"ae_title": " ARCHIVE "}])
def test_an_ae_title_is_taken_once_whatever_the_kind(gateway: Gateway, fields: dict[str, Any]) -> None:
    assert puts(gateway, **PACS)[0] == 200
    assert puts(gateway, **fields) == DUPLICATE


@pytest.mark.proves("R87")
def test_ultrasound_and_pacs_cannot_share_an_ae_title(gateway: Gateway) -> None:
    assert puts(gateway, **PACS | {"ae_title": "US01"}) == DUPLICATE
    assert puts(gateway, **PACS)[0] == 200
    assert puts(gateway, ae_title="ARCHIVE") == DUPLICATE


@pytest.mark.proves("R87")
def test_another_facility_may_use_the_same_ae_title(world: World, gateway: Gateway) -> None:
    annexe = world.gateway(world.second_facility(gateway.place))
    assert puts(gateway, **PACS)[0] == puts(annexe, **PACS)[0] == 200


@pytest.mark.proves("R87")
def test_a_change_cannot_take_anothers_ae_title(gateway: Gateway) -> None:
    one = uuid.uuid4()
    assert puts(gateway, one, **PACS)[0] == 200
    assert puts(gateway, one, **PACS | {"ae_title": "US01"}) == DUPLICATE
    assert puts(gateway, one, **PACS)[0] == 200


@pytest.mark.proves("R87")
def test_of_two_at_once_one_wins(gateway: Gateway) -> None:
    ready = threading.Barrier(4)
    ends: list[tuple[int, str]] = []

    def work() -> None:
        ready.wait(timeout=30)
        ends.append(puts(gateway, **PACS))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(ends) == [(200, ""), DUPLICATE, DUPLICATE, DUPLICATE]


@pytest.mark.proves("R61", "R87")
def test_a_scanner_known_to_the_facility_keeps_what_people_set(world: World, gateway: Gateway) -> None:
    assert gateway.put_connection(
        gateway.connection_id,
        name="Room 4",
        mapping="operator",
        specialty_ids=[str(gateway.place.other_specialty_id)],
    ).is_success
    successor = world.gateway(gateway.place)
    assert successor.connection_id == gateway.connection_id
    (row,) = world.rows(gateway.place, "SELECT * FROM connection")
    assert (row["name"], row["mapping"], row["specialty_ids"]) == (
        "Room 4",
        "operator",
        [gateway.place.other_specialty_id],
    )
    assert row["gateway_id"] == successor.id


def test_unknown_and_foreign_specialties_are_refused(world: World, gateway: Gateway) -> None:
    annexe = world.second_facility(gateway.place)
    for specialty in (uuid.uuid4(), annexe.specialty_id):
        refusal = puts(gateway, **PACS | {"specialty_ids": [str(specialty)]})
        assert refusal == (422, ProblemType.SPECIALTY_UNKNOWN)


def test_connections_of_others_and_deleted_ones_cannot_be_changed(world: World, gateway: Gateway) -> None:
    unknown = (404, ProblemType.CONNECTION_UNKNOWN)
    charlies = world.gateway(world.organisation("Elsewhere"))
    annexe = world.gateway(world.second_facility(gateway.place))
    assert puts(charlies, gateway.connection_id, ae_title="NEW") == unknown
    assert puts(annexe, gateway.connection_id, ae_title="NEW") == unknown
    with world.access.organisation(gateway.place.organisation_id) as site:
        site.run("UPDATE connection SET deleted_at = :now WHERE id = :id", now=world.now, id=gateway.connection_id)
    assert puts(gateway, gateway.connection_id) == unknown
    assert puts(gateway)[0] == 200


@pytest.mark.parametrize(
    "fields", [{"ae_title": "A\\B"}, {"ae_title": "A" * 17}, {"ae_title": " "}, {"port": 0}, {"kind": "printer"}]
)
def test_what_is_malformed_is_refused_without_being_repeated(gateway: Gateway, fields: dict[str, Any]) -> None:
    answer = gateway.put_connection(uuid.uuid4(), **PACS | fields)
    assert (answer.status_code, answer.json()["type"]) == (422, ProblemType.REQUEST_INVALID)
    assert "A\\" not in answer.text
    assert "printer" not in answer.text


@pytest.mark.proves("R84")
def test_a_deleted_connection_is_gone_for_good_and_its_ae_title_is_free(world: World, gateway: Gateway) -> None:
    one, another = uuid.uuid4(), uuid.uuid4()
    gateway.put_connection(one, **PACS)
    for _ in range(2):
        answer = gateway.delete_connection(one)
        assert (answer.status_code, answer.json()) == (200, {"id": str(one)})
    assert puts(gateway, one, **PACS) == (404, ProblemType.CONNECTION_UNKNOWN)
    configuration = world.http.get(paths.CONFIGURATION, headers=gateway.headers())
    assert [known["ae_title"] for known in configuration.json()["connections"]] == ["US01"]
    assert puts(gateway, another, **PACS)[0] == 200
    events = world.rows(gateway.place, "SELECT object_id FROM audit_event WHERE action = 'connection_deleted'")
    assert events == [{"object_id": str(one)}]


@pytest.mark.proves("R84")
def test_a_connection_that_works_never_had_is_deleted_without_ado(gateway: Gateway) -> None:
    assert gateway.delete_connection(uuid.uuid4()).status_code == 200


def test_another_facilitys_connection_is_not_deleted(world: World, gateway: Gateway) -> None:
    annexe = world.gateway(world.second_facility(gateway.place))
    one = uuid.uuid4()
    gateway.put_connection(one, **PACS)
    assert annexe.delete_connection(one).status_code == 404
    assert puts(gateway, one, **PACS)[0] == 200


def test_the_audit_trail_says_what_was_changed_from_what_to_what(world: World, gateway: Gateway) -> None:
    one = uuid.uuid4()
    for fields in (PACS, PACS, PACS | {"port": 11112}, PACS | {"port": 11112, "status": "active"}):
        gateway.put_connection(one, **fields)
    gateway.delete_connection(one)
    query = "SELECT action, actor_id, ip, detail FROM audit_event WHERE object_id = :id ORDER BY id"
    added, changed, deleted = world.rows(gateway.place, query, id=str(one))
    assert (added["action"], added["detail"]["new"]["ae_title"]) == ("connection_added", "ARCHIVE")
    assert (changed["action"], changed["detail"]) == (
        "connection_changed",
        {"old": {"port": 104}, "new": {"port": 11112}},
    )
    assert deleted["action"] == "connection_deleted"
    assert {one["actor_id"] for one in (added, changed, deleted)} == {str(gateway.id)}


@pytest.mark.proves("R54")
def test_a_worklist_server_has_one_specialty(gateway: Gateway) -> None:
    both = [str(gateway.place.specialty_id), str(gateway.place.other_specialty_id)]
    assert puts(gateway, **WORKLIST, specialty_ids=both) == (422, ProblemType.REQUEST_INVALID)
    assert puts(gateway, **WORKLIST)[0] == 200
