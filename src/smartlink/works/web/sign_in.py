"""Signing in, in the manual's three steps (R9 to R11): Email, organisation when there are several, Password.

The steps are stateless: what was said before travels in hidden fields and is checked again at the last step. An
e-mail address that nobody has leads to the password step like any other.
"""

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from smartlink.ui import guard
from smartlink.ui.translations import marked
from smartlink.works.people.sign_in import Choice, Refused
from smartlink.works.web.asking import DOOR_COOKIE, SESSION_COOKIE, Parts, frame_of, guarded, preferences_of
from smartlink.works.web.parts import WebParts

router = APIRouter()
AFTER_SIGN_IN: Final = "/drafts"
LONGEST_EMAIL: Final = 254
DOOR_SECONDS: Final = 3600
Email = Annotated[str, Form(max_length=LONGEST_EMAIL)]
Next = Annotated[str, Form()]


@router.get("/sign-in")
def email_step(request: Request, parts: Parts, next: str = "") -> HTMLResponse:  # noqa: A002 -- the address's own word
    """Step 1: the page asks for Email (R9)."""
    return _step(request, parts, "sign_in_email.html", next=next, email="", problem=None)


@router.post("/sign-in/email", dependencies=[Depends(guarded)])
def organisation_step(request: Request, parts: Parts, email: Email = "", next: Next = "") -> HTMLResponse:  # noqa: A002
    """Step 2: a choice when the person belongs to several organisations (R10), else straight on to Password."""
    email = email.strip()
    if "@" not in email:
        problem = parts.pages.say(
            preferences_of(request), marked("Write the whole address, such as name@hospital.example.")
        )
        return _step(request, parts, "sign_in_email.html", next=next, email=email, problem=problem)
    choices = parts.sign_in.organisations(email)
    if len(choices) > 1:
        return _step(request, parts, "sign_in_organisation.html", next=next, email=email, organisations=choices)
    return _password(request, parts, next, email, None, None)


@router.post("/sign-in/organization", dependencies=[Depends(guarded)])
def password_step(
    request: Request,
    parts: Parts,
    organisation: Annotated[str, Form()],
    email: Email,
    next: Next = "",  # noqa: A002
) -> HTMLResponse:
    """Step 3: the page asks for Password (R11)."""
    return _password(request, parts, next, email, _chosen(parts, email, organisation), None)


@router.post("/sign-in/password", dependencies=[Depends(guarded)])
def sign_in(
    request: Request,
    parts: Parts,
    email: Email,
    password: Annotated[str, Form(max_length=1024)],
    organisation: Annotated[str, Form()] = "",
    next: Next = "",  # noqa: A002
) -> Response:
    """Signed in to that organisation, or told why not without saying whether the address is known."""
    chosen = _chosen(parts, email, organisation)
    place = request.client.host if request.client else ""
    result = parts.sign_in.sign_in(email, chosen.id if chosen else None, password, parts.clock(), place=place)
    if isinstance(result, Refused):
        return _password(request, parts, next, email, chosen, result)
    answer = RedirectResponse(guard.local_path(next, AFTER_SIGN_IN), status_code=303)
    keep(answer, SESSION_COOKIE, result.token, secure=parts.secure)
    answer.delete_cookie(DOOR_COOKIE)
    return answer


@router.post("/sign-out", dependencies=[Depends(guarded)])
def sign_out(request: Request, parts: Parts) -> Response:
    """The session is over, here and in the database."""
    parts.sign_in.sign_out(request.cookies.get(SESSION_COOKIE, ""), parts.clock())
    answer = RedirectResponse("/sign-in", status_code=303)
    answer.delete_cookie(SESSION_COOKIE)
    return answer


def keep(answer: Response, name: str, value: str, *, secure: bool, seconds: int | None = None) -> None:
    """A cookie that scripts cannot read and other sites cannot use; without `seconds` it ends with the browser."""
    answer.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=secure)


def _chosen(parts: WebParts, email: str, organisation: str) -> Choice | None:
    """The organisation of that id, if the person belongs to it."""
    try:
        wanted = uuid.UUID(organisation)
    except ValueError:
        return None
    return next((choice for choice in parts.sign_in.organisations(email) if choice.id == wanted), None)


def _password(
    request: Request, parts: WebParts, after: str, email: str, chosen: Choice | None, refusal: Refused | None
) -> HTMLResponse:
    problem = None if refusal is None else _refusal(request, parts, refusal)
    return _step(request, parts, "sign_in_password.html", next=after, email=email, organisation=chosen, problem=problem)


def _refusal(request: Request, parts: WebParts, refusal: Refused) -> str:
    def say(message: str) -> str:
        return parts.pages.say(preferences_of(request), message)

    if refusal.paused_minutes is not None:
        words = say(marked("Too many tries. Sign-in with this address pauses for %(minutes)s minutes."))
        return words % {"minutes": refusal.paused_minutes}
    words = say(marked("Email or password is not right. Tries left before a 15-minute pause: %(tries)s."))
    return words % {"tries": refusal.tries_left}


def _step(request: Request, parts: WebParts, template: str, **facts: Any) -> HTMLResponse:  # noqa: ANN401
    """One step of the door; its forms are tied to a cookie that is made here when the browser has none."""
    cookie = request.cookies.get(DOOR_COOKIE) or guard.new_secret()
    after = guard.local_path(facts.pop("next"), "")
    frame = frame_of(request, parts, cookie, path="/sign-in")
    answer = HTMLResponse(parts.pages.render(template, frame, next=after, **facts))
    keep(answer, DOOR_COOKIE, cookie, secure=parts.secure, seconds=DOOR_SECONDS)
    return answer
