"""The versions of an image are its organisation's, and an administrator hears which exam waits longest."""

import uuid

import pytest

from smartlink.works.store import versions
from tests.works.web.town import Town, town

__all__ = ["town"]
pytestmark = pytest.mark.proves("R152")


def test_another_organisation_sees_no_version(town: Town) -> None:
    exam = town.exam(town.bob)
    image = town.instance(exam)
    town.conflict(image)
    with town.access.organisation(town.elsewhere.organisation_id) as site:
        assert versions.of_instance(site, image) == []
        assert versions.contested(site, exam, image) is None
        assert versions.lock(site, exam, image) is None
        assert versions.undecided(site, town.charlie) is None


def test_an_image_is_named_by_its_place_in_the_strip(town: Town) -> None:
    exam = town.exam(town.bob)
    images = {number: town.instance(exam, number=number) for number in (3, 1, None, 2)}
    with town.access.organisation(town.organisation_id) as site:
        found = [versions.contested(site, exam, images[number]) for number in (1, 2, 3, None)]
        assert [each.number for each in found if each is not None] == [1, 2, 3, 4]
        assert versions.contested(site, town.exam(town.bob), images[1]) is None


def test_administrators_are_told_of_the_exam_that_waits_longest(town: Town) -> None:
    first = town.exam(town.eve)
    image = town.instance(first)
    town.conflict(image)
    town.conflict(image)
    town.wait(minutes=1)
    second = town.exam(town.eve)
    town.conflict(town.instance(second))

    def told(person: uuid.UUID) -> versions.Undecided | None:
        with town.access.organisation(town.organisation_id) as site:
            return versions.undecided(site, person)

    assert told(town.bob) is None
    town.runs(town.bob)
    assert told(town.bob) == versions.Undecided(first, 2)
    with town.access.organisation(town.organisation_id) as site:
        versions.settle(site, first, image, image, by=town.bob, now=town.now)
    assert told(town.bob) == versions.Undecided(second, 1)
