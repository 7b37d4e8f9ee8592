"""What a call of the link must be before anything reads it: small enough, of this version, and repeatable."""

import re
import traceback
from typing import Final

import structlog
from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlink.link import paths
from smartlink.link.problems import ProblemType
from smartlink.works.api import problems

log = structlog.get_logger(__name__)

LARGEST_BODY: Final = 4 * 1024 * 1024
_LINK: Final = "/link/v"
_REPEATABLE_BY_THEMSELVES: Final = frozenset({paths.ACTIVATE, paths.TOKEN})
"""Activation is repeated by its installation id, a token's assertion has its own one-time identifier."""
_IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,128}")
_UPDATE: Final = "This Works speaks another version of the link: update SmartLink."


class Limits:
    """ASGI middleware; whatever goes wrong inside is answered with a problem document, and logged without values."""

    def __init__(self, app: ASGIApp) -> None:
        """`app` sees only calls that are within the limits."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = _refusal(scope)
        try:
            body = None if refusal is not None else await _body(receive)
        except ClientDisconnect:
            return
        if body is None:
            refusal = refusal or problems.answer(
                ProblemType.REQUEST_TOO_LARGE, f"A request has at most {LARGEST_BODY} bytes: send fewer at a time."
            )
            await refusal(scope, receive, send)
            return
        await self._guarded(scope, _replay(body, receive), send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # noqa: BLE001 - the top of a protocol handler: nothing but a document goes out
            # Neither the text of the error nor its values: both may quote what was sent.
            frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-4:]]
            log.error("link_request_failed", error=type(error).__name__, frames=frames)
            if not begun:
                await problems.answer(ProblemType.UNAVAILABLE, problems.AWAY)(scope, receive, send)


def _refusal(scope: Scope) -> Response | None:
    """Why the call is not even read; None when it may go on."""
    path, headers = scope["path"], Headers(scope=scope)
    if not path.startswith(_LINK):
        return None
    if headers.get(paths.VERSION_HEADER) != str(paths.VERSION) or not path.startswith(f"{_LINK}{paths.VERSION}/"):
        return problems.answer(ProblemType.VERSION_UNSUPPORTED, _UPDATE)
    writes = scope["method"] not in {"GET", "HEAD", "OPTIONS"} and path not in _REPEATABLE_BY_THEMSELVES
    if writes and not _IDEMPOTENCY_KEY.fullmatch(headers.get(paths.IDEMPOTENCY_HEADER, "")):
        return problems.answer(
            ProblemType.REQUEST_INVALID, f"Every write has an {paths.IDEMPOTENCY_HEADER} header of its own."
        )
    announced = headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > LARGEST_BODY:
        return problems.answer(
            ProblemType.REQUEST_TOO_LARGE, f"A request has at most {LARGEST_BODY} bytes: send fewer at a time."
        )
    return None


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is larger than allowed, whatever was announced. Half a body is never passed on."""
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
