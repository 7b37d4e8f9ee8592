"""Patient and order are corrected by a person who sees old and new; what cannot be a value is refused in words."""

from __future__ import annotations

import pytest

from smartlink.works.errors import Conflict, Invalid, NotFound
from smartlink.works.exams import correction
from smartlink.works.exams.correction import Change, Values
from smartlink.works.store import identities
from tests.works.exams.stage import Stage

NEW = Values(patient_name="Roe^Richard", patient_id=" R-1 ", birth_date="19650312", sex="m", accession_number="A-9")


def test_the_change_is_shown_before_it_is_confirmed(stage: Stage) -> None:
    exam_id = stage.exam(1)
    version = stage.version(exam_id)
    shown = correction.preview(stage.world.access, stage.actor(), exam_id, version, NEW)
    assert shown == (
        Change("patient_id", "MARKER-7", "R-1"),
        Change("patient_name", "Marker^Patient", "Roe^Richard"),
        Change("birth_date", "", "1965-03-12"),
        Change("sex", "", "M"),
        Change("accession_number", "", "A-9"),
    )
    assert stage.version(exam_id) == version


def test_confirmed_values_stand_on_the_exam_and_add_up(stage: Stage) -> None:
    exam_id = stage.exam(1)
    for values in (NEW, Values(accession_number="A-10", requested_procedure_id="RP-1")):
        version = stage.version(exam_id)
        correction.set_identity(stage.world.access, stage.actor(), exam_id, version, values, stage.world.now)
    exam = stage.row("exam", exam_id)
    assert (exam["patient_name"], exam["patient_id"], exam["accession_number"]) == ("Roe^Richard", "R-1", "A-10")
    with stage.world.access.organisation(stage.organisation_id) as site:
        current = identities.current(site, exam_id)
    assert current is not None
    assert (current.number, current.patient_id, current.requested_procedure_id) == (2, "R-1", "RP-1")
    assert current.former == {"accession_number": "A-9", "requested_procedure_id": ""}
    assert (current.study_instance_uid, current.issuer_of_patient_id) == (None, None)


def test_the_audit_trail_names_the_fields_and_no_value(stage: Stage) -> None:
    exam_id = stage.exam(1)
    correction.set_identity(stage.world.access, stage.actor(), exam_id, stage.version(exam_id), NEW, stage.world.now)
    (event,) = stage.world.rows(stage.place, "SELECT * FROM audit_event WHERE action = 'patient_corrected'")
    assert event["detail"]["changed"] == ["patient_id", "patient_name", "birth_date", "sex", "accession_number"]
    assert not any(word in str(event["detail"]) for word in ("R-1", "Roe", "1965", "A-9"))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (Values(patient_id="x" * 65), "at most 64"),
        (Values(accession_number="x" * 17), "at most 16"),
        (Values(patient_id="a\\b"), "does not allow"),
        (Values(patient_name="a\x00b"), "does not allow"),
        (Values(patient_name="x" * 65), "Each group"),
        (Values(sex="X"), "M, F or O"),
        (Values(birth_date="1965-02-30"), "1965-03-12"),
        (Values(birth_date="yesterday"), "1965-03-12"),
        (Values(study_instance_uid="1.2.x"), "Study Instance UID"),
        (Values(), "Nothing"),
        (Values(patient_id="MARKER-7"), "Nothing"),
        (Values(study_instance_uid=""), "Nothing"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(stage: Stage, values: Values, why: str) -> None:
    exam_id = stage.exam(1)
    version = stage.version(exam_id)
    with pytest.raises(Invalid, match=why) as refused:
        correction.set_identity(stage.world.access, stage.actor(), exam_id, version, values, stage.world.now)
    assert "MARKER" not in str(refused.value)


def test_a_stranger_and_somebody_who_saw_another_exam_correct_nothing(stage: Stage) -> None:
    exam_id = stage.exam(1)
    version = stage.version(exam_id)
    with pytest.raises(NotFound):
        correction.set_identity(stage.world.access, stage.actor(stage.eve), exam_id, version, NEW, stage.world.now)
    with pytest.raises(Conflict):
        correction.set_identity(stage.world.access, stage.actor(), exam_id, version + 1, NEW, stage.world.now)
