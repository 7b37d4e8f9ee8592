"""Signing in: the manual's three steps, and what they do not give away."""

import uuid

import pytest

from tests.works.web.people import PASSWORD, add_membership, add_person
from tests.works.web.town import Town


@pytest.mark.proves("R9", "R11")
def test_email_then_password_leads_to_drafts(town: Town) -> None:
    browser = town.browser()
    assert "Email" in browser.get("/sign-in").text
    assert "Continue" in browser.post("/sign-in/email", email="bob@lakeside.example").text
    answer = browser.post("/sign-in/password", email="bob@lakeside.example", password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/drafts")
    assert browser.get("/drafts").status_code == 200


@pytest.mark.proves("R9")
def test_an_unknown_address_is_asked_for_its_password_like_any_other(town: Town) -> None:
    browser = town.browser()
    browser.get("/sign-in")
    known = browser.post("/sign-in/email", email="bob@lakeside.example").text
    unknown = browser.post("/sign-in/email", email="bib@lakeside.example").text
    assert _without(known, "bob@") == _without(unknown, "bib@")


@pytest.mark.proves("R9")
def test_a_wrong_password_and_an_unknown_address_get_the_same_words(town: Town) -> None:
    words = "Email or password is not right."
    assert words in town.browser().sign_in("bob@lakeside.example", "wrong").text
    assert words in town.browser().sign_in("nobody@lakeside.example", "wrong").text


@pytest.mark.proves("R10")
def test_who_belongs_to_several_organisations_chooses_one(town: Town) -> None:
    add_membership(town.access, town.elsewhere, town.bob, town.now)
    browser = town.browser()
    browser.get("/sign-in")
    choice = browser.post("/sign-in/email", email="bob@lakeside.example").text
    assert "Lakeside Health" in choice
    assert "Elsewhere Group" in choice
    chosen = {"email": "bob@lakeside.example", "organisation": str(town.elsewhere.organisation_id)}
    assert "Elsewhere Group" in browser.post("/sign-in/organization", **chosen).text
    browser.post("/sign-in/password", password=PASSWORD, **chosen)
    assert "Elsewhere Clinic" in browser.get("/drafts").text


def test_an_organisation_that_one_does_not_belong_to_cannot_be_chosen(town: Town) -> None:
    browser = town.browser()
    browser.get("/sign-in")
    fields = {"email": "bob@lakeside.example", "organisation": str(town.elsewhere.organisation_id)}
    browser.post("/sign-in/password", password=PASSWORD, **fields)
    assert "Elsewhere" not in browser.get("/drafts").text


def test_a_text_that_is_no_address_is_said_so_at_once(town: Town) -> None:
    browser = town.browser()
    browser.get("/sign-in")
    assert "Write the whole address" in browser.post("/sign-in/email", email="bob").text


def test_too_many_tries_make_a_pause(town: Town) -> None:
    browser = town.browser()
    for _ in range(5):
        answer = browser.sign_in("bob@lakeside.example", "wrong")
    assert "Too many tries" in answer.text
    assert "Too many tries" in browser.sign_in("bob@lakeside.example", PASSWORD).text


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(town: Town) -> None:
    answer = town.browser().sign_in("bob@lakeside.example", PASSWORD)
    (cookie,) = (each for each in answer.headers.get_list("set-cookie") if each.startswith("works_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age" not in cookie


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example/", "/\\evil.example"])
def test_signing_in_never_leads_to_another_site(town: Town, path: str) -> None:
    answer = town.browser().sign_in("bob@lakeside.example", PASSWORD, next=path)
    assert answer.headers["location"] == "/drafts"


def test_signing_in_leads_back_to_the_page_that_was_wanted(town: Town) -> None:
    exam = town.exam(town.bob)
    wanted = town.browser().get(f"/exams/{exam}").headers["location"]
    assert wanted == f"/sign-in?next=/exams/{exam}"
    answer = town.browser().sign_in("bob@lakeside.example", PASSWORD, next=f"/exams/{exam}")
    assert answer.headers["location"] == f"/exams/{exam}"


def test_a_session_ends_after_fifteen_idle_minutes(town: Town) -> None:
    browser = town.signed_in()
    town.wait(minutes=14)
    assert browser.get("/drafts").status_code == 200
    town.wait(minutes=14)
    assert browser.get("/drafts").status_code == 200
    town.wait(minutes=16)
    assert browser.get("/drafts").headers["location"] == "/sign-in?next=/drafts"


def test_a_page_that_asks_by_itself_does_not_keep_a_session_alive(town: Town) -> None:
    browser = town.signed_in()
    for _ in range(4):
        town.wait(minutes=4)
        answer = browser.get("/drafts", hx_request="true")
    assert (answer.status_code, answer.headers["hx-refresh"]) == (401, "true")


def test_signing_out_ends_the_session_in_the_database(town: Town) -> None:
    browser = town.signed_in()
    browser.get("/drafts")
    token = browser.http.cookies["works_session"]
    assert browser.post("/sign-out").headers["location"] == "/sign-in"
    browser.http.cookies.set("works_session", token)
    assert browser.get("/drafts").status_code == 303


@pytest.mark.parametrize("path", ["/sign-in/email", "/sign-in/password", "/sign-out", "/preferences"])
def test_a_form_without_our_token_changes_nothing(town: Town, path: str) -> None:
    browser = town.signed_in()
    browser.form_token = "forged"
    assert browser.post(path, email="bob@lakeside.example", password=PASSWORD).status_code == 403
    assert browser.get("/drafts").status_code == 200


def test_a_person_who_is_no_longer_active_is_sent_to_the_door(town: Town) -> None:
    browser = town.signed_in()
    town.run("UPDATE person SET status = 'inactive' WHERE id = :id", id=town.bob)
    assert browser.get("/drafts").status_code == 303


def test_every_address_of_a_stranger_is_a_way_to_the_door(town: Town) -> None:
    for path in ("/", "/drafts", "/unassigned", f"/exams/{uuid.uuid4()}", "/live"):
        assert town.browser().get(path).status_code == 303, path
    add_person(town.access, town.lakeside, "dora@lakeside.example", "Dr. Dora", town.now)
    assert town.signed_in("dora@lakeside.example").get("/").headers["location"] == "/drafts"


def _without(page: str, name: str) -> list[str]:
    """The page without what differs from one answer to the next."""
    return [line for line in page.splitlines() if "nonce" not in line and name not in line and "form_token" not in line]
