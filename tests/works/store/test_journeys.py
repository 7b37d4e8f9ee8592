"""Deliveries are told with their instances, and an exam by its id or its study."""

import uuid

from smartlink.works.store import journeys
from tests.works.exams.stage import Stage, stage

__all__ = ["stage"]


def test_each_delivery_of_an_exam_comes_with_its_instances(stage: Stage) -> None:
    exam = stage.exam(2)
    stage.submit(exam)
    with stage.world.access.organisation(stage.organisation_id) as site:
        (told,) = journeys.deliveries(site, exam)
        assert journeys.study_of(site, exam) == "1.2.3"
        assert journeys.facility_of(site, "1.2.3") == stage.place.facility_id
        assert journeys.study_of(site, uuid.uuid4()) is None
    assert (told["connection_name"], told["ae_title"], told["state"]) == ("ARCHIVE", "ARCHIVE", "queued")
    assert [(one["sop_instance_uid"], one["state"]) for one in told["instances"]] == [
        ("1.2.3.4.1", "queued"),
        ("1.2.3.4.2", "queued"),
    ]
