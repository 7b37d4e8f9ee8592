"""One exchange: a whole answer of bounded size, or Unreachable."""

from __future__ import annotations

import socket

import pytest

from smartlink.gateway.errors import TryAgain, Unreachable
from smartlink.gateway.uplink.http import Answer, exchange, new_client
from tests.gateway.fake_works import FakeWorks


def test_an_answer_comes_whole(works: FakeWorks) -> None:
    with new_client() as http:
        answer = exchange(http, "GET", works.url + "/health", headers={}, largest=1000)
    assert (answer.status, answer.is_success, answer.media_type) == (200, True, "application/json")


def test_an_answer_that_is_far_too_long_is_none(works: FakeWorks) -> None:
    works.disturb("/health", (200, "application/json", b"x" * 5000))
    with new_client() as http, pytest.raises(TryAgain, match="too long"):
        exchange(http, "GET", works.url + "/health", headers={}, largest=1000)


def test_a_redirect_is_not_followed(works: FakeWorks) -> None:
    works.disturb("/health", (302, "text/html", b""))
    with new_client() as http:
        assert exchange(http, "GET", works.url + "/health", headers={}, largest=1000).status == 302


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        with new_client() as http, pytest.raises(Unreachable, match="ConnectError"):
            exchange(http, "GET", url, headers={}, largest=1000)


def test_hanging_up_is_unreachable(works: FakeWorks) -> None:
    works.disturb("/health", None)
    with new_client() as http, pytest.raises(Unreachable):
        exchange(http, "GET", works.url + "/health", headers={}, largest=1000)


def test_a_media_type_loses_its_parameters() -> None:
    assert Answer(200, {"content-type": "Application/JSON; charset=utf-8"}, b"").media_type == "application/json"
