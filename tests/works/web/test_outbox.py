"""The Outbox: what is in it, for whom, and in which words."""

import uuid

import pytest

from smartlink.works.exams import outbox, submission
from tests.works.web.harbour import SILENT_CAUSE, Harbour
from tests.works.web.people import add_person
from tests.works.web.town import Town


def _left_behind(town: Town, harbour: Harbour, *images: int) -> uuid.UUID:
    """An exam of three images; these (all without any) did not reach the PACS within four days."""
    exam = town.exam(town.bob)
    for number in (1, 2, 3):
        town.instance(exam, number=number)
    version = town.value("SELECT version FROM exam WHERE id = :id", id=exam)
    submission.submit(town.access, harbour.actor(), exam, version, town.now)
    harbour.fetch()
    if images:
        harbour.tell(exam, images=tuple({1, 2, 3} - set(images)))
    harbour.give_up(exam, images=images)
    return exam


@pytest.mark.proves("R144")
def test_the_outbox_says_why_where_and_what_is_there_already(town: Town) -> None:
    harbour = Harbour(town)
    harbour.pacs()
    _left_behind(town, harbour, 3)
    page = town.signed_in().get("/outbox").text
    for words in (
        "Rivera, Elena",
        "Cardiology archive",
        "No success for 4 d",
        "2 of 3 images are already there; 1 remain",
    ):
        assert words in page, words
    assert "The gateway is offline." in page  # four days without a heartbeat


def test_the_last_cause_is_told_when_nothing_arrived(town: Town) -> None:
    harbour = Harbour(town)
    harbour.pacs()
    _left_behind(town, harbour)
    assert SILENT_CAUSE in town.signed_in().get("/outbox").text


def test_a_pacs_that_answers_again_is_said_and_its_exams_are_selected(town: Town) -> None:
    harbour = Harbour(town)
    pacs = harbour.pacs()
    _left_behind(town, harbour)
    town.wait(hours=1)
    town.run("UPDATE connection SET last_seen_at = :now WHERE id = :id", now=town.now, id=pacs)
    town.run("UPDATE gateway SET last_heartbeat_at = :now", now=town.now)
    page = town.signed_in().get("/outbox").text
    assert "Cardiology archive answers again." in page
    assert " checked" in page


@pytest.mark.proves("R86")
def test_what_went_to_a_deleted_pacs_says_so_and_stays_without_another(town: Town) -> None:
    harbour = Harbour(town)
    pacs = harbour.pacs()
    exam = town.exam(town.bob)
    town.instance(exam)
    submission.submit(town.access, harbour.actor(), exam, 1, town.now)
    town.run("UPDATE connection SET deleted_at = :now WHERE id = :id", now=town.now, id=pacs)
    with town.access.organisation(town.organisation_id) as site:
        outbox.deliveries_of_deleted_connection(site, pacs, town.now)
    bob = town.signed_in()
    assert "Its PACS was deleted" in bob.get("/outbox").text
    answer = bob.post("/outbox/send", only=str(town.value("SELECT id FROM delivery")))
    assert "Not everything could be sent." in bob.get(answer.headers["location"]).text


def test_administrators_see_what_their_facility_left_behind_and_nobody_else_does(town: Town) -> None:
    harbour = Harbour(town)
    harbour.pacs()
    exam = _left_behind(town, harbour)
    alice = add_person(town.access, town.lakeside, "alice@lakeside.example", "Alice Adams", town.now)
    town.run("UPDATE membership SET role = 'facility_administrator' WHERE person_id = :id", id=alice)
    assert "Rivera, Elena" in town.signed_in("alice@lakeside.example").get("/outbox").text
    assert town.signed_in("alice@lakeside.example").get(f"/exams/{exam}").status_code == 200
    for email in ("eve@lakeside.example", "charlie@elsewhere.example"):
        assert "Rivera" not in town.signed_in(email).get("/outbox").text


def test_an_empty_outbox_says_that_all_is_well(town: Town) -> None:
    assert "Every submitted exam is stored or on its way." in town.signed_in().get("/outbox").text
