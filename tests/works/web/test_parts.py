"""The parts list of the pages."""

import dataclasses

import pytest

from tests.works.web.people import PASSWORD
from tests.works.web.town import Town


def test_the_parts_cannot_be_exchanged_later(town: Town) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        town.parts.secure = True  # type: ignore[misc]


def test_over_https_the_session_cookie_never_leaves_it(town: Town) -> None:
    town.app.state.parts = dataclasses.replace(town.parts, secure=True)
    browser = town.browser()
    answer = browser.get("/sign-in")
    assert "Secure" in answer.headers["set-cookie"]
    browser.http.headers["cookie"] = answer.headers["set-cookie"].partition(";")[0]
    browser.post("/sign-in/email", email="bob@lakeside.example")
    signed_in = browser.post("/sign-in/password", email="bob@lakeside.example", password=PASSWORD)
    assert "Secure" in next(each for each in signed_in.headers.get_list("set-cookie") if "works_session" in each)
