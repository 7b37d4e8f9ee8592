"""Language and theme."""

import pytest

from tests.works.web.town import Town


def test_a_theme_is_kept_for_a_year(town: Town) -> None:
    browser = town.browser()
    browser.get("/sign-in")
    answer = browser.post("/preferences", theme="dark", next="/sign-in")
    assert "theme=dark" in answer.headers["set-cookie"]
    assert "Max-Age=31536000" in answer.headers["set-cookie"]
    assert 'data-bs-theme="dark"' in browser.get("/sign-in").text


@pytest.mark.parametrize(("field", "value"), [("theme", "pink"), ("language", "xx"), ("language", "")])
def test_a_choice_that_there_is_not_changes_nothing(town: Town, field: str, value: str) -> None:
    browser = town.browser()
    browser.get("/sign-in")
    assert "set-cookie" not in browser.post("/preferences", **{field: value}).headers


def test_a_choice_leads_back_to_a_page_of_ours_only(town: Town) -> None:
    browser = town.browser()
    browser.get("/sign-in")
    assert browser.post("/preferences", theme="dark", next="//evil.example").headers["location"] == "/"
