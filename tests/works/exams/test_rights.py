"""What one may not see is not found; what one sees but may not do says so."""

from __future__ import annotations

import uuid

import pytest

from smartlink.works.errors import Conflict, NotAllowed, NotFound
from smartlink.works.exams import rights
from smartlink.works.exams.rights import Actor
from tests.works.exams.stage import Stage


def test_an_exam_is_its_physicians_the_administrators_and_the_operators(stage: Stage) -> None:
    exam_id = stage.exam(1)
    with stage.world.access.organisation(stage.organisation_id) as site:
        for actor in (stage.actor(), stage.actor(stage.alice), Actor(stage.organisation_id)):
            assert rights.own_exam(site, actor, exam_id).id == exam_id
        for stranger in (stage.eve, uuid.uuid4()):
            with pytest.raises(NotFound):
                rights.own_exam(site, stage.actor(stranger), exam_id)
        with pytest.raises(NotFound):
            rights.own_exam(site, stage.actor(), uuid.uuid4())


def test_an_unassigned_exam_is_to_be_claimed_first(stage: Stage) -> None:
    exam_id = stage.exam(1, performing="Nobody^Known")
    with stage.world.access.organisation(stage.organisation_id) as site:
        with pytest.raises(NotAllowed, match="Claim"):
            rights.own_exam(site, stage.actor(stage.eve), exam_id)
        assert rights.own_exam(site, stage.actor(stage.alice), exam_id).folder == "unassigned"


def test_a_change_since_one_looked_is_told(stage: Stage) -> None:
    exam_id = stage.exam(1)
    with stage.world.access.organisation(stage.organisation_id) as site:
        exam = rights.own_exam(site, stage.actor(), exam_id)
    rights.unchanged(exam, exam.version)
    with pytest.raises(Conflict, match="meanwhile"):
        rights.unchanged(exam, exam.version - 1)
