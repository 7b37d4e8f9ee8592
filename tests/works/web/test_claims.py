"""Claim and Assign: the way out of Unassigned (F5)."""

import re

import pytest

from tests.works.web.people import add_person
from tests.works.web.town import Town


@pytest.mark.proves("R81")
def test_whoever_claims_an_exam_has_it_in_drafts_and_the_next_is_told(town: Town) -> None:
    exam = town.exam()
    bob, eve = town.signed_in(), town.signed_in("eve@lakeside.example")
    for browser in (bob, eve):
        assert "Claim" in browser.get("/unassigned").text
    assert bob.post(f"/exams/{exam}/claim").headers["location"] == f"/exams/{exam}"
    assert "Rivera, Elena" in bob.get("/drafts").text
    answer = eve.post(f"/exams/{exam}/claim")
    assert "Somebody else was faster." in eve.get(answer.headers["location"]).text
    assert town.value("SELECT count(*) FROM audit_event WHERE action = 'exam_claimed'") == 1


@pytest.mark.proves("R81")
def test_an_exam_is_assigned_to_a_colleague_who_is_remembered(town: Town) -> None:
    exam, bob = town.exam(), town.signed_in()
    page = bob.get(f"/exams/{exam}/assign").text
    assert "Dr. Eve Egger" in page
    assert "Remember this name" in page
    answer = bob.post(f"/exams/{exam}/assign", person=str(town.eve), remember="yes")
    assert "stands in the physician’s Drafts now" in bob.get(answer.headers["location"]).text
    assert "Rivera, Elena" in town.signed_in("eve@lakeside.example").get("/drafts").text
    assert town.value("SELECT count(*) FROM person_dicom_identity WHERE person_id = :id", id=town.eve) == 1


def test_a_value_that_cannot_be_remembered_is_not_offered(town: Town) -> None:
    exam = town.exam(raw_value="", reason="tag_missing")
    assert "Remember this name" not in town.signed_in().get(f"/exams/{exam}/assign").text


def test_an_exam_that_found_its_physician_cannot_be_assigned(town: Town) -> None:
    exam, bob = town.exam(town.bob), town.signed_in()
    assert bob.get(f"/exams/{exam}/assign").headers["location"] == "/unassigned?said=taken"
    bob.get("/drafts")
    assert bob.post(f"/exams/{exam}/assign", person=str(town.eve)).headers["location"] == "/unassigned?said=taken"


def test_who_does_not_see_an_exam_does_not_find_its_buttons(town: Town) -> None:
    exam, charlie = town.exam(), town.signed_in("charlie@elsewhere.example")
    assert charlie.get(f"/exams/{exam}/assign").status_code == 404
    charlie.get("/drafts")
    assert charlie.post(f"/exams/{exam}/claim").status_code == 404
    assert charlie.post(f"/exams/{exam}/assign", person=str(town.charlie)).status_code == 404


def test_nobody_of_another_specialty_is_given_it(town: Town) -> None:
    dora = add_person(town.access, town.lakeside, "dora@lakeside.example", "Dr. Dora Dunn", town.now)
    town.run(
        "UPDATE membership SET specialty_ids = :other WHERE person_id = :id",
        other=[town.lakeside.other_specialty_id],
        id=dora,
    )
    exam, bob = town.exam(), town.signed_in()
    assert not re.search("Dora Dunn", bob.get(f"/exams/{exam}/assign").text)
    answer = bob.post(f"/exams/{exam}/assign", person=str(dora))
    assert "You may not do this." in bob.get(answer.headers["location"]).text
