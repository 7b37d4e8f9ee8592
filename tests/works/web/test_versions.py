"""Two images under one identifier on the pages: beside each other, decided by whoever may, unseen by anybody else."""

import uuid
from datetime import timedelta

import pytest

from smartlink.works.store import versions as rows
from smartlink.works.web import versions
from tests.works.web.harbour import Harbour
from tests.works.web.town import Browser, Town, squares

pytestmark = pytest.mark.proves("R152")


def contested(town: Town, **columns: object) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """An exam of Bob's whose only image came again as another one: exam, image, and the second version."""
    exam = town.exam(town.bob)
    image = town.instance(exam, number=1)
    return exam, image, town.conflict(image, squares(3), **columns)


def choose(browser: Browser, exam: uuid.UUID, image: uuid.UUID, version: uuid.UUID, seen: list[uuid.UUID]) -> str:
    """Press a button of the page, and where it leads."""
    path = f"/exams/{exam}/images/{image}/versions"
    browser.get(path)
    answer = browser.post(path, chosen=str(version), seen=" ".join(map(str, seen)))
    assert answer.status_code == 303
    return answer.headers["location"]


def test_both_stand_beside_each_other_with_what_differs_and_what_would_be_sent(town: Town) -> None:
    exam, image, second = contested(town)
    bob = town.signed_in()
    listed = bob.get(f"/exams/{exam}").text
    assert f'href="/exams/{exam}/images/{image}/versions"' in listed
    page = bob.get(f"/exams/{exam}/images/{image}/versions").text
    for words in (
        "2 versions of image 1",
        "Until then, the one that arrived first is sent.",
        "Keep the first",
        "Use the second instead",
        "Echo lab, room 2",
        "Lakeside General",
        "JPEG Baseline",
        "80 × 60, 1 kB",
        "80 × 60, 2.5 MB",
        "<li>Patient ID</li><li>Pixel Data</li>",
        "They name different patients.",
        "Keep all of them undecided",
    ):
        assert words in page, words
    assert "LG-204881" not in page.split("What differs")[1]
    for version in (image, second):
        assert bob.get(f"/exams/{exam}/images/{image}/versions/{version}/frames/1").status_code == 200
    assert bob.get(f"/exams/{exam}/images/{image}/versions/{second}/frames/3").status_code == 200
    assert bob.get(f"/exams/{exam}/images/{image}/versions/{second}/frames/4").status_code == 404


def test_the_second_is_used_instead_and_the_exam_shows_it(town: Town) -> None:
    exam, image, second = contested(town)
    bob = town.signed_in()
    before = bob.get(f"/exams/{exam}/images/{image}/frames/1").content
    assert choose(bob, exam, image, second, [image, second]) == f"/exams/{exam}/images/{image}/versions"
    page = bob.get(f"/exams/{exam}/images/{image}/versions").text
    assert "The one that arrived second counts." in page
    assert "Decided by Dr. Bob Brandt, 10:30:00." in page
    assert "Use the first instead" in page
    shown = bob.get(f"/exams/{exam}").text
    assert "carry the same identifier" not in shown
    assert "which one counts is decided." in shown
    assert f'data-version="{second.hex}"' in shown
    assert bob.get(f"/exams/{exam}/images/{image}/thumb").status_code == 200
    assert bob.get(f"/exams/{exam}/images/{image}/frames/3").status_code == 200
    # Pressed again: nothing more happens. And back again: the first is what it was.
    choose(bob, exam, image, second, [image, second])
    assert town.value("SELECT count(*) FROM audit_event WHERE action = 'image_version_decided'") == 1
    choose(bob, exam, image, image, [image, second])
    assert bob.get(f"/exams/{exam}/images/{image}/frames/1").content == before


def test_a_pacs_that_has_the_other_one_is_offered_the_decided_one(town: Town) -> None:
    harbour = Harbour(town)
    harbour.pacs()
    exam, image, second = contested(town)
    bob = town.signed_in()
    bob.get(f"/exams/{exam}")
    bob.post(f"/exams/{exam}/submit", version="1")
    harbour.fetch()
    harbour.tell(exam)
    page = bob.get(f"/exams/{exam}/images/{image}/versions").text
    assert "Cardiology archive has the other one: the exam page then offers to send this one there" in page
    choose(bob, exam, image, second, [image, second])
    assert "Send 1 new image" in bob.get(f"/exams/{exam}").text
    assert "<dt>Stored in</dt><dd>Cardiology archive</dd>" in bob.get(f"/exams/{exam}/images/{image}/versions").text


def test_one_that_came_meanwhile_is_shown_before_anything_is_decided(town: Town) -> None:
    exam, image, second = contested(town)
    bob = town.signed_in()
    town.wait(seconds=1)
    town.conflict(image)
    assert choose(bob, exam, image, second, [image, second]).endswith("?said=changed")
    page = bob.get(f"/exams/{exam}/images/{image}/versions?said=changed").text
    assert "Nobody has decided yet." in page
    assert "The one that arrived as number 3" in page
    assert "Nothing was done." in page


def test_one_of_another_study_says_that_it_cannot_take_the_place(town: Town) -> None:
    exam, image, second = contested(town, series_id=None)
    bob = town.signed_in()
    page = bob.get(f"/exams/{exam}/images/{image}/versions").text
    assert "It says that it is of another study" in page
    assert "Use the second instead" not in page
    assert choose(bob, exam, image, second, [image, second]).endswith("?said=changed")


def test_who_reaches_an_unassigned_exam_sees_both_and_claims_it_to_decide(town: Town) -> None:
    exam = town.exam()
    image = town.instance(exam)
    second = town.conflict(image)
    bob = town.signed_in()
    page = bob.get(f"/exams/{exam}/images/{image}/versions").text
    assert "Claim the exam to decide" in page
    assert "Keep the first" not in page
    assert choose(bob, exam, image, second, [image, second]).endswith("?said=refused")


def test_whoever_runs_the_facility_decides_for_a_physician(town: Town) -> None:
    exam, image, second = contested(town)
    eve = town.signed_in("eve@lakeside.example")
    assert eve.get(f"/exams/{exam}").status_code == 404
    town.runs(town.eve)
    assert eve.get(f"/exams/{exam}").status_code == 200
    choose(eve, exam, image, second, [image, second])
    assert "Decided by Dr. Eve Egger" in eve.get(f"/exams/{exam}/images/{image}/versions").text


def test_charlie_and_eve_find_nothing_and_change_nothing(town: Town) -> None:
    exam, image, second = contested(town)
    path = f"/exams/{exam}/images/{image}/versions"
    for email in ("charlie@elsewhere.example", "eve@lakeside.example"):
        other = town.signed_in(email)
        assert other.get(path).status_code == 404
        assert other.get(f"{path}/{second}/frames/1").status_code == 404
        other.get("/drafts")
        assert other.post(path, chosen=str(second), seen=f"{image} {second}").status_code == 404
    assert town.value("SELECT version_id FROM instance WHERE id = :id", id=image) is None


def test_a_form_that_is_not_ours_is_refused(town: Town) -> None:
    exam, image, second = contested(town)
    bob = town.signed_in()
    bob.form_token = "somebody else's"
    answer = bob.post(f"/exams/{exam}/images/{image}/versions", chosen=str(second), seen=f"{image} {second}")
    assert answer.status_code == 403
    assert town.value("SELECT version_id FROM instance WHERE id = :id", id=image) is None


def test_an_image_that_came_once_has_no_such_page(town: Town) -> None:
    exam = town.exam(town.bob)
    image = town.instance(exam)
    bob = town.signed_in()
    assert bob.get(f"/exams/{exam}/images/{image}/versions").status_code == 404
    assert bob.get(f"/exams/{exam}/images/{image}/versions/{uuid.uuid4()}/frames/1").status_code == 404


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("PatientBirthDate", "Patient Birth Date"),
        ("SOPClassUID", "SOP Class UID"),
        ("PixelData", "Pixel Data"),
        ("0011,1001", "0011,1001"),
    ],
)
def test_attributes_are_named_as_words(keyword: str, words: str) -> None:
    assert versions.spelt(keyword) == words


def test_what_could_not_be_compared_says_so(town: Town) -> None:
    exam, image, _ = contested(town, differs=["unreadable"], preview_state="damaged")
    page = town.signed_in().get(f"/exams/{exam}/images/{image}/versions").text
    assert "One of the two cannot be read to its end" in page
    assert "This image cannot be displayed." in page
    with town.access.organisation(town.organisation_id) as site:
        known = rows.of_instance(site, image)
    assert [each.received_at - town.now for each in known] == [timedelta()] * 2
