"""From Unassigned to a physician: Claim, and Assign with its page (F5, R81)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from smartlink.works import audit
from smartlink.works.errors import Conflict, Invalid, NotAllowed, NotFound
from smartlink.works.exams import folders as claims
from smartlink.works.store import exam_pages
from smartlink.works.web import shown
from smartlink.works.web.asking import Parts, Visitor, acting_visitor, guarded
from smartlink.works.web.exam import parse_id
from smartlink.works.web.folders import page, surroundings

router = APIRouter(prefix="/exams/{exam_id}")
Acting = Annotated[Visitor, Depends(acting_visitor)]


@router.post("/claim", dependencies=[Depends(guarded)])
def claim(parts: Parts, visitor: Acting, exam_id: str) -> RedirectResponse:
    """The exam is the person's own; its page shows what is next."""
    exam = parse_id(exam_id)
    try:
        claims.claim(parts.access, visitor.actor, exam, parts.clock())
    except Conflict:
        return _unassigned("taken")
    except NotAllowed:
        return _unassigned("refused")
    return RedirectResponse(f"/exams/{exam}", status_code=303)


@router.get("/assign", response_model=None)
def choose(request: Request, parts: Parts, visitor: Acting, exam_id: str) -> HTMLResponse | RedirectResponse:
    """The physicians who may have it."""
    exam = parse_id(exam_id)
    with parts.access.organisation(visitor.organisation_id) as site:
        row = exam_pages.exam(site, visitor.person_id, exam)
        if row is None:
            raise NotFound
        audit.looked(
            site,
            now=parts.clock(),
            person_id=visitor.person_id,
            action="patient_viewed",
            kind="exam",
            object_id=row.id,
        )
        around = surroundings(request, parts, site, visitor)
    try:
        found = claims.candidates(parts.access, visitor.actor, exam)
    except Conflict:
        return _unassigned("taken")
    except NotAllowed:
        return _unassigned("refused")
    return page(
        request,
        parts,
        "assign.html",
        around,
        folder="unassigned",
        exam=shown.exam(row, parts.clock()),
        physicians=[shown.physician(each) for each in found],
        can_remember=claims.can_remember(row.tag, row.raw_value),
    )


@router.post("/assign", dependencies=[Depends(guarded)])
def assign(
    parts: Parts,
    visitor: Acting,
    exam_id: str,
    person: Annotated[str, Form()] = "",
    remember: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """The exam is that physician's."""
    exam, chosen = parse_id(exam_id), parse_id(person)
    try:
        claims.assign(parts.access, visitor.actor, exam, chosen, parts.clock(), remember=bool(remember))
    except Conflict:
        return _unassigned("taken")
    except (NotAllowed, Invalid):
        return _unassigned("refused")
    if chosen == visitor.person_id:
        return RedirectResponse(f"/exams/{exam}", status_code=303)
    return _unassigned("assigned")


def _unassigned(said: str) -> RedirectResponse:
    return RedirectResponse(f"/unassigned?said={said}", status_code=303)
