"""A call is bounded before it is read, and an error inside tells nothing outside."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from smartlink.link import paths
from smartlink.link.problems import MEDIA_TYPE, ProblemType
from smartlink.works.api.limits import LARGEST_BODY, Limits
from tests.works.serving import serving
from tests.works.world import VERSIONED


async def counting(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's signature
    """Answer how long the body is."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


async def failing(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - ASGI's signature
    """Fail with a text that must not be seen."""
    message = "MARKER^Patient"
    raise ZeroDivisionError(message)


def pieces(size: int) -> Iterator[bytes]:
    """A body of unannounced length."""
    for _ in range(size // 65536 + 1):
        yield bytes(65536)


def test_a_body_within_the_limit_arrives_whole() -> None:
    with serving(Limits(counting)) as address:
        answer = httpx.post(address + paths.TOKEN, content=bytes(LARGEST_BODY), headers=VERSIONED)
    assert (answer.status_code, answer.text) == (200, str(LARGEST_BODY))


@pytest.mark.parametrize("body", [bytes(LARGEST_BODY + 1), pieces(LARGEST_BODY)], ids=["announced", "chunked"])
def test_a_larger_body_is_refused_whether_announced_or_not(body: Any) -> None:
    with serving(Limits(counting)) as address:
        answer = httpx.post(address + paths.TOKEN, content=body, headers=VERSIONED)
    assert (answer.status_code, answer.json()["type"]) == (413, ProblemType.REQUEST_TOO_LARGE)


def test_an_error_inside_is_a_problem_document_and_a_log_line_without_its_text(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with serving(Limits(failing)) as address:
        answer = httpx.get(address + paths.CONFIGURATION, headers=VERSIONED)
    assert (answer.status_code, answer.headers["content-type"]) == (503, MEDIA_TYPE)
    logged = "".join(capfd.readouterr())
    assert "ZeroDivisionError" in logged
    assert "MARKER" not in logged + answer.text


def test_a_caller_that_hangs_up_during_the_body_gets_no_answer() -> None:
    sent: list[Message] = []
    incoming: Iterator[Message] = iter(
        [{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive() -> Message:
        return next(incoming)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": paths.HEALTH, "method": "GET", "headers": []}
    asyncio.run(Limits(counting)(scope, receive, send))
    assert sent == []
