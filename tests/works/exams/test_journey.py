"""The journey of a study: every hop with its time, and no word about the patient."""

from __future__ import annotations

import json
import uuid

import pytest

from smartlink.works.access import Access
from smartlink.works.exams import journey
from tests.works.exams.part10 import dataset, part10
from tests.works.exams.stage import Stage
from tests.works.world import World, put


def test_a_study_that_nobody_sent_is_not_known(access: Access) -> None:
    with access.organisation(uuid.uuid4()) as site:
        assert not journey.of_study(site, "1.2.3").known


def test_an_ingested_study_shows_its_hops_without_the_patient(world: World) -> None:
    place = world.organisation("Lakeside")
    gateway = world.gateway(place)
    gateway.deliver(dataset("1.2.3.1"), "1.2.3.1")
    world.ingest()
    with world.access.organisation(place.organisation_id) as site:
        told = json.dumps(journey.of_study(site, "1.2.3").as_json())
    assert "confirmed_at" in told
    assert "object_key" in told
    assert "MARKER" not in told.upper()


def missing(stage: Stage) -> tuple[str, ...]:
    with stage.world.access.organisation(stage.organisation_id) as site:
        return journey.of_study(site, "1.2.3").missing


@pytest.mark.proves("R104")
def test_what_is_missing_is_said_at_every_hop_until_nothing_is(stage: Stage) -> None:
    body = dataset("1.2.3.9")
    (offered,) = stage.gateway.offer(stage.gateway.offered(part10(body, "1.2.3.9"), body, "1.2.3.9"))
    assert "has not been confirmed" in missing(stage)[0]
    assert put(offered, part10(body, "1.2.3.9", source="US01")).status_code == 200
    stage.gateway.confirm(offered["upload_id"])
    assert "has not been ingested" in missing(stage)[0]
    stage.world.ingest()
    assert missing(stage)[0].startswith("The exam is in Unassigned")


@pytest.mark.proves("R104")
def test_an_exam_on_its_way_says_what_its_pacs_has_not_and_why(stage: Stage) -> None:
    exam = stage.exam(2)
    assert missing(stage) == ("The exam has not been submitted: nothing was sent to a PACS.",)
    stage.submit(exam)
    first, second = stage.take()
    stage.report("sent", first, status="0000")
    stage.report("waiting", second, cause="ARCHIVE does not answer.")
    assert missing(stage) == ("1 of 2 images have not reached ARCHIVE (ARCHIVE): ARCHIVE does not answer.",)
    stage.report("sent", second, status="0000")
    assert missing(stage) == ()


def test_an_exam_is_named_by_its_id_or_its_study(stage: Stage) -> None:
    exam = stage.exam(1)
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert journey.study_named(site, str(exam)) == "1.2.3"
        assert journey.study_named(site, "1.2.3") == "1.2.3"
        unknown = str(uuid.uuid4())
        assert journey.study_named(site, unknown) == unknown
