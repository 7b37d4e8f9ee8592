"""Patient and order corrected: typed, reviewed, confirmed."""

import uuid

from tests.works.web.town import Browser, Town


def _version(town: Town, exam: uuid.UUID) -> str:
    return str(town.value("SELECT version FROM exam WHERE id = :id", id=exam))


def _typed(**changed: str) -> dict[str, str]:
    known = {"family": "Rivera", "given": "Elena", "patient_id": "LG-204881", "birth_date": "1965-03-12", "sex": "F"}
    return known | changed


def _open(town: Town, exam: uuid.UUID) -> Browser:
    bob = town.signed_in()
    assert 'value="Rivera"' in bob.get(f"/exams/{exam}/patient").text
    return bob


def test_old_and_new_are_reviewed_and_confirmed(town: Town) -> None:
    exam = town.exam(town.bob)
    bob, version = _open(town, exam), _version(town, exam)
    typed = _typed(family="Rivera Soto", accession_number="CA-1188")
    page = bob.post(f"/exams/{exam}/patient", version=version, **typed).text
    for words in ("Rivera, Elena", "Rivera Soto, Elena", "CA-1188", "Confirm 2 changes"):
        assert words in page, words
    assert "another patient" not in page
    assert town.value("SELECT patient_name FROM exam WHERE id = :id", id=exam) == "Rivera^Elena"
    answer = bob.post(f"/exams/{exam}/patient/confirm", version=version, **typed)
    page = bob.get(answer.headers["location"]).text
    assert "before: Rivera, Elena" in page
    assert "before: Not stated" in page
    assert "Corrections are confirmed" in page
    assert town.value("SELECT count(*) FROM audit_event WHERE action = 'patient_corrected'") == 1


def test_another_patient_id_is_warned_of(town: Town) -> None:
    exam = town.exam(town.bob)
    bob = _open(town, exam)
    page = bob.post(f"/exams/{exam}/patient", version=_version(town, exam), **_typed(patient_id="LG-1")).text
    assert "This makes it the exam of another patient." in page


def test_what_is_wrong_is_said_beside_its_field(town: Town) -> None:
    exam = town.exam(town.bob)
    bob = _open(town, exam)
    typed = _typed(family="", given="", accession_number="A" * 17, birth_date="2030-01-01", issuer="a\\b")
    answer = bob.post(f"/exams/{exam}/patient", version=_version(town, exam), **typed)
    assert answer.status_code == 422
    for words in ("cannot be empty", "longer than DICOM allows", "not in the future", "cannot be used here"):
        assert words in answer.text, words
    assert 'value="AAAAAAAAAAAAAAAAA"' in answer.text


def test_the_form_comes_back_with_what_was_typed(town: Town) -> None:
    exam = town.exam(town.bob)
    bob = _open(town, exam)
    typed = _typed(family="Rivera Soto")
    page = bob.post(f"/exams/{exam}/patient/edit", version=_version(town, exam), **typed).text
    assert 'value="Rivera Soto"' in page


def test_nothing_changed_leads_back_without_a_word(town: Town) -> None:
    exam = town.exam(town.bob)
    bob = _open(town, exam)
    answer = bob.post(f"/exams/{exam}/patient", version=_version(town, exam), **_typed())
    assert answer.headers["location"] == f"/exams/{exam}"


def test_somebody_who_saw_an_older_exam_changes_nothing(town: Town) -> None:
    exam = town.exam(town.bob)
    bob = _open(town, exam)
    for step in ("", "/confirm"):
        answer = bob.post(f"/exams/{exam}/patient{step}", version="99", **_typed(family="Other"))
        assert answer.headers["location"] == f"/exams/{exam}?said=changed"
    assert town.value("SELECT count(*) FROM exam_identity") == 0


def test_it_is_not_found_for_others_nor_before_somebody_claimed_it(town: Town) -> None:
    his, nobodys = town.exam(town.bob), town.exam()
    assert town.signed_in("eve@lakeside.example").get(f"/exams/{his}/patient").status_code == 404
    assert town.signed_in().get(f"/exams/{nobodys}/patient").status_code == 404
