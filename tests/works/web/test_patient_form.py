"""Values into fields and back."""

from datetime import date

import pytest

from smartlink.works.exams.correction import Change as Confirmed
from smartlink.works.web import patient_form

TODAY = date(2026, 11, 24)
NOBODY = dict.fromkeys(("patient_name", *patient_form.VALUES.values()), "")


@pytest.mark.parametrize(
    "name", ["Rivera^Elena", "Doe^Jane^Q^Dr.^Jr.", "Yamada^Tarou=山田^太郎=やまだ^たろう", "Jane Doe", ""]
)
def test_a_name_goes_into_fields_and_comes_back(name: str) -> None:
    values = NOBODY | {"patient_name": name}
    typed = patient_form.fields(values)
    assert patient_form.parse(typed, NOBODY, TODAY) == (values, {})


def test_a_name_that_was_not_touched_stays_as_it_was_sent() -> None:
    old = NOBODY | {"patient_name": "Rivera^Elena^^^"}
    assert patient_form.parse(patient_form.fields(old), old, TODAY)[0] == old


@pytest.mark.parametrize(
    ("field", "text", "problem"),
    [
        ("family", "a^b", "sign"),
        ("given", "a=b", "sign"),
        ("procedure", "a\tb", "sign"),
        ("patient_id", "x" * 65, "too_long"),
        ("accession_number", "x" * 17, "too_long"),
        ("birth_date", "2026-11-25", "date"),
        ("birth_date", "soon", "date"),
        ("sex", "X", "sign"),
    ],
)
def test_what_dicom_does_not_hold_is_refused(field: str, text: str, problem: str) -> None:
    typed = patient_form.fields(NOBODY) | {field: text}
    assert patient_form.parse(typed, NOBODY, TODAY)[1] == {field: problem}


def test_a_name_too_long_as_a_whole_is_refused() -> None:
    typed = patient_form.fields(NOBODY) | {"family": "f" * 40, "given": "g" * 40}
    assert patient_form.parse(typed, NOBODY, TODAY)[1] == {"family": "too_long"}


def test_name_and_id_can_be_changed_but_not_removed() -> None:
    old = NOBODY | {"patient_name": "Rivera^Elena", "patient_id": "1"}
    problems = patient_form.parse(patient_form.fields(NOBODY), old, TODAY)[1]
    assert problems == {"family": "missing", "patient_id": "missing"}


def test_changes_are_shown_in_the_order_and_words_of_the_page() -> None:
    changes = [Confirmed("birth_date", "", "1965-03-12"), Confirmed("patient_name", "A^B", "C^D")]
    assert patient_form.shown(changes) == [
        patient_form.Change("patient_name", "A, B", "C, D"),
        patient_form.Change("birth_date", None, date(1965, 3, 12)),
    ]


def test_fields_that_were_not_sent_are_empty() -> None:
    assert patient_form.read({"family": " Doe "}) == dict.fromkeys(patient_form.FIELDS, "") | {"family": "Doe"}
