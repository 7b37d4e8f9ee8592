"""What a person may see, asked of the queries themselves."""

import uuid
from datetime import timedelta

from smartlink.works.store import exam_pages
from tests.works.web.town import Town, town

__all__ = ["town"]


def test_one_sees_one_s_own_drafts_and_the_unassigned_within_reach(town: Town) -> None:
    mine, unassigned, hers = town.exam(town.bob), town.exam(), town.exam(town.eve)
    with town.access.organisation(town.organisation_id) as site:
        assert [row.id for row in exam_pages.drafts(site, town.bob)] == [mine]
        assert [row.id for row in exam_pages.unassigned(site, town.bob)] == [unassigned]
        assert exam_pages.exam(site, town.bob, hers) is None
        assert exam_pages.exam(site, town.bob, uuid.uuid4()) is None
        assert exam_pages.counts(site, town.bob) == exam_pages.Counts(drafts=1, unassigned=1, outbox=0)


def test_a_membership_of_all_specialties_reaches_all_of_the_facility(town: Town) -> None:
    radiology = town.exam(specialty_id=town.lakeside.other_specialty_id)
    with town.access.organisation(town.organisation_id) as site:
        assert exam_pages.unassigned(site, town.bob) == []
        site.run("UPDATE membership SET specialty_ids = '{}' WHERE person_id = :bob", bob=town.bob)
        assert [row.id for row in exam_pages.unassigned(site, town.bob)] == [radiology]


def test_another_organisation_sees_nothing_whoever_asks(town: Town) -> None:
    exam, image = town.exam(town.bob), None
    image = town.instance(exam)
    with town.access.organisation(town.elsewhere.organisation_id) as site:
        for person in (town.bob, town.charlie):
            assert exam_pages.drafts(site, person) == []
            assert exam_pages.exam(site, person, exam) is None
            assert exam_pages.version(site, person, exam, image) is None
        assert exam_pages.images(site, exam) == []
        assert exam_pages.gateways(site, town.charlie) == []
        assert exam_pages.looker(site, town.bob) is None


def test_the_cover_is_the_first_image_that_has_its_pictures(town: Town) -> None:
    exam = town.exam(town.bob)
    town.instance(exam, number=1, preview_state="waiting")
    second = town.instance(exam, number=2)
    town.instance(exam, number=3)
    with town.access.organisation(town.organisation_id) as site:
        (row,) = exam_pages.drafts(site, town.bob)
        assert (row.cover_id, row.images) == (second, 3)


def test_images_stand_in_the_order_of_the_scanner_s_numbers(town: Town) -> None:
    exam = town.exam(town.bob)
    numbers = [3, None, 1, 2]
    images = {number: town.instance(exam, number=number) for number in numbers}
    with town.access.organisation(town.organisation_id) as site:
        assert [row.id for row in exam_pages.images(site, exam)] == [images[number] for number in (1, 2, 3, None)]


def test_the_one_that_waits_longest_is_first_in_unassigned(town: Town) -> None:
    young = town.exam()
    old = town.exam(created_at=town.now - timedelta(days=1))
    with town.access.organisation(town.organisation_id) as site:
        assert [row.id for row in exam_pages.unassigned(site, town.bob)] == [old, young]


def test_an_upload_of_an_image_that_is_here_already_is_not_on_its_way(town: Town) -> None:
    exam = town.exam(town.bob)
    image = town.instance(exam)
    study = town.value("SELECT study_instance_uid FROM exam WHERE id = :id", id=exam)
    town.upload(study, state="offered", sop_instance_uid=f"1.4.{image.int}")
    with town.access.organisation(town.organisation_id) as site:
        assert exam_pages.drafts(site, town.bob)[0].on_the_way == 0


def test_the_top_bar_names_the_person_and_where_they_work(town: Town) -> None:
    with town.access.organisation(town.organisation_id) as site:
        looker = exam_pages.looker(site, town.bob)
    assert looker == exam_pages.Looker(
        "Dr. Bob Brandt", "Lakeside Health", ["Lakeside General"], ["Cardiology"], "Europe/Madrid"
    )
