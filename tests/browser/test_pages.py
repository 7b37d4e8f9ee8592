"""Every page in every look: axe finds nothing, nothing scrolls sideways, and a picture can be taken."""

from datetime import timedelta

import pytest

from tests.browser.conftest import Look, Window, Windows
from tests.browser.pictures import beat
from tests.works.web.people import PASSWORD, add_membership
from tests.works.web.test_worklist import item, server
from tests.works.web.town import Town

EVERY_LOOK = [
    Look(theme, language, width) for theme in ("light", "dark") for language in ("en", "es") for width in (1440, 390)
]
# These two have each theme, language and width once; the others are for the night, and for `make screenshots`.
BY_DAY = {Look("light", "en", 1440), Look("dark", "es", 390)}
LOOKS = [pytest.param(look, marks=() if look in BY_DAY else pytest.mark.night) for look in EVERY_LOOK]
ONE_BY_DAY = [
    pytest.param(look, marks=() if look == Look("dark", "es", 390) else pytest.mark.night) for look in EVERY_LOOK
]
"""For what other tests see in light, English and wide anyhow."""
DRAFTS = (
    ("Rivera^Elena", "F", "1965-03-12", "Echocardiogram"),
    ("Abbott^Samuel", "M", "1952-01-30", "Echocardiogram, stress"),
    ("Novak^Petra", "F", "1968-07-02", "Carotid duplex"),
    ("Lind^Astrid", "F", "1999-09-09", "Echocardiogram, bedside"),
)
UNASSIGNED = (
    ("no_match", "FERER^LUCIA", 52.0),
    ("ambiguous", "LINDQVIST^J", 19.0),
    ("tag_missing", "", 3.2),
    ("mapping_none", "", 0.4),
    ("user_inactive", "WEBER^TOM", 0.1),
)


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_every_page_in_every_look(windows: Windows, town: Town, look: Look) -> None:
    _door(windows.open(look), town)
    window = windows.open(look)
    window.sign_in("eve@lakeside.example")
    window.inspect("drafts-empty")
    exam = _fill(town)
    window.open("/drafts")
    window.page.wait_for_selector(".thumb[src]")
    window.inspect("drafts")
    window.open("/unassigned")
    window.inspect("unassigned")
    _exam(window, str(exam))
    window.open("/exams/none")
    window.inspect("not-found")
    window.complaints.clear()  # the browser reports the 404


@pytest.mark.parametrize("width", [1024, 1180, 901, 320])
def test_pages_fit_the_widths_between(windows: Windows, town: Town, width: int) -> None:
    exam = _fill(town)
    window = windows.open(Look(width=width))
    window.sign_in("eve@lakeside.example")
    window.inspect("drafts")
    window.open("/unassigned")
    window.inspect("unassigned")
    window.open(f"/exams/{exam}")
    window.inspect("exam")


@pytest.mark.parametrize("look", ONE_BY_DAY, ids=lambda look: look.name)
def test_the_form_that_deletes_in_every_look(windows: Windows, town: Town, look: Look) -> None:
    exam = _fill(town)
    town.runs(town.eve)
    window = windows.open(look)
    window.sign_in("eve@lakeside.example")
    window.open(f"/exams/{exam}")
    window.page.click("#delete summary")
    window.page.fill("#delete-reason", "Wrong patient")
    window.page.locator("#delete").scroll_into_view_if_needed()
    window.inspect("exam-delete")
    window.page.click("#delete button")
    window.page.wait_for_selector("#said .is-ok")
    window.inspect("exam-deleted")
    window.complaints.clear()  # the page that was open may have asked for what is gone


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_a_step_of_the_worklist_is_picked_in_every_look(windows: Windows, town: Town, look: Look) -> None:
    exam = _fill(town)
    tomorrow = town.now + timedelta(hours=20)
    server(
        town,
        item(town.now, "LG-204881"),
        item(tomorrow, "LG-777", patient_name="Nováková^Petra", accession_number="CA-1190", guessed=True),
        item(tomorrow, "", patient_name="Lind^Astrid", accession_number="CA-1191"),
    )
    server(town, name="Old", fetched_at=town.now - timedelta(hours=5), failing_since=town.now, problem="No answer.")
    window = windows.open(look)
    window.sign_in("eve@lakeside.example")
    window.open(f"/exams/{exam}/worklist")
    window.inspect("worklist")
    window.page.locator("#main .btn-primary, #main form button").last.click()
    window.page.wait_for_load_state()
    window.inspect("worklist-picked")


def _door(window: Window, town: Town) -> None:
    page = window.page
    add_membership(town.access, town.elsewhere, town.bob, town.now)
    window.open("/sign-in")
    window.inspect("sign-in-1-email")
    page.fill("#email", "bob@lakeside.example")
    page.press("#email", "Enter")
    page.wait_for_selector(".choice")
    window.inspect("sign-in-2-organization")
    page.click(".stack .btn-primary")
    page.fill("#password", PASSWORD + "!")
    page.press("#password", "Enter")
    page.wait_for_selector(".form-hint.bad")
    window.inspect("sign-in-3-password")


def _exam(window: Window, exam: str) -> None:
    page = window.page
    window.open(f"/exams/{exam}")
    page.click(".strip button:nth-child(2)")
    window.wait_until("Number(document.getElementById('stage').dataset.frame) > 4")
    page.click('[data-part="play"]')
    page.evaluate("window.scrollTo(0, 0)")
    window.inspect("exam")
    page.click(".strip button:nth-child(3)")
    page.wait_for_selector(".cannot:not([hidden])")
    page.evaluate("window.scrollTo(0, 0)")
    window.inspect("exam-cannot-display")
    window.open("/unassigned")
    page.click(".exams a.main")
    page.wait_for_selector(".assigned-none")
    window.inspect("exam-unassigned")
    page.click("summary")
    window.inspect("account-menu")


def _fill(town: Town) -> object:
    """Exams of Eve and Unassigned ones; the first of hers has a still, a cine, one that cannot be shown, a conflict."""
    exams = [
        town.exam(town.eve, patient_name=name, sex=sex, birth_date=born, study_description=study,
                  last_received_at=town.now - timedelta(hours=7 * number))
        for number, (name, sex, born, study) in enumerate(DRAFTS)
    ]  # fmt: skip
    for exam in exams:
        town.instance(exam, beat()[:1], number=1)
    town.conflict(town.instance(exams[0], beat(), number=2, frame_time_ms=66.7))
    town.instance(exams[0], number=3, preview_state="compression")
    town.instance(exams[0], number=4, preview_state="waiting")
    town.upload(town.value("SELECT study_instance_uid FROM exam WHERE id = :id", id=exams[1]), state="offered")
    for reason, value, hours in UNASSIGNED:
        created = town.now - timedelta(hours=hours)
        exam = town.exam(reason=reason, raw_value=value, tag="0008,1070", created_at=created, last_received_at=created)
        town.instance(exam, beat()[:1], number=1)
    return exams[0]
