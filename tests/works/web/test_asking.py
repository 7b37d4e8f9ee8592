"""Who asks: sessions that are none, forms that are not ours."""

import pytest

from smartlink.ui import guard
from tests.works.web.town import Town


@pytest.mark.parametrize("token", ["", "x", "é", "a" * 5000])
def test_a_cookie_that_is_no_session_is_a_stranger(town: Town, token: str) -> None:
    browser = town.browser()
    browser.http.headers["cookie"] = f"works_session={token}".encode().decode("latin-1")
    assert browser.get("/drafts").status_code == 303


def test_a_form_that_another_site_sends_is_refused_even_with_our_token(town: Town) -> None:
    browser = town.signed_in()
    browser.get("/drafts")
    answer = browser.http.post(
        "/preferences",
        data={"form_token": browser.form_token, "language": "es"},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert answer.status_code == 403
    assert "Nothing was changed." in answer.text


def test_a_token_of_somebody_else_s_cookie_is_refused(town: Town) -> None:
    browser = town.signed_in()
    browser.form_token = guard.form_token("somebody else's")
    assert browser.post("/sign-out").status_code == 403
    assert browser.get("/drafts").status_code == 200


def test_a_page_that_asks_by_itself_is_told_to_load_again(town: Town) -> None:
    answer = town.browser().get("/drafts", hx_request="true")
    assert (answer.status_code, answer.headers["hx-refresh"]) == (401, "true")
