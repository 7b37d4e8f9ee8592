"""Deleting on the exam's page: a form with a reason for those who run the facility, nothing for anybody else."""

from __future__ import annotations

import uuid

import pytest

from tests.works.web.town import Browser, Town


def press(browser: Browser, exam: uuid.UUID, what: object, reason: str = "Wrong patient") -> str:
    """Press Delete on the page; where it leads."""
    browser.get(f"/exams/{exam}")
    return str(browser.post(f"/exams/{exam}/delete", what=str(what), reason=reason).headers["location"])


def test_who_runs_the_facility_deletes_an_image_and_then_the_exam(town: Town) -> None:
    town.runs(town.bob)
    exam = town.exam(town.bob)
    first, _ = town.instance(exam, number=1), town.instance(exam, number=2)
    bob = town.signed_in()
    assert "Reason, without a word about the patient" in bob.get(f"/exams/{exam}").text
    assert press(bob, exam, "exam", "  ") == f"/exams/{exam}?said=reason"
    assert "Say why it is to be deleted." in bob.get(f"/exams/{exam}?said=reason").text
    assert press(bob, exam, first) == f"/exams/{exam}?said=deleted"
    page = bob.get(f"/exams/{exam}").text
    assert str(first) not in page
    assert bob.get(f"/exams/{exam}/images/{first}/thumb").status_code == 404
    assert press(bob, exam, "exam") == "/drafts?said=deleted"
    said = bob.get("/drafts?said=deleted").text
    assert "Deleted." in said
    assert "Whoever operates Works can take it back" in said
    assert bob.get(f"/exams/{exam}").status_code == 404


@pytest.mark.parametrize(("language", "words"), [("en", "The whole exam"), ("es", "Todo el examen")])
def test_the_form_speaks_both_languages(town: Town, language: str, words: str) -> None:
    town.runs(town.bob)
    exam = town.exam(town.bob)
    assert words in town.signed_in().get(f"/exams/{exam}", accept_language=language).text


def test_under_legal_hold_the_page_says_so(town: Town) -> None:
    town.runs(town.bob)
    exam = town.exam(town.bob)
    town.run(
        "INSERT INTO legal_hold (id, organisation_id, exam_id, reason, placed_at)"
        " VALUES (:id, :place, :exam, 'x', :at)",
        id=uuid.uuid4(),
        place=town.organisation_id,
        exam=exam,
        at=town.now,
    )
    bob = town.signed_in()
    assert press(bob, exam, "exam") == f"/exams/{exam}?said=on-hold"
    assert "The exam is under legal hold." in bob.get(f"/exams/{exam}?said=on-hold").text


def test_a_physician_finds_no_form_and_is_refused(town: Town) -> None:
    exam = town.exam(town.bob)
    bob = town.signed_in()
    assert 'id="delete"' not in bob.get(f"/exams/{exam}").text
    assert press(bob, exam, "exam") == f"/exams/{exam}?said=refused"
    assert bob.get(f"/exams/{exam}").status_code == 200
    eve = town.signed_in("eve@lakeside.example")
    eve.get("/drafts")
    for path in (f"/exams/{exam}/delete", f"/exams/{uuid.uuid4()}/delete"):
        assert eve.post(path, what="exam", reason="Mine now").status_code == 404
    assert bob.get(f"/exams/{exam}").status_code == 200
