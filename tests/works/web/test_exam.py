"""The exam page: what it shows, who may see it, and that looking is recorded."""

import uuid
from datetime import timedelta

import pytest

from tests.works.web.town import Browser, Town


def _addresses(exam: uuid.UUID, image: uuid.UUID) -> list[str]:
    base = f"/exams/{exam}"
    return [base, f"{base}/images/{image}/thumb", f"{base}/images/{image}/frames/1"]


def _events(town: Town, action: str) -> int:
    return int(town.value("SELECT count(*) FROM audit_event WHERE action = :action", action=action))


def test_stills_and_cines_stand_in_the_strip(town: Town) -> None:
    exam = town.exam(town.bob)
    town.instance(exam, number=1)
    town.instance(exam, number=2, frames=60, frame_time_ms=33.3)
    page = town.signed_in().get(f"/exams/{exam}").text
    assert 'aria-label="Image 1"' in page
    assert 'aria-label="Image 2, cine 0:02"' in page
    assert 'data-frames="60" data-ms="33.3"' in page
    assert "Not for primary diagnosis" in page


def test_a_frame_is_a_webp_that_no_cache_keeps(town: Town) -> None:
    exam = town.exam(town.bob)
    image = town.instance(exam, frames=3)
    answer = town.signed_in().get(f"/exams/{exam}/images/{image}/frames/3")
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content[8:12] == b"WEBP"


@pytest.mark.parametrize("frame", ["0", "4", "-1", "x"])
def test_a_frame_that_is_not_there_is_not_found(town: Town, frame: str) -> None:
    exam = town.exam(town.bob)
    image = town.instance(exam, frames=3)
    assert town.signed_in().get(f"/exams/{exam}/images/{image}/frames/{frame}").status_code == 404


def test_charlie_gets_not_found_for_every_address_of_bob_s_exam(town: Town) -> None:
    exam = town.exam(town.bob)
    image = town.instance(exam)
    charlie = town.signed_in("charlie@elsewhere.example")
    never_was = charlie.get(f"/exams/{uuid.uuid4()}")
    for address in _addresses(exam, image):
        answer = charlie.get(address)
        assert answer.status_code == 404, address
        assert _same_answer(answer.text, never_was.text)


def test_a_colleague_does_not_see_bob_s_drafts(town: Town) -> None:
    exam = town.exam(town.bob)
    image = town.instance(exam)
    eve = town.signed_in("eve@lakeside.example")
    assert {eve.get(address).status_code for address in _addresses(exam, image)} == {404}


def test_an_image_is_not_reached_through_an_exam_that_one_may_see(town: Town) -> None:
    mine, his = town.exam(town.eve), town.exam(town.bob)
    image = town.instance(his)
    assert town.signed_in("eve@lakeside.example").get(f"/exams/{mine}/images/{image}/frames/1").status_code == 404


@pytest.mark.parametrize("text", ["x", "..%2Fdrafts", "00000000-0000-0000-0000-00000000000g", "%00"])
def test_an_address_that_is_no_id_is_not_found(town: Town, text: str) -> None:
    assert town.signed_in().get(f"/exams/{text}").status_code == 404


def test_opening_an_exam_and_looking_at_an_image_are_recorded_once(town: Town) -> None:
    exam = town.exam(town.bob)
    image = town.instance(exam, frames=3)
    bob = town.signed_in()
    bob.get(f"/exams/{exam}")
    bob.get(f"/exams/{exam}", hx_request="true")
    for frame in (3, 2, 1):
        bob.get(f"/exams/{exam}/images/{image}/frames/{frame}")
    assert (_events(town, "exam_opened"), _events(town, "image_viewed")) == (1, 1)
    town.wait(minutes=11)
    bob.get(f"/exams/{exam}/images/{image}/frames/2")
    assert _events(town, "image_viewed") == 2


def test_the_facts_and_the_assignment_are_told(town: Town) -> None:
    exam = town.exam(town.bob, accession_number="CA-1187")
    page = town.signed_in().get(f"/exams/{exam}").text
    for fact in ("LG-204881", "12 Mar 1965", "CA-1187", "Echo lab, room 2", "Dr. Bob Brandt", "BRANDT^BOB"):
        assert fact in page
    assert "By Performing Physician’s Name" in page


def test_an_unassigned_exam_says_why_on_its_page(town: Town) -> None:
    exam = town.exam()
    page = town.signed_in().get(f"/exams/{exam}").text
    assert "No physician yet" in page
    assert "The name matches nobody:" in page


def test_the_journey_counts_what_is_still_on_its_way(town: Town) -> None:
    exam = town.exam(town.bob)
    town.instance(exam, received_at=town.now - timedelta(seconds=7))
    town.upload(town.value("SELECT study_instance_uid FROM exam WHERE id = :id", id=exam), state="offered")
    page = town.signed_in().get(f"/exams/{exam}").text
    assert "1 of 2" in page
    assert "hop part" in page


def test_two_images_with_one_identifier_are_said_to_be_kept_both(town: Town) -> None:
    exam = town.exam(town.bob)
    town.instance(exam, number=1)
    town.conflict(town.instance(exam, number=2))
    browser = town.signed_in()
    assert "Two different images carry the same identifier. Both are kept." in browser.get(f"/exams/{exam}").text
    assert "1 image stands twice" in browser.get("/drafts").text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("waiting", "The pictures of this image are being made."),
        ("no_pixels", "This object holds no image"),
        ("too_large", "it is larger than the viewer takes"),
        ("video", "a video in a format the viewer does not play"),
        ("compression", "its compression cannot be decoded here"),
        ("damaged", "its pixels are damaged"),
    ],
)
def test_what_cannot_be_displayed_says_why(town: Town, state: str, words: str) -> None:
    exam = town.exam(town.bob)
    town.instance(exam, preview_state=state)
    assert words in town.signed_in().get(f"/exams/{exam}").text


def test_an_exam_without_an_image_yet_is_a_page_all_the_same(town: Town) -> None:
    nothing: dict[str, None] = dict.fromkeys(
        (
            "patient_name",
            "patient_id",
            "birth_date",
            "sex",
            "study_description",
            "study_at",
            "specialty_id",
            "raw_value",
        )
    )
    exam = town.exam(town.bob, **nothing)
    page = town.signed_in().get(f"/exams/{exam}").text
    assert "The first image of this exam is being received." in page
    assert "No patient name" in page


def test_times_are_those_of_the_facility(town: Town) -> None:
    exam = town.exam(town.bob)
    assert "10:30" in town.signed_in().get(f"/exams/{exam}").text  # 09:30 UTC is 10:30 in Madrid


def _same_answer(one: str, other: str) -> bool:
    def steady(page: str) -> list[str]:
        return [line for line in page.splitlines() if "nonce" not in line and "form_token" not in line]

    return steady(one) == steady(other)


def test_a_browser_without_a_session_gets_no_picture(town: Town) -> None:
    exam = town.exam(town.bob)
    image = town.instance(exam)
    stranger: Browser = town.browser()
    assert {stranger.get(address).status_code for address in _addresses(exam, image)} == {303}
