"""Signing in as a person does."""

import pytest

from tests.browser.conftest import Window
from tests.works.web.people import PASSWORD, add_membership


@pytest.mark.proves("R9", "R10", "R11")
def test_email_organisation_password_continue_three_times(window: Window) -> None:
    town, page = window.town, window.page
    add_membership(town.access, town.elsewhere, town.bob, town.now)
    window.open("/drafts")
    page.fill("#email", "bob@lakeside.example")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Lakeside Health").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Email or password is not right.").wait_for()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Drafts", exact=True).wait_for()
    assert page.url == f"{town.address}/drafts"


def test_theme_and_language_are_switched_from_the_account_menu(window: Window) -> None:
    window.sign_in()
    page = window.page
    page.get_by_label("account menu").click()
    page.get_by_role("button", name="Dark theme").click()
    page.wait_for_selector('html[data-bs-theme="dark"]')
    page.get_by_label("account menu").click()
    page.get_by_role("button", name="Español").click()
    page.get_by_role("heading", name="Borradores", exact=True).wait_for()
    page.get_by_label("menú de la cuenta").click()
    page.get_by_role("button", name="Cerrar sesión").click()
    page.get_by_role("heading", name="Iniciar sesión").wait_for()


def test_the_theme_of_the_system_is_followed(window: Window) -> None:
    page = window.page
    page.context.clear_cookies()
    page.emulate_media(color_scheme="dark")
    window.open("/sign-in")
    page.wait_for_selector('html[data-bs-theme="dark"]')
    page.emulate_media(color_scheme="light")
    page.wait_for_selector('html[data-bs-theme="light"]')
