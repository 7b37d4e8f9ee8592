"""Submit, Resend and Send: what the buttons do, what the page says of it, and who may press them."""

import re
import uuid

import pytest

from smartlink.link.deliveries import ItemState
from tests.works.web.harbour import REFUSED_CAUSE, REFUSED_REMEDY, SILENT_CAUSE, SILENT_REMEDY, Harbour
from tests.works.web.town import Browser, Town


@pytest.fixture
def harbour(town: Town) -> Harbour:
    """The way out of the town."""
    return Harbour(town)


def _exam(town: Town, images: int = 3, **columns: object) -> uuid.UUID:
    exam = town.exam(town.bob, **({"accession_number": "CA-1187"} | columns))
    for number in range(1, images + 1):
        town.instance(exam, number=number)
    return exam


def _submit(browser: Browser, exam: uuid.UUID) -> str:
    """Press Submit on the page of the exam; the page that follows."""
    page = browser.get(f"/exams/{exam}").text
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found
    answer = browser.post(f"/exams/{exam}/submit", version=found[1])
    assert answer.status_code == 303
    return browser.get(answer.headers["location"]).text


def _delivery(town: Town, exam: uuid.UUID) -> str:
    return str(town.value("SELECT id FROM delivery WHERE exam_id = :id ORDER BY created_at DESC LIMIT 1", id=exam))


@pytest.mark.proves("R51")
def test_an_exam_goes_to_every_pacs_of_its_specialty_and_leaves_drafts(town: Town, harbour: Harbour) -> None:
    harbour.pacs("Cardiology archive")
    harbour.pacs("Second archive")
    harbour.pacs("Radiology PACS", specialty_ids=[town.lakeside.other_specialty_id])
    exam, bob = _exam(town), town.signed_in()
    before = bob.get(f"/exams/{exam}").text
    assert "Cardiology archive" in before
    assert "Second archive" in before
    assert "Radiology PACS" not in before
    page = _submit(bob, exam)
    assert page.count("Waiting for gateway") >= 2
    assert "No drafts yet" in bob.get("/drafts").text
    assert "Waiting for Second archive, 0 of 3" in bob.get("/completed").text


@pytest.mark.proves("R50")
def test_an_inactive_pacs_is_warned_of_and_does_not_block(town: Town, harbour: Harbour) -> None:
    harbour.pacs(status="inactive")
    exam, bob = _exam(town), town.signed_in()
    assert "Inactive: no test has reached it yet." in bob.get(f"/exams/{exam}").text
    assert "Waiting for gateway" in _submit(bob, exam)


def test_without_a_pacs_the_exam_is_kept_in_works_only(town: Town) -> None:
    exam, bob = _exam(town), town.signed_in()
    assert "No PACS takes Cardiology" in bob.get(f"/exams/{exam}").text
    assert "Kept in Works only" in _submit(bob, exam)
    assert "Works only" in bob.get("/completed").text


def test_the_checklist_says_what_is_missing(town: Town, harbour: Harbour) -> None:
    harbour.pacs()
    whole, bob = _exam(town), town.signed_in()
    page = bob.get(f"/exams/{whole}").text
    assert "All 3 images are here" in page
    assert "Ready" in page
    bare = _exam(town, images=0, patient_id=None, accession_number=None)
    page = bob.get(f"/exams/{bare}").text
    assert "The patient’s name or ID is missing" in page
    assert "Procedure or accession is missing" in page
    assert "No image is here yet" in page
    assert "3 things to settle" in page
    assert re.search(r"<button[^>]* disabled>Submit</button>", page)


def test_somebody_who_looked_at_an_older_exam_is_told_that_it_changed(town: Town, harbour: Harbour) -> None:
    harbour.pacs()
    exam, bob = _exam(town), town.signed_in()
    bob.get(f"/exams/{exam}")
    answer = bob.post(f"/exams/{exam}/submit", version="99")
    assert answer.headers["location"] == f"/exams/{exam}?said=changed"
    assert "Somebody changed it meanwhile." in bob.get(answer.headers["location"]).text
    assert town.value("SELECT count(*) FROM delivery") == 0


def test_a_form_of_another_site_submits_nothing(town: Town, harbour: Harbour) -> None:
    harbour.pacs()
    exam, bob = _exam(town), town.signed_in()
    assert bob.post(f"/exams/{exam}/submit", version="1", form_token="x").status_code == 403
    assert town.value("SELECT count(*) FROM delivery") == 0


@pytest.mark.parametrize("email", ["eve@lakeside.example", "charlie@elsewhere.example"])
def test_nobody_submits_or_sends_the_exam_of_another(town: Town, harbour: Harbour, email: str) -> None:
    harbour.pacs()
    exam, other = _exam(town), town.signed_in(email)
    other.get("/drafts")
    assert other.post(f"/exams/{exam}/submit", version="1").status_code == 404
    _submit(town.signed_in(), exam)
    assert other.post(f"/exams/{exam}/deliveries/{_delivery(town, exam)}/resend").status_code == 404
    harbour.give_up(exam)
    other = town.signed_in(email)
    other.get("/outbox")
    other.post("/outbox/send", only=_delivery(town, exam))
    assert town.value("SELECT state FROM delivery") == "outbox"


def test_what_a_gateway_reports_stands_on_the_page(town: Town, harbour: Harbour) -> None:
    harbour.pacs()
    exam, bob = _exam(town), town.signed_in()
    _submit(bob, exam)
    harbour.fetch()
    assert "Waiting for the PACS" in bob.get(f"/exams/{exam}").text
    harbour.tell(exam, images=(1,))
    page = bob.get(f"/exams/{exam}").text
    assert "Fetched by the gateway" in page
    assert "1 of 3 images stored." in page
    harbour.tell(exam, images=(2, 3), state=ItemState.WAITING, cause=SILENT_CAUSE, remedy=SILENT_REMEDY, attempts=4)
    page = bob.get(f"/exams/{exam}").text
    assert "Retrying" in page
    assert SILENT_CAUSE in page
    assert "Images 2–3" in page
    harbour.tell(exam, images=(2, 3))
    assert re.search(r"All 3 images stored, \d\d:\d\d:\d\d\.", bob.get(f"/exams/{exam}").text)


def test_a_refused_image_needs_a_person_and_says_cause_remedy_and_status(town: Town, harbour: Harbour) -> None:
    harbour.pacs()
    exam, bob = _exam(town), town.signed_in()
    _submit(bob, exam)
    harbour.fetch()
    harbour.tell(exam, images=(1, 3))
    harbour.tell(
        exam,
        images=(2,),
        state=ItemState.PARKED,
        cause=REFUSED_CAUSE,
        remedy=REFUSED_REMEDY,
        status="A900",
        attempts=3,
    )
    page = bob.get(f"/exams/{exam}").text
    for words in ("Needs attention", REFUSED_CAUSE, REFUSED_REMEDY, "A900", "Image 2", "3 attempts"):
        assert words in page, words
    assert "The PACS refused 1 image" in bob.get("/outbox").text


def test_a_stored_exam_is_sent_again_on_request(town: Town, harbour: Harbour) -> None:
    harbour.pacs()
    exam, bob = _exam(town), town.signed_in()
    _submit(bob, exam)
    harbour.fetch()
    harbour.tell(exam)
    assert "Resend" in bob.get(f"/exams/{exam}").text
    answer = bob.post(f"/exams/{exam}/deliveries/{_delivery(town, exam)}/resend")
    page = bob.get(answer.headers["location"]).text
    assert "Resend asked for" in page
    assert "Waiting for gateway" in page
    assert town.value("SELECT count(*) FROM delivery") == 2


def test_images_that_came_later_are_offered_and_sent(town: Town, harbour: Harbour) -> None:
    harbour.pacs()
    exam, bob = _exam(town), town.signed_in()
    _submit(bob, exam)
    harbour.fetch()
    harbour.tell(exam)
    town.instance(exam, number=4)
    assert "1 image is new since the exam was submitted." in bob.get(f"/exams/{exam}").text
    page = _submit(bob, exam)
    assert "3 of 4" in page
    assert "new since the exam" not in page


@pytest.mark.proves("R145")
def test_a_delivery_that_gave_up_is_sent_by_hand(town: Town, harbour: Harbour) -> None:
    harbour.pacs()
    exam, bob = _exam(town), town.signed_in()
    _submit(bob, exam)
    harbour.fetch()
    harbour.give_up(exam)
    bob = town.signed_in()
    assert "In Outbox" in bob.get(f"/exams/{exam}").text
    assert "No success for 4 d 0 h" in bob.get("/outbox").text
    answer = bob.post("/outbox/send", only=_delivery(town, exam))
    assert answer.headers["location"] == "/outbox?said=sent"
    page = bob.get(answer.headers["location"]).text
    assert "Nothing in the Outbox" in page
    assert "It is being sent again." in page
    harbour.fetch()
    harbour.tell(exam)
    assert "Cardiology archive, " in bob.get("/completed").text


def test_sending_nothing_says_so(town: Town) -> None:
    bob = town.signed_in()
    bob.get("/outbox")
    answer = bob.post("/outbox/send")
    assert "Nothing was selected." in bob.get(answer.headers["location"]).text


def test_send_leads_nowhere_else(town: Town) -> None:
    bob = town.signed_in()
    bob.get("/outbox")
    assert bob.post("/outbox/send", next="//evil.example").headers["location"] == "/outbox?said=nothing"
