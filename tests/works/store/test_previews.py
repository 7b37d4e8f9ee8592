"""Which images still need their pictures."""

import uuid

from smartlink.works.store import previews
from tests.works.web.town import Town, town

__all__ = ["town"]


def test_an_image_s_source_is_its_stored_object(town: Town) -> None:
    exam = town.exam(town.bob)
    instance = town.instance(exam, preview_state="waiting", object_key="objects/here")
    with town.access.organisation(town.organisation_id) as site:
        assert previews.source(site, instance) == previews.Source(exam, "objects/here", previews.WAITING)
        assert previews.source(site, uuid.uuid4()) is None


def test_another_organisation_has_no_such_image(town: Town) -> None:
    instance = town.instance(town.exam(town.bob), preview_state="waiting")
    with town.access.organisation(town.elsewhere.organisation_id) as site:
        assert previews.source(site, instance) is None


def test_what_became_of_it_is_kept_and_a_reason_leaves_the_frames_as_they_were(town: Town) -> None:
    instance = town.instance(town.exam(town.bob), frames=5, preview_state="waiting")
    with town.access.organisation(town.organisation_id) as site:
        previews.settle(site, instance, "video", None)
        assert site.value("SELECT frames FROM instance WHERE id = :id", id=instance) == 5
        previews.settle(site, instance, previews.READY, 4)
        assert site.value("SELECT frames FROM instance WHERE id = :id", id=instance) == 4
