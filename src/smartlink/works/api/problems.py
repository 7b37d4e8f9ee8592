"""Every error of the link as a problem document (RFC 9457). A document never repeats what was sent."""

import re
from collections.abc import Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from smartlink.link.problems import MEDIA_TYPE, Problem, ProblemType
from smartlink.works.errors import Invalid, LinkRefused, TryAgain

log = structlog.get_logger(__name__)

_MOST_FIELDS: Final = 5
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_TITLES: Final = {
    ProblemType.LICENCE_UNKNOWN: "The licence key is not known.",
    ProblemType.LICENCE_REVOKED: "The licence is no longer valid.",
    ProblemType.LICENCE_IN_USE: "The licence key is in use.",
    ProblemType.ASSERTION_REFUSED: "The assertion was refused.",
    ProblemType.TOKEN_REFUSED: "The bearer token was refused.",
    ProblemType.CONNECTION_DUPLICATE: "The AE title is in use.",
    ProblemType.CONNECTION_UNKNOWN: "The connection is not known.",
    ProblemType.SPECIALTY_UNKNOWN: "The specialty is not known.",
    ProblemType.INSTANCE_REFUSED: "The instance cannot be taken.",
    ProblemType.TOO_MANY_REQUESTS: "Too many attempts.",
    ProblemType.REQUEST_INVALID: "The request is not valid.",
    ProblemType.REQUEST_TOO_LARGE: "The request is too large.",
    ProblemType.VERSION_UNSUPPORTED: "Update SmartLink.",
    ProblemType.NOT_FOUND: "There is no such address.",
    ProblemType.UNAVAILABLE: "Works is not available just now.",
}
AWAY: Final = "Works cannot answer just now: try again in a while."


def answer(kind: ProblemType, detail: str, *, status: int | None = None) -> Response:
    """The response for one problem; `status` only where HTTP has a more exact one."""
    document = Problem(type=kind, title=_TITLES[kind], status=status or kind.status, detail=detail)
    headers = {"Cache-Control": "no-store"}
    if document.status == ProblemType.TOKEN_REFUSED.status:
        headers["WWW-Authenticate"] = "Bearer"
    if kind in {ProblemType.UNAVAILABLE, ProblemType.TOO_MANY_REQUESTS}:
        headers["Retry-After"] = "30"
    return JSONResponse(document.model_dump(), status_code=document.status, headers=headers, media_type=MEDIA_TYPE)


def where(errors: Sequence[Any]) -> str:
    """Which fields are wrong, by name and kind of error, without their values."""
    places = []
    for error in errors[:_MOST_FIELDS]:
        names = [str(part) for part in error["loc"] if isinstance(part, int) or _FIELD.fullmatch(str(part))]
        places.append(f"{'.'.join(names)} ({error['type']})")
    return "Not as the contract says: " + ", ".join(places) + "."


def install(app: FastAPI) -> None:
    """Answer every error that a route raises with its problem document."""
    app.add_exception_handler(LinkRefused, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(TryAgain, _away)
    app.add_exception_handler(Invalid, _invalid)


def _refused(request: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, LinkRefused) else LinkRefused(ProblemType.UNAVAILABLE, AWAY)
    log.info("link_refused", path=_route(request), problem=refusal.kind)
    return answer(refusal.kind, refusal.detail)


def _not_valid(request: Request, error: Exception) -> Response:
    detail = where(error.errors()) if isinstance(error, RequestValidationError) else ""
    log.info("link_request_invalid", path=_route(request), where=detail)
    return answer(ProblemType.REQUEST_INVALID, detail)


def _invalid(_request: Request, error: Exception) -> Response:
    return answer(ProblemType.REQUEST_INVALID, str(error))


def _http(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else ProblemType.NOT_FOUND.status
    if status == ProblemType.NOT_FOUND.status:
        return answer(ProblemType.NOT_FOUND, "This Works has no such address: compare the versions of both programs.")
    return answer(ProblemType.REQUEST_INVALID, "The request cannot be read.", status=status)


def _away(request: Request, error: Exception) -> Response:
    log.error("link_unavailable", path=_route(request), why=type(error).__name__)
    return answer(ProblemType.UNAVAILABLE, AWAY)


def _route(request: Request) -> str:
    """The route's template: an address as called may hold anything."""
    return str(getattr(request.scope.get("route"), "path", "unknown"))
