"""Exams, series and instances are added once, and an exam is extended, not made again."""

from __future__ import annotations

from smartlink.works.store import arrivals
from tests.works.exams.part10 import dataset
from tests.works.world import World


def test_a_kept_instance_is_found_by_its_uid_in_its_organisation_only(world: World) -> None:
    place, other = world.organisation("Lakeside"), world.organisation("Elsewhere")
    world.gateway(place).deliver(dataset("1.2.3.1"), "1.2.3.1")
    world.ingest()
    with world.access.organisation(place.organisation_id) as site:
        kept = arrivals.instance(site, "1.2.3.1")
        exam = arrivals.lock_exam(site, "1.2.3")
        assert kept is not None
        assert exam is not None
        assert kept.exam_id == exam.id
        assert not arrivals.decided_by_a_person(site, exam.id)
    with world.access.organisation(other.organisation_id) as site:
        assert arrivals.instance(site, "1.2.3.1") is None
        assert arrivals.lock_exam(site, "1.2.3") is None


def test_two_instances_of_a_study_are_one_exam(world: World) -> None:
    place = world.organisation("Lakeside")
    gateway = world.gateway(place)
    for sop in ("1.2.3.1", "1.2.3.2"):
        gateway.deliver(dataset(sop), sop)
    world.ingest()
    with world.access.organisation(place.organisation_id) as site:
        assert len(arrivals.journey(site, "1.2.3")) == 2
        assert site.value("SELECT count(*) FROM exam") == 1
        assert site.value("SELECT count(*) FROM series") == 1
