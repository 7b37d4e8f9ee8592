"""Language and theme: two cookies, set by plain forms from any page, signed in or not."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from smartlink.ui import guard, preferences
from smartlink.works.web.asking import Parts, guarded

router = APIRouter()


@router.post("/preferences", dependencies=[Depends(guarded)])
def choose(
    parts: Parts,
    language: Annotated[str, Form()] = "",
    theme: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",  # noqa: A002 -- the form's own word
) -> Response:
    """The page one came from, in the language or theme that was pressed."""
    answer = RedirectResponse(guard.local_path(next, "/"), status_code=303)
    if spoken := preferences.parse_language(language):
        _keep(answer, preferences.LANGUAGE_COOKIE, spoken, secure=parts.secure)
    if drawn := preferences.parse_theme(theme):
        _keep(answer, preferences.THEME_COOKIE, drawn, secure=parts.secure)
    return answer


def _keep(answer: Response, name: str, value: str, *, secure: bool) -> None:
    answer.set_cookie(name, value, max_age=preferences.YEAR_SECONDS, httponly=True, samesite="lax", secure=secure)
