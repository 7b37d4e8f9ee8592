"""The viewer: a cine that really plays, at its own rate, by mouse and by keyboard."""

import re
import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Window

FRAMES = 40
FRAME_MS = 50
PIXEL = """() => {
    const canvas = document.querySelector('[data-part="canvas"]');
    const pen = canvas.getContext("2d", {willReadFrequently: true});
    return [...pen.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data].join();
}"""


@pytest.fixture
def cine(window: Window) -> Page:
    """The exam page with a still and a cine of 40 frames, 20 a second, the cine not yet chosen."""
    town = window.town
    exam = town.exam(town.bob)
    town.instance(exam, number=1)
    town.instance(exam, number=2, frames=FRAMES, frame_time_ms=FRAME_MS)
    window.sign_in()
    window.open(f"/exams/{exam}")
    window.page.wait_for_selector('#stage[data-frame="0"]')
    return window.page


def _reach(page: Page, frame: int) -> None:
    """Wait until this frame or a later one is shown."""
    at_least = "|".join(str(number) for number in range(frame, FRAMES))
    expect(page.locator("#stage")).to_have_attribute("data-frame", re.compile(f"^({at_least})$"))


def test_a_cine_plays_and_its_pixels_change(cine: Page) -> None:
    cine.click(".strip button:nth-child(2)")
    _reach(cine, 1)
    first = cine.evaluate(PIXEL)
    _reach(cine, 10)
    assert cine.evaluate(PIXEL) != first
    assert "20 fps" in cine.inner_text('[data-part="position"]')


def test_a_cine_plays_at_the_rate_of_its_header(window: Window, cine: Page) -> None:
    cine.evaluate("""() => {
        window.seen = [];
        const stage = document.getElementById("stage");
        new MutationObserver(() => window.seen.push([Number(stage.dataset.frame), performance.now()]))
            .observe(stage, {attributeFilter: ["data-frame"]});
    }""")
    cine.click(".strip button:nth-child(2)")
    window.wait_until(f"window.seen.some(([frame]) => frame >= {FRAMES - 5})")
    seen = [(float(frame), float(at)) for frame, at in cine.evaluate("window.seen")]
    end = next((place for place in range(1, len(seen)) if seen[place][0] < seen[place - 1][0] > 0), len(seen))
    (first, since), *_, (last, until) = [each for each in seen[:end] if each[0] >= 10]
    # A busy machine drops frames, but never shows one before its time.
    assert (until - since) / (last - first) >= FRAME_MS * 0.7


def test_space_and_arrows_do_what_the_buttons_do(cine: Page) -> None:
    cine.click(".strip button:nth-child(2)")
    _reach(cine, 2)
    cine.focus("#stage")
    cine.keyboard.press(" ")
    cine.wait_for_selector('[data-part="play"]:not([data-playing])')
    cine.keyboard.press("Home")
    cine.wait_for_selector('#stage[data-frame="0"]')
    cine.keyboard.press("ArrowRight")
    cine.keyboard.press("ArrowRight")
    cine.wait_for_selector('#stage[data-frame="2"]')
    cine.keyboard.press("ArrowLeft")
    cine.wait_for_selector('#stage[data-frame="1"]')
    cine.keyboard.press("End")
    cine.wait_for_selector(f'#stage[data-frame="{FRAMES - 1}"]')
    cine.keyboard.press(" ")
    cine.wait_for_selector('[data-part="play"][data-playing]')


def test_the_slider_scrubs(cine: Page) -> None:
    cine.click(".strip button:nth-child(2)")
    cine.locator('[data-part="range"]').fill("7")
    cine.wait_for_selector('#stage[data-frame="6"]')
    assert cine.inner_text('[data-part="position"]').startswith(f"7 of {FRAMES}")


def test_who_asked_for_calm_starts_a_cine_themselves(cine: Page) -> None:
    cine.emulate_media(reduced_motion="reduce")
    cine.click(".strip button:nth-child(2)")
    cine.wait_for_selector('[data-part="play"]:not([data-playing])')
    cine.get_by_role("button", name="Play").click()
    _reach(cine, 2)


def test_an_image_that_cannot_be_displayed_says_why(window: Window) -> None:
    town = window.town
    exam = town.exam(town.bob)
    town.instance(exam, preview_state="compression")
    window.sign_in()
    window.open(f"/exams/{exam}")
    window.page.get_by_text("its compression cannot be decoded here").wait_for()


def test_pictures_appear_when_they_are_made(window: Window) -> None:
    town = window.town
    exam = town.exam(town.bob)
    image: uuid.UUID = town.instance(exam)
    town.run("UPDATE instance SET preview_state = 'waiting' WHERE id = :id", id=image)
    window.sign_in()
    window.open(f"/exams/{exam}")
    window.page.get_by_text("The pictures of this image are being made.").wait_for()
    town.run("UPDATE instance SET preview_state = 'ready' WHERE id = :id", id=image)
    town.run("SELECT pg_notify('works_exams', :payload)", payload=f"{town.organisation_id} {exam}")
    window.page.wait_for_selector('#stage[data-frame="0"]')
