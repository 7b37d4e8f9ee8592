"""The buttons that send an exam to its PACS: Submit, Resend and the Outbox's Send (F6, F14, R145)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse

from smartlink.ui import guard
from smartlink.works.errors import Conflict, NotAllowed
from smartlink.works.exams import outbox, submission
from smartlink.works.web.asking import Parts, Visitor, acting_visitor, guarded
from smartlink.works.web.exam import parse_id

router = APIRouter()
Acting = Annotated[Visitor, Depends(acting_visitor)]


@router.post("/exams/{exam_id}/submit", dependencies=[Depends(guarded)])
def submit(parts: Parts, visitor: Acting, exam_id: str, version: Annotated[int, Form()]) -> RedirectResponse:
    """The exam leaves Drafts, as the person saw it; its page then shows how each PACS receives it."""
    said = ""
    try:
        submission.submit(parts.access, visitor.actor, parse_id(exam_id), version, parts.clock())
    except Conflict:
        said = "?said=changed"
    except NotAllowed:
        said = "?said=refused"
    return RedirectResponse(f"/exams/{parse_id(exam_id)}{said}", status_code=303)


@router.post("/exams/{exam_id}/deliveries/{delivery_id}/resend", dependencies=[Depends(guarded)])
def resend(parts: Parts, visitor: Acting, exam_id: str, delivery_id: str) -> RedirectResponse:
    """The PACS gets every image of the exam again."""
    said = ""
    try:
        submission.resend(parts.access, visitor.actor, parse_id(delivery_id), parts.clock())
    except Conflict:
        said = "?said=changed"
    except NotAllowed:
        said = "?said=refused"
    return RedirectResponse(f"/exams/{parse_id(exam_id)}{said}", status_code=303)


@router.post("/outbox/send", dependencies=[Depends(guarded)])
def send(
    parts: Parts,
    visitor: Acting,
    delivery: Annotated[list[str] | None, Form()] = None,
    only: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/outbox",  # noqa: A002 -- the form's own word
) -> RedirectResponse:
    """What was selected goes again, each with a new retry window; `only` is the button beside one line."""
    chosen = [parse_id(text) for text in ([only] if only else delivery or [])]
    sent = outbox.send_from_outbox(parts.access, visitor.actor, chosen, parts.clock())
    said = ("kept" if any(each.refused for each in sent) else "sent") if sent else "nothing"
    return RedirectResponse(f"{guard.local_path(next, '/outbox')}?said={said}", status_code=303)
