"""From Submit to the PACS and, when that does not answer, through the Outbox: as a person sees it, in every look."""

import uuid

import pytest
from playwright.sync_api import expect

from smartlink.link.deliveries import ItemState
from smartlink.works.exams import submission
from tests.browser.conftest import Look, Window, Windows
from tests.browser.pictures import beat
from tests.browser.test_pages import ONE_BY_DAY
from tests.works.web.harbour import REFUSED_CAUSE, REFUSED_REMEDY, SILENT_CAUSE, SILENT_REMEDY, Harbour
from tests.works.web.town import Town

PATIENTS = (("Petrov^Ivan", "Lung, emergency"), ("Nilsen^Ragna", "Abdomen"), ("Castro^Julia", "Obstetric"))


def _exam(town: Town, images: int = 5, **columns: object) -> uuid.UUID:
    exam = town.exam(town.bob, **({"accession_number": "CA-2026-11870"} | columns))
    for number in range(1, images + 1):
        town.instance(exam, beat()[:1], number=number)
    return exam


def _submitted(town: Town, harbour: Harbour, exam: uuid.UUID) -> uuid.UUID:
    version = town.value("SELECT version FROM exam WHERE id = :id", id=exam)
    submission.submit(town.access, harbour.actor(), exam, version, town.now)
    harbour.fetch()
    return exam


@pytest.mark.proves("R51", "A5")
def test_an_exam_is_submitted_and_its_page_follows_the_pacs_by_itself(window: Window) -> None:
    town, page = window.town, window.page
    harbour = Harbour(town)
    harbour.pacs()
    exam = _exam(town)
    window.sign_in()
    window.open(f"/exams/{exam}")
    page.get_by_role("button", name="Submit 5 images").click()
    page.get_by_role("heading", name="Cardiology archive").wait_for()
    page.locator("details.by-image summary").click()
    page.evaluate("window.sameDocument = true")
    harbour.fetch()
    harbour.tell(exam, images=(1, 2))
    page.get_by_text("2 of 5 images stored.").wait_for()
    harbour.tell(exam)
    page.get_by_text("All 5 images stored,").wait_for()
    assert page.evaluate("window.sameDocument") is True
    expect(page.locator("details.by-image")).to_have_attribute("open", "")


@pytest.mark.proves("R145")
def test_several_exams_are_selected_and_sent_from_the_outbox(window: Window) -> None:
    town, page = window.town, window.page
    harbour = Harbour(town)
    harbour.pacs()
    for name, study in PATIENTS:
        _submitted(town, harbour, _exam(town, images=1, patient_name=name, study_description=study))
    for exam in town_exams(town):
        harbour.give_up(exam, days=1)
    window.sign_in()
    window.open("/outbox")
    send = page.locator("#send-selected")
    expect(send).to_be_disabled()
    page.get_by_label("Select Petrov, Ivan").check()
    page.get_by_label("Select Castro, Julia").check()
    page.get_by_text("2 of 3 selected").wait_for()
    town.run("SELECT pg_notify('works_exams', :payload)", payload=f"{town.organisation_id} {uuid.uuid4()}")
    send.filter(has_text="Send 2 exams").click()
    page.get_by_text("It is being sent again.").wait_for()
    assert page.locator("tr[data-arrives]").count() == 1


def test_patient_and_order_are_corrected_by_keyboard_and_mouse(window: Window) -> None:
    town, page = window.town, window.page
    exam = _exam(town, images=1)
    window.sign_in()
    window.open(f"/exams/{exam}")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Family name").fill("Rivera Soto")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Confirm 1 change").click()
    page.get_by_text("before: Rivera, Elena").wait_for()


@pytest.mark.proves("R81", "A3")
def test_an_unassigned_exam_is_claimed_and_another_assigned(window: Window) -> None:
    town, page = window.town, window.page
    town.exam(patient_name="Sato^Mika")
    town.exam(patient_name="Silva^Beatriz")
    window.sign_in()
    window.open("/unassigned")
    page.get_by_role("button", name="Claim Sato, Mika").click()
    page.get_by_text("Keep as draft").first.wait_for()
    window.open("/unassigned")
    page.get_by_role("link", name="Assign Silva, Beatriz").click()
    page.get_by_label("Dr. Eve Egger").check()
    page.get_by_role("button", name="Assign").click()
    page.get_by_text("stands in the physician’s Drafts now").wait_for()


@pytest.mark.parametrize("look", ONE_BY_DAY, ids=lambda look: look.name)
def test_the_way_out_in_every_look(windows: Windows, town: Town, look: Look) -> None:
    harbour = Harbour(town)
    harbour.pacs("Cardiology archive")
    harbour.pacs("Second archive", status="inactive")
    draft, refused, stored = (_exam(town, patient_name=name) for name in ("Rivera^Elena", "Moreau^Claire", "Tan^Wei"))
    unassigned = town.exam(patient_name="Sato^Mika")
    town.conflict(town.value("SELECT id FROM instance WHERE exam_id = :id LIMIT 1", id=draft))
    for exam in (refused, stored):
        _submitted(town, harbour, exam)
    harbour.tell(stored)
    _refuse(harbour, refused)
    window = windows.open(look)
    window.sign_in()
    _look(window, f"/exams/{draft}", "way-out-1-draft")
    _look(window, f"/exams/{refused}", "way-out-2-refused")
    _look(window, f"/exams/{stored}", "way-out-3-stored")
    _look(window, "/completed", "way-out-4-completed")
    _look(window, f"/exams/{unassigned}/assign", "way-out-5-assign")
    _look(window, "/unassigned", "way-out-6-unassigned")
    _correct(window, draft)
    _look(window, "/outbox", "way-out-9-outbox-refused")
    window.page.close()  # its session would end with the days that pass
    for name, study in PATIENTS:
        _submitted(town, harbour, _exam(town, images=1, patient_name=name, study_description=study))
    for exam in town_exams(town):
        harbour.give_up(exam, days=1, to="Cardiology archive")
    window = windows.open(look)
    window.sign_in()
    _look(window, "/outbox", "way-out-10-outbox")


def _refuse(harbour: Harbour, exam: uuid.UUID) -> None:
    harbour.tell(exam, to="Cardiology archive", images=(1, 3, 4, 5))
    harbour.tell(
        exam,
        ItemState.PARKED,
        to="Cardiology archive",
        images=(2,),
        status="A900",
        attempts=3,
        cause=REFUSED_CAUSE,
        remedy=REFUSED_REMEDY,
    )
    harbour.tell(exam, ItemState.WAITING, to="Second archive", cause=SILENT_CAUSE, remedy=SILENT_REMEDY)


def _look(window: Window, path: str, name: str) -> None:
    window.open(path)
    window.page.wait_for_selector("#main h1")
    window.page.evaluate("window.scrollTo(0, 0)")
    window.inspect(name)


def _correct(window: Window, exam: uuid.UUID) -> None:
    page = window.page
    _look(window, f"/exams/{exam}/patient", "way-out-7-patient")
    page.fill("#family", "Rivera Soto")
    page.fill("#patient_id", "LG-204882")
    page.fill("#birth_date", "1965-03-21")
    page.click(".form-acts .btn-primary")
    page.wait_for_selector(".changes")
    window.inspect("way-out-8-review")


def town_exams(town: Town) -> list[uuid.UUID]:
    """The exams of the three patients."""
    names = [name for name, _ in PATIENTS]
    found = town.value("SELECT array_agg(id) FROM exam WHERE patient_name = ANY (:names)", names=names)
    return [uuid.UUID(str(each)) for each in found]
