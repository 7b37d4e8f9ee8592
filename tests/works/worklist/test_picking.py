"""A step is picked for an exam: old and new are confirmed, and nothing of another patient stays."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from smartlink.works.errors import Conflict, Invalid, NotAllowed, NotFound
from smartlink.works.exams import correction
from smartlink.works.exams.correction import Values
from smartlink.works.worklist import picking
from smartlink.works.worklist.picking import Patient, Picked, values_of
from tests.works.worklist.ward import Ward


def preview(ward: Ward, exam_id: uuid.UUID, item_id: uuid.UUID, **more: uuid.UUID) -> Picked:
    stage = ward.stage
    actor, version = stage.actor(**more), stage.version(exam_id)
    return picking.preview(stage.world.access, actor, exam_id, version, item_id, stage.world.now)


def pick(ward: Ward, exam_id: uuid.UUID, item_id: uuid.UUID, seen: str) -> uuid.UUID:
    stage = ward.stage
    version = stage.version(exam_id)
    return picking.pick(stage.world.access, stage.actor(), exam_id, version, item_id, stage.world.now, seen=seen)


@pytest.mark.proves("R52", "R54")
def test_a_step_is_reviewed_and_confirmed(ward: Ward) -> None:
    exam_id = ward.stage.exam(1)
    ward.put(ward.server(), ward.item())
    (item,) = ward.listing()
    picked = preview(ward, exam_id, item.id)
    shown = {change.name: (change.old, change.new) for change in picked.changes}
    assert shown["patient_id"] == ("MARKER-7", "P-1")
    assert shown["patient_name"] == ("Marker^Patient", "Yamada^Tarou=山田^太郎=やまだ^たろう")
    assert shown["study_instance_uid"] == ("1.2.3", "1.2.840.7.1")
    assert shown["accession_number"] == ("", "ACC-1")
    pick(ward, exam_id, item.id, picked.seen)
    exam = ward.stage.row("exam", exam_id)
    assert (exam["patient_id"], exam["patient_name"]) == ("P-1", "Yamada^Tarou=山田^太郎=やまだ^たろう")
    (event,) = ward.stage.world.rows(
        ward.stage.place, "SELECT detail FROM audit_event WHERE action = 'patient_corrected'"
    )
    assert event["detail"]["worklist_item_id"] == str(item.id)
    assert not any(word in str(event["detail"]) for word in ("P-1", "Yamada", "ACC"))
    assert preview(ward, exam_id, item.id).changes == ()
    with pytest.raises(Invalid, match="Nothing"):
        pick(ward, exam_id, item.id, preview(ward, exam_id, item.id).seen)


def test_nothing_of_the_former_patient_stays(ward: Ward) -> None:
    exam_id = ward.stage.exam(1)
    stage = ward.stage
    known = Values(birth_date="1950-01-01", sex="M", issuer_of_patient_id="ELSEWHERE", accession_number="OLD")
    correction.set_identity(stage.world.access, stage.actor(), exam_id, stage.version(exam_id), known, stage.world.now)
    bare: dict[str, Any] = {"birth_date": None, "sex": "", "issuer_of_patient_id": "", "accession_number": ""}
    ward.put(ward.server(), ward.item(**bare))
    (item,) = ward.listing()
    pick(ward, exam_id, item.id, preview(ward, exam_id, item.id).seen)
    exam = stage.row("exam", exam_id)
    assert (exam["birth_date"] or "", exam["sex"] or "", exam["accession_number"] or "") == ("", "", "")


def test_of_the_same_patient_what_the_worklist_does_not_say_stays(ward: Ward) -> None:
    ward.put(ward.server(), ward.item(birth_date=None, sex="", study_instance_uid=None))
    (item,) = ward.listing()
    same, other = values_of(item, Patient("P-1")), values_of(item, Patient("P-2"))
    assert (same.birth_date, same.sex, same.study_instance_uid) == (None, None, None)
    assert (other.birth_date, other.sex) == ("", "")
    assert same.accession_number == other.accession_number == "ACC-1"
    with pytest.raises(Invalid, match="no patient ID"):
        values_of(replace(item, patient_id=""), Patient("P-1"))


def test_the_same_id_of_another_issuer_is_another_patient(ward: Ward) -> None:
    exam_id, stage = ward.stage.exam(1), ward.stage
    known = Values(birth_date="1950-01-01", sex="M", issuer_of_patient_id="ELSEWHERE")
    correction.set_identity(stage.world.access, stage.actor(), exam_id, stage.version(exam_id), known, stage.world.now)
    ward.put(ward.server(), ward.item("MARKER-7", birth_date=None, sex=""))
    (item,) = ward.listing()
    picked = preview(ward, exam_id, item.id)
    assert picked.other_patient
    pick(ward, exam_id, item.id, picked.seen)
    exam = stage.row("exam", exam_id)
    assert (exam["patient_id"], exam["birth_date"] or "", exam["sex"] or "") == ("MARKER-7", "", "")


@pytest.mark.parametrize(
    ("patient", "same"),
    [
        (Patient("P-1", "HOSPITAL"), True),
        (Patient("P-1"), True),
        (Patient("P-1", "ELSEWHERE"), False),
        (Patient("P-2", "HOSPITAL"), False),
        (Patient(""), False),
    ],
)
def test_a_patient_is_known_by_id_and_issuer(ward: Ward, patient: Patient, same: bool) -> None:  # noqa: FBT001
    ward.put(ward.server(), ward.item())
    (item,) = ward.listing()
    assert patient.is_of(item) is same
    assert patient.is_of(replace(item, issuer_of_patient_id="")) is (patient.id == "P-1")


@pytest.mark.proves("R52", "R54")
def test_the_choice_is_of_the_exams_specialty_its_own_patient_first(ward: Ward) -> None:
    place, exam_id = ward.stage.place, ward.stage.exam(1)
    soon = ward.stage.world.now
    ward.put(
        ward.server("HEART"),
        ward.item("P-1", start_at=soon),
        ward.item("MARKER-7", step_id="S-2"),
        truncated=True,
    )
    ward.put(ward.server("KIDNEY", place.other_specialty_id), ward.item("P-9"))
    found = picking.choice(ward.stage.world.access, ward.stage.actor(), exam_id, soon)
    assert [one.patient_id for one in found.items] == ["MARKER-7", "P-1"]
    assert ([one.name for one in found.servers], found.truncated) == (["Heart"], True)
    (elsewhere,) = ward.listing(place.other_specialty_id)
    with pytest.raises(Conflict, match="not on the worklist"):
        preview(ward, exam_id, elsewhere.id)


def test_what_was_not_seen_is_not_confirmed(ward: Ward) -> None:
    exam_id, server = ward.stage.exam(1), ward.server()
    ward.put(server, ward.item())
    (item,) = ward.listing()
    seen = preview(ward, exam_id, item.id).seen
    ward.stage.later(minutes=5)
    ward.put(server, ward.item(patient_name="Other^Name"))
    with pytest.raises(Conflict, match="something else"):
        pick(ward, exam_id, item.id, seen)
    ward.stage.later(minutes=5)
    ward.put(server)
    with pytest.raises(Conflict, match="not on the worklist"):
        pick(ward, exam_id, item.id, seen)
    with pytest.raises(Conflict):
        stage = ward.stage
        picking.preview(stage.world.access, stage.actor(), exam_id, 999, item.id, stage.world.now)


def test_only_whoever_may_correct_the_exam_may_pick(ward: Ward) -> None:
    exam_id = ward.stage.exam(1)
    ward.put(ward.server(), ward.item())
    (item,) = ward.listing()
    with pytest.raises(NotFound):
        preview(ward, exam_id, item.id, person_id=ward.stage.eve)
    assert preview(ward, exam_id, item.id, person_id=ward.stage.alice).changes
    unassigned = ward.stage.exam(1, study="1.2.9", performing="Nobody^Known")
    with pytest.raises(NotAllowed):
        picking.choice(ward.stage.world.access, ward.stage.actor(), unassigned, ward.stage.world.now)
