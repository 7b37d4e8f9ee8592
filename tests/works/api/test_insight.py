"""What a gateway may ask for its diagnostics: a byte's way into storage, and exams of its own facility."""

import uuid
from typing import Any

import httpx
import pytest

from smartlink.link import paths
from tests.works.exams.part10 import dataset
from tests.works.world import Gateway, World


def journey(gateway: Gateway, study: str) -> dict[str, Any]:
    answer = gateway.world.http.post(paths.JOURNEY, json={"study": study}, headers=gateway.headers())
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.proves("R104")
def test_a_byte_may_be_put_and_is_known_the_second_time(world: World) -> None:
    gateway = world.gateway(world.organisation("Heart Clinic"))
    told = world.http.post(paths.STORAGE_PROBE, headers=gateway.headers()).json()
    assert httpx.put(told["url"], content=b"\0", headers=told["headers"]).status_code == 200
    assert httpx.put(told["url"], content=b"\0", headers=told["headers"]).status_code == 412
    assert httpx.put(told["url"], content=b"\1", headers=told["headers"]).status_code >= 400


@pytest.mark.proves("R104")
def test_an_exam_is_told_to_gateways_of_its_facility_and_to_no_others(world: World) -> None:
    place = world.organisation("Heart Clinic")
    gateway, beside = world.gateway(place), world.gateway(world.second_facility(place), ae_title="US02")
    stranger = world.gateway(world.organisation("Elsewhere"), ae_title="US03")
    gateway.deliver(dataset("1.2.3.1"), "1.2.3.1")
    world.ingest()
    told = journey(gateway, "1.2.3")
    assert told["instances"][0]["ingested_at"]
    assert journey(gateway, told["exam"]["exam_id"])["study_instance_uid"] == "1.2.3"
    for other in (beside, stranger):
        for asked in ("1.2.3", told["exam"]["exam_id"]):
            assert journey(other, asked) == {
                "study_instance_uid": asked,
                "exam": None,
                "instances": [],
                "deliveries": [],
                "missing": [],
            }
    assert journey(gateway, str(uuid.uuid4()))["exam"] is None
