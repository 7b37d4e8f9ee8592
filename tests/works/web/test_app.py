"""The application as a whole: headers on every answer, refusals in words."""

import uuid

import pytest

from smartlink.works.errors import TryAgain
from tests.works.web.town import Town


@pytest.mark.parametrize("path", ["/sign-in", "/drafts", "/", "/exams/x", "/nothing", "/static/nothing.css"])
def test_every_answer_carries_the_headers(town: Town, path: str) -> None:
    headers = town.browser().get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_what_is_not_there_is_said_in_words_and_in_the_reader_s_language(town: Town) -> None:
    answer = town.browser().get("/nothing", accept_language="es")
    assert answer.status_code == 404
    assert "No encontrado" in answer.text


def test_a_database_that_is_away_is_said_so_and_nothing_is_lost(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = town.signed_in()

    def away(*_: object, **__: object) -> None:
        raise TryAgain

    monkeypatch.setattr(type(town.parts.sign_in), "session", away)
    answer = browser.get(f"/exams/{uuid.uuid4()}")
    assert answer.status_code == 503
    assert "No image is lost" in answer.text


def test_there_is_no_page_for_machines_to_read_the_pages_from(town: Town) -> None:
    assert {town.browser().get(path).status_code for path in ("/docs", "/openapi.json")} == {404}
