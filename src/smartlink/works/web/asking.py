"""Who asks, and how: the session behind a request, the page's frame, and the guards of a form."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import Depends, Form, Request

from smartlink.ui import guard, moments, preferences
from smartlink.ui.pages import Frame
from smartlink.works.exams.rights import Actor
from smartlink.works.web.parts import WebParts

SESSION_COOKIE: Final = "works_session"
DOOR_COOKIE: Final = "works_door"
DEFAULT_ZONE: Final = "UTC"


class SignInNeeded(Exception):
    """There is no valid session: the browser is sent to the door, and back to `path` afterwards."""

    def __init__(self, path: str, *, live: bool) -> None:
        super().__init__()
        self.path = path
        self.live = live


class FormRefused(Exception):
    """A POST that no page of ours made."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """The person behind a valid session."""

    person_id: uuid.UUID
    organisation_id: uuid.UUID
    expires_at: datetime

    @property
    def actor(self) -> Actor:
        """The same person, as the use cases know who acts."""
        return Actor(self.organisation_id, self.person_id)


def parts_of(request: Request) -> WebParts:
    """The parts that this application was built of."""
    parts: WebParts = request.app.state.parts
    return parts


Parts = Annotated[WebParts, Depends(parts_of)]


def is_live(request: Request) -> bool:
    """Whether the page asks by itself (htmx), which is no sign of a person."""
    return request.headers.get("hx-request") == "true"


def _visitor(request: Request, parts: WebParts, *, person_acts: bool) -> Visitor:
    token = request.cookies.get(SESSION_COOKIE, "")
    session = parts.sign_in.session(token, parts.clock(), touch=person_acts) if token else None
    if session is None:
        raise SignInNeeded(request.url.path if request.method == "GET" else "/", live=is_live(request))
    return Visitor(session.person_id, session.organisation_id, session.expires_at)


def acting_visitor(request: Request, parts: Parts) -> Visitor:
    """The person who opens a page or presses a button; keeps the session alive. Raises SignInNeeded."""
    return _visitor(request, parts, person_acts=not is_live(request))


def idle_visitor(request: Request, parts: Parts) -> Visitor:
    """The person whose browser asks by itself: the session is checked, not prolonged. Raises SignInNeeded."""
    return _visitor(request, parts, person_acts=False)


def guarded(request: Request, form_token: Annotated[str, Form()] = "") -> None:
    """Refuse a POST that did not come from a page of ours (FormRefused)."""
    cookie = request.cookies.get(SESSION_COOKIE) or request.cookies.get(DOOR_COOKIE)
    if not guard.form_is_ours(cookie, form_token, request.headers.get("sec-fetch-site")):
        raise FormRefused


def preferences_of(request: Request) -> preferences.Preferences:
    """How this browser wants its pages."""
    return preferences.read(request.cookies, request.headers.get("accept-language", ""))


def frame_of(request: Request, parts: WebParts, cookie: str, zone: str | None = None, path: str | None = None) -> Frame:
    """What every page is told; `cookie` is the one its forms are tied to."""
    return Frame(
        preferences=preferences_of(request),
        nonce=request.state.nonce,
        form_token=guard.form_token(cookie),
        path=path or request.url.path,
        now=parts.clock(),
        zone=moments.zone(zone or DEFAULT_ZONE),
    )
