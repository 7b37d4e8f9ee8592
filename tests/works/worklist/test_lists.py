"""A put replaces the list of its server, and nothing of it stays for longer than it may."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from smartlink.link.problems import ProblemType
from smartlink.link.worklist import MOST_ITEMS
from smartlink.works.store import worklists
from smartlink.works.worklist import lists
from tests.works.worklist.ward import Ward

HOUR = timedelta(hours=1)


@pytest.mark.proves("R52")
def test_a_list_arrives_letter_for_letter_and_replaces_the_one_before(ward: Ward) -> None:
    server = ward.server()
    with capture_logs() as logs:
        answer = ward.put(server, ward.item("P-1"), ward.item("P-2", accession_number="ACC-2"))
        assert (answer.status_code, answer.json()) == (200, {"connection_id": str(server), "items": 2})
        first = {one.patient_id: one.id for one in ward.listing()}
        assert ward.put(server, ward.item("P-2", accession_number="ACC-2"), ward.item("P-3")).json()["items"] == 2
    assert sorted(ward.patients()) == ["P-2", "P-3"]
    (kept,) = [one for one in ward.listing() if one.patient_id == "P-2"]
    assert kept.id == first["P-2"]
    assert kept.patient_name == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert kept.birth_date == "1965-03-12"
    assert not any(word in str(logs) for word in ("Yamada", "P-2", "ACC"))


@pytest.mark.proves("R52", "R54")
def test_a_list_is_seen_in_its_specialty_only(ward: Ward) -> None:
    place = ward.stage.place
    ward.put(ward.server("HEART", place.specialty_id), ward.item("P-1"))
    ward.put(ward.server("KIDNEY", place.other_specialty_id), ward.item("P-2", study_instance_uid="1.2.840.7.2"))
    assert ward.patients(place.specialty_id) == ["P-1"]
    assert ward.patients(place.other_specialty_id) == ["P-2"]
    assert len(ward.patients()) == 2


def test_a_step_that_two_servers_know_is_listed_once_from_the_one_that_answers(ward: Ward) -> None:
    first, second = ward.server("FIRST"), ward.server("SECOND")
    ward.put(first, ward.item(step_description="Old"))
    ward.stage.later(minutes=5)
    ward.put(second, ward.item(step_description="New"))
    assert [one.step_description for one in ward.listing()] == ["New"]
    now = ward.stage.world.now
    ward.put(second, ward.item(step_description="New"), failing_since=now, problem="It is down.")
    assert [one.step_description for one in ward.listing()] == ["Old"]


def test_two_patients_are_never_taken_for_one(ward: Ward) -> None:
    same: dict[str, Any] = {"accession_number": "A", "study_instance_uid": None}
    ward.put(ward.server("FIRST"), ward.item("P-1", **same), ward.item("P-2", **same))
    ward.put(ward.server("SECOND"), ward.item("P-3", study_instance_uid="1.2.840.7.1"), ward.item("P-1", **same))
    assert sorted(ward.patients()) == ["P-1", "P-2", "P-3"]


def test_what_names_no_order_is_one_step_only_if_all_of_it_is_the_same(ward: Ward) -> None:
    bare: dict[str, Any] = {"study_instance_uid": None, "accession_number": "", "requested_procedure_id": ""}
    items = [ward.item(**bare), ward.item(**bare), ward.item(**bare, modality="CT")]
    assert ward.put(ward.server(), *items).json()["items"] == 2


@pytest.mark.proves("R52")
def test_the_last_good_list_stays_with_its_age_while_the_server_is_down(ward: Ward) -> None:
    server = ward.server()
    began = ward.stage.world.now
    ward.put(server, ward.item())
    ward.stage.later(minutes=10)
    fields: dict[str, Any] = {
        "fetched_at": began,
        "failing_since": ward.stage.world.now,
        "problem": "It is down.",
        "remedy": "Wait.",
    }
    assert ward.put(server, ward.item(), **fields).status_code == 200
    with ward.stage.world.access.organisation(ward.stage.organisation_id) as site:
        (known,) = worklists.servers(site, ward.stage.place.facility_id, None, ward.stage.world.now)
    assert (known.fetched_at, known.failing_since) == (began, began + timedelta(minutes=10))
    assert (known.problem, known.remedy, known.items) == ("It is down.", "Wait.", 1)


def test_what_comes_late_changes_nothing(ward: Ward) -> None:
    server = ward.server()
    now = ward.stage.world.now
    ward.put(server, ward.item("NEW"))
    ward.put(server, ward.item("OLD"), checked_at=now - HOUR)
    assert ward.patients() == ["NEW"]


def test_a_clock_that_was_wrong_once_does_not_silence_the_gateway(ward: Ward) -> None:
    server = ward.server()
    now = ward.stage.world.now
    ward.put(server, ward.item("WRONG"), checked_at=now + 24 * HOUR, fetched_at=now + 24 * HOUR)
    ward.put(server, ward.item("RIGHT"))
    assert ward.patients() == ["RIGHT"]


@pytest.mark.proves("R52")
def test_items_are_gone_after_48_hours_whatever_happens(ward: Ward) -> None:
    server, world = ward.server(), ward.stage.world
    ward.put(server, ward.item("P-1"), ward.item("P-2", start_at=world.now - 11 * HOUR, step_id="S-2"))
    world.wait(hours=37, minutes=1)
    assert ward.patients() == ["P-1"]
    assert lists.purge(world.access, world.now) == 1
    world.wait(hours=11)
    assert ward.patients() == []
    assert lists.purge(world.access, world.now) == 1
    assert lists.purge(world.access, world.now) == 0
    (left,) = world.rows(ward.stage.place, "SELECT count(*) AS n FROM worklist_item")
    assert left["n"] == 0


def test_a_list_from_the_future_is_not_kept_longer(ward: Ward) -> None:
    world = ward.stage.world
    ward.put(ward.server(), ward.item(start_at=datetime(2030, 1, 1, tzinfo=UTC)), fetched_at=world.now + 99 * HOUR)
    world.wait(hours=48)
    assert lists.purge(world.access, world.now) == 1


@pytest.mark.proves("R86")
def test_nothing_is_left_of_a_deleted_server(ward: Ward) -> None:
    server = ward.server()
    ward.put(server, ward.item())
    ward.stage.gateway.delete_connection(server)
    assert ward.patients() == []
    (left,) = ward.stage.world.rows(ward.stage.place, "SELECT count(*) AS n FROM worklist_item")
    assert left["n"] == 0
    assert ward.put(server, ward.item()).json()["type"] == ProblemType.CONNECTION_UNKNOWN


def test_only_a_worklist_server_of_the_facility_has_a_list(ward: Ward) -> None:
    stage = ward.stage
    elsewhere = stage.world.gateway(stage.world.second_facility(stage.place))
    server = ward.server()
    for answer in (
        ward.put(stage.pacs, ward.item()),
        ward.put(uuid.uuid4(), ward.item()),
        ward.put(server, ward.item(), gateway=elsewhere),
    ):
        assert (answer.status_code, answer.json()["type"]) == (404, ProblemType.CONNECTION_UNKNOWN)


def test_another_organisation_sees_nothing_of_it(ward: Ward) -> None:
    ward.put(ward.server(), ward.item())
    other = ward.stage.world.organisation("Elsewhere Group")
    for table in ("worklist", "worklist_item"):
        (seen,) = ward.stage.world.rows(other, f"SELECT count(*) AS n FROM {table}")
        assert seen["n"] == 0


def test_the_longest_list_fits_into_one_put(ward: Ward) -> None:
    long = "山" * 64
    items = [
        ward.item(
            f"{long[:60]}{number}",
            patient_name="=".join([long] * 3),
            study_instance_uid=None,
            accession_number=str(number),
            requested_procedure_description=long,
            step_description=long,
            referring_physician="=".join([long] * 3),
        )
        for number in range(MOST_ITEMS)
    ]
    assert ward.put(ward.server(), *items, truncated=True).json()["items"] == MOST_ITEMS
