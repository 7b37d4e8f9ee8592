"""The form of an exam's page that deletes the exam, or one image of it, for those who run its facility."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse

from smartlink.works.errors import Conflict, Invalid, NotAllowed, NotFound
from smartlink.works.exams import deletion
from smartlink.works.store import exam_pages
from smartlink.works.web.asking import Parts, Visitor, acting_visitor, guarded
from smartlink.works.web.exam import parse_id

router = APIRouter(prefix="/exams/{exam_id}/delete")
Acting = Annotated[Visitor, Depends(acting_visitor)]
WHOLE = "exam"


@router.post("", dependencies=[Depends(guarded)])
def delete(
    parts: Parts,
    visitor: Acting,
    exam_id: str,
    what: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """What was chosen is hidden from now on; without the exam the list that it stood in is shown."""
    exam = parse_id(exam_id)
    with parts.access.organisation(visitor.organisation_id) as site:
        row = exam_pages.exam(site, visitor.person_id, exam)
    if row is None:
        raise NotFound
    page = f"/exams/{exam}"
    try:
        if what == WHOLE:
            deletion.delete_exam(parts.access, visitor.actor, exam, reason, parts.clock())
            page = f"/{row.folder}"
        else:
            deletion.delete_instance(parts.access, visitor.actor, exam, parse_id(what), reason, parts.clock())
        said = "deleted"
    except Invalid:
        said = "reason"
    except Conflict:
        said = "on-hold"
    except NotAllowed:
        said = "refused"
    return RedirectResponse(f"{page}?said={said}", status_code=303)
