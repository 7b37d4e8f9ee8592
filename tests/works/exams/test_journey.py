"""The journey of a study: every hop with its time, and no word about the patient."""

from __future__ import annotations

import json
import uuid

from smartlink.works.access import Access
from smartlink.works.exams import journey
from tests.works.exams.part10 import dataset
from tests.works.world import World


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
