"""Exams arrive on a page that nobody reloads."""

import time

from playwright.sync_api import Route, expect

from tests.browser.conftest import Window


def late(route: Route) -> None:
    time.sleep(0.5)
    route.continue_()


def test_an_exam_arrives_in_drafts_by_itself(window: Window) -> None:
    window.sign_in()
    page = window.page
    page.evaluate("window.sameDocument = true")
    page.get_by_text("No drafts yet").wait_for()
    exam = window.town.exam(window.town.bob)
    page.wait_for_selector(f"#exam-{exam}.arrived")
    assert page.evaluate("window.sameDocument") is True
    expect(page.locator(".rail-link .count").first).to_have_text("1")


def test_two_windows_of_two_people_hear_of_their_own_exams(window: Window) -> None:
    window.sign_in()
    window.town.exam(window.town.eve)
    exam = window.town.exam(window.town.bob)
    window.page.wait_for_selector(f"#exam-{exam}")
    assert window.page.locator("tr[data-arrives]").count() == 1


def test_an_image_arrives_on_the_exam_page_while_another_is_looked_at(window: Window) -> None:
    town = window.town
    exam = town.exam(town.bob)
    town.instance(exam, number=1)
    window.sign_in()
    window.open(f"/exams/{exam}")
    window.page.wait_for_selector('[data-part="number"]:has-text("Image 1 of 1")')
    town.instance(exam, number=2)
    window.page.wait_for_selector('[data-part="number"]:has-text("Image 1 of 2")')
    assert window.page.locator(".strip button").count() == 2


def test_without_a_stream_the_page_asks_every_five_seconds(window: Window) -> None:
    page = window.page
    page.route("**/live", lambda route: route.abort())
    page.route("**/console.js*", late)
    window.sign_in()
    exam = window.town.exam(window.town.bob)
    page.wait_for_selector(f"#exam-{exam}")
    window.complaints.clear()  # the browser reports the requests that we cut


def test_a_page_that_is_hidden_closes_its_stream_and_looks_again_when_shown(window: Window) -> None:
    window.sign_in()
    page = window.page
    page.evaluate("""() => {
        window.streams = 0;
        document.addEventListener("htmx:sse:after:connection", () => { window.streams += 1; });
        Object.defineProperty(document, "hidden", {get: () => window.away, configurable: true});
        window.turn = (away) => { window.away = away; document.dispatchEvent(new Event("visibilitychange")); };
    }""")
    page.evaluate("window.turn(true)")
    exam = window.town.exam(window.town.bob)
    page.evaluate("window.turn(false)")
    page.wait_for_selector(f"#exam-{exam}")
    window.wait_until("window.streams > 0")


def test_a_session_that_ends_leads_to_the_door_by_itself(window: Window) -> None:
    window.sign_in()
    window.town.wait(minutes=16)
    window.town.exam(window.town.bob)
    window.page.get_by_role("heading", name="Sign in").wait_for()
    window.complaints.clear()  # the browser reports the 401
