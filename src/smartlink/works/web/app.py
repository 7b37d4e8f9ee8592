"""The pages of Works as one application: routes, refusals in words, and headers on every answer."""

from pathlib import Path
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from smartlink.ui import guard
from smartlink.ui.headers import SecureHeaders
from smartlink.ui.translations import marked
from smartlink.works.errors import NotFound, TryAgain
from smartlink.works.web import (
    choices,
    claims,
    deletion,
    exam,
    folders,
    live,
    outbox,
    patient,
    sign_in,
    static,
    submission,
    versions,
    worklist,
)
from smartlink.works.web.asking import DOOR_COOKIE, SESSION_COOKIE, FormRefused, SignInNeeded, frame_of, parts_of
from smartlink.works.web.parts import WebParts

TEMPLATES: Final = Path(__file__).parent / "templates"


def create_pages(parts: WebParts) -> FastAPI:
    """The application; it opens nothing and starts nothing."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.parts = parts
    for door in (
        sign_in,
        folders,
        outbox,
        exam,
        patient,
        claims,
        submission,
        deletion,
        versions,
        worklist,
        live,
        choices,
        static,
    ):
        app.include_router(door.router)
    app.add_exception_handler(SignInNeeded, _to_the_door)
    app.add_exception_handler(FormRefused, _form_refused)
    app.add_exception_handler(TryAgain, _not_now)
    for missing in (NotFound, RequestValidationError, HTTPException):
        app.add_exception_handler(missing, _not_found)
    app.add_middleware(SecureHeaders)
    return app


def _to_the_door(_: Request, error: Exception) -> Response:
    """A page leads to sign-in and back; a page that asks by itself is told to load again, which does the same."""
    if not isinstance(error, SignInNeeded):
        raise error
    if error.live:
        return Response(status_code=401, headers={"HX-Refresh": "true"})
    path = guard.local_path(error.path, "/")
    return RedirectResponse(f"/sign-in?next={quote(path)}" if path != "/" else "/sign-in", status_code=303)


def _not_found(request: Request, _: Exception) -> Response:
    return _notice(
        request,
        404,
        marked("Not found"),
        marked("There is nothing at this address, or it is not yours to see."),
        ("/drafts", marked("Go to Drafts")),
    )


def _form_refused(request: Request, _: Exception) -> Response:
    return _notice(
        request,
        403,
        marked("This form has expired"),
        marked("It was open for too long, or did not come from Works. Nothing was changed."),
        ("/", marked("Start again")),
    )


def _not_now(request: Request, _: Exception) -> Response:
    return _notice(
        request,
        503,
        marked("Works cannot answer just now"),
        marked("Its database or its storage does not answer. No image is lost: gateways keep theirs until it does."),
        (request.url.path, marked("Try again")),
    )


def _notice(request: Request, status: int, heading: str, words: str, way_out: tuple[str, str]) -> Response:
    parts = parts_of(request)
    cookie = request.cookies.get(SESSION_COOKIE) or request.cookies.get(DOOR_COOKIE) or ""
    frame = frame_of(request, parts, cookie, path="/")

    def say(message: str) -> str:
        return parts.pages.say(frame.preferences, message)

    content = parts.pages.render(
        "notice.html", frame, heading=say(heading), words=say(words), way_out=way_out[0], way_out_words=say(way_out[1])
    )
    return HTMLResponse(content, status_code=status)
