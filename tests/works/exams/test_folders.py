"""An exam in Unassigned finds its physician by a person's hand, and no rule touches it afterwards."""

from __future__ import annotations

import uuid

import pytest

from smartlink.works.errors import Conflict, Invalid, NotAllowed, NotFound
from smartlink.works.exams import folders
from smartlink.works.exams.rights import Actor
from tests.works.exams.stage import Stage

TYPO = "Hose^Gregory"


def place(stage: Stage, exam_id: uuid.UUID) -> tuple[str, uuid.UUID | None, str | None]:
    """Folder, owner and reason."""
    row = stage.row("exam", exam_id)
    return row["folder"], row["owner_person_id"], row["reason"]


@pytest.mark.proves("R81")
def test_a_physician_claims_an_exam(stage: Stage) -> None:
    exam_id = stage.exam(1, performing=TYPO)
    assert place(stage, exam_id) == ("unassigned", None, "no_match")
    folders.claim(stage.world.access, stage.actor(stage.eve), exam_id, stage.world.now)
    assert place(stage, exam_id) == ("drafts", stage.eve, None)
    (event,) = stage.world.rows(stage.place, "SELECT * FROM audit_event WHERE action = 'exam_claimed'")
    assert (event["actor_id"], event["object_id"]) == (str(stage.eve), str(exam_id))
    assert TYPO not in str(event["detail"])


@pytest.mark.proves("R81")
def test_of_two_who_claim_the_first_has_it(stage: Stage) -> None:
    exam_id = stage.exam(1, performing=TYPO)
    folders.claim(stage.world.access, stage.actor(stage.bob), exam_id, stage.world.now)
    with pytest.raises(Conflict, match="faster"):
        folders.claim(stage.world.access, stage.actor(stage.eve), exam_id, stage.world.now)
    assert place(stage, exam_id) == ("drafts", stage.bob, None)


@pytest.mark.proves("R80")
def test_later_images_of_a_claimed_exam_leave_it_where_it_is(stage: Stage) -> None:
    exam_id = stage.exam(1, performing=TYPO)
    folders.claim(stage.world.access, stage.actor(stage.eve), exam_id, stage.world.now)
    stage.exam(1, first=2)
    assert place(stage, exam_id) == ("drafts", stage.eve, None)


@pytest.mark.proves("R81")
def test_an_administrator_assigns_without_being_a_physician(stage: Stage) -> None:
    exam_id = stage.exam(1, performing=TYPO)
    with pytest.raises(NotAllowed, match="no physician"):
        folders.claim(stage.world.access, stage.actor(stage.alice), exam_id, stage.world.now)
    folders.assign(stage.world.access, stage.actor(stage.alice), exam_id, stage.bob, stage.world.now)
    assert place(stage, exam_id) == ("drafts", stage.bob, None)


def test_the_operator_assigns_but_claims_nothing(stage: Stage) -> None:
    exam_id = stage.exam(1, performing=TYPO)
    operator = Actor(stage.organisation_id)
    with pytest.raises(Invalid):
        folders.claim(stage.world.access, operator, exam_id, stage.world.now)
    folders.assign(stage.world.access, operator, exam_id, stage.eve, stage.world.now)
    assert place(stage, exam_id)[1] == stage.eve


@pytest.mark.proves("R81")
def test_another_specialty_another_place_and_a_former_physician_are_refused(stage: Stage) -> None:
    exam_id = stage.exam(1, performing=TYPO)
    radiologist = stage.world.person(stage.place, "Dr. Ray", "Ray", "Ex", specialties=[stage.place.other_specialty_id])
    former = stage.world.person(stage.place, "Dr. Gone", "Gone", "By", status="inactive")
    with pytest.raises(NotAllowed):
        folders.claim(stage.world.access, stage.actor(radiologist), exam_id, stage.world.now)
    for target in (radiologist, former, uuid.uuid4()):
        with pytest.raises(Invalid):
            folders.assign(stage.world.access, stage.actor(stage.alice), exam_id, target, stage.world.now)
    with pytest.raises(NotFound):
        folders.claim(stage.world.access, stage.actor(uuid.uuid4()), exam_id, stage.world.now)
    shown = folders.candidates(stage.world.access, stage.actor(stage.alice), exam_id)
    assert [one.person_id for one in shown] == [stage.eve, stage.bob]


@pytest.mark.proves("R81")
def test_a_remembered_name_finds_its_physician_the_next_time(stage: Stage) -> None:
    exam_id = stage.exam(1, performing=TYPO)
    folders.claim(stage.world.access, stage.actor(stage.eve), exam_id, stage.world.now, remember=True)
    other = stage.exam(1, study="1.2.9", performing=TYPO)
    assert place(stage, other) == ("drafts", stage.eve, None)


def test_a_value_of_several_names_is_not_remembered(stage: Stage) -> None:
    exam_id = stage.exam(1, performing="Hose^G\\Watson^J")
    folders.claim(stage.world.access, stage.actor(stage.eve), exam_id, stage.world.now, remember=True)
    assert stage.world.rows(stage.place, "SELECT * FROM person_dicom_identity") == []
