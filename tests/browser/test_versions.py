"""Two images under one identifier, and what stands above the folders: as a person sees them, in every look."""

import uuid

import pytest
from playwright.sync_api import expect

from smartlink.demo.images import Heart, burn_in, tint
from smartlink.works.images.draw import webp
from tests.browser.conftest import Look, Window, Windows
from tests.browser.pictures import CAPTION, beat
from tests.browser.test_pages import ONE_BY_DAY
from tests.works.web.test_warnings import mail
from tests.works.web.town import Town


def _contested(town: Town) -> tuple[uuid.UUID, uuid.UUID]:
    exam = town.exam(town.bob, accession_number="CA-2026-11870")
    town.instance(exam, beat()[:1], number=1)
    image = town.instance(exam, beat(), number=2, frame_time_ms=66.7)
    other = webp(burn_in(tint(Heart(5).grey(0.4)), CAPTION, 0.4, "PLAX"), 1024)
    town.wait(minutes=3)
    town.conflict(image, [other], differs=["PatientName", "PatientID", "ContentTime", "Rows", "Columns", "PixelData"])
    return exam, image


@pytest.mark.proves("R152")
def test_a_person_compares_both_and_uses_the_second(window: Window) -> None:
    exam, image = _contested(window.town)
    window.sign_in()
    window.open(f"/exams/{exam}")
    page = window.page
    shown = page.locator(f"#image-{image}")
    before = shown.get_attribute("data-version")
    page.get_by_role("link", name="Compare image 2").click()
    page.wait_for_selector(".version img")
    window.wait_until("[...document.querySelectorAll('.version img')].every(img => img.complete && img.naturalWidth)")
    page.get_by_role("button", name="Use the second instead").click()
    page.get_by_text("The one that arrived second counts.").wait_for()
    page.get_by_role("link", name="Rivera, Elena").click()
    page.get_by_text("which one counts is decided.").wait_for()
    assert shown.get_attribute("data-version") != before
    expect(page.get_by_text("carry the same identifier")).to_have_count(0)


@pytest.mark.parametrize("look", ONE_BY_DAY, ids=lambda look: look.name)
def test_versions_and_warnings_in_every_look(windows: Windows, town: Town, look: Look) -> None:
    exam, image = _contested(town)
    town.runs(town.bob)
    mail(town, "alice@lakeside.example", "waiting", "The mail server does not accept user name and password.")
    window = windows.open(look)
    window.sign_in()
    window.inspect("versions-1-warnings")
    window.open(f"/exams/{exam}")
    window.inspect("versions-2-exam")
    window.open(f"/exams/{exam}/images/{image}/versions")
    window.inspect("versions-3-undecided")
    window.page.get_by_role("button").filter(
        has_text=("Usar la segunda" if look.language == "es" else "Use the second")
    ).click()
    window.page.wait_for_selector(".verdict.is-ok")
    window.inspect("versions-4-decided")
