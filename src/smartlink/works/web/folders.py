"""The lists: Drafts, Unassigned and Completed, in the frame of Works."""

from collections import defaultdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from smartlink.works import audit
from smartlink.works.access import Site
from smartlink.works.store import delivery_pages, exam_pages
from smartlink.works.web import sending, shown, warnings
from smartlink.works.web.asking import SESSION_COOKIE, Parts, SignInNeeded, Visitor, acting_visitor, frame_of, is_live
from smartlink.works.web.parts import WebParts

router = APIRouter()
Acting = Annotated[Visitor, Depends(acting_visitor)]


@router.get("/")
def home() -> RedirectResponse:
    """The console opens on Drafts."""
    return RedirectResponse("/drafts", status_code=303)


@router.get("/drafts")
def drafts(request: Request, parts: Parts, visitor: Acting) -> HTMLResponse:
    """The person's own exams that are not yet submitted."""
    with parts.access.organisation(visitor.organisation_id) as site:
        rows = exam_pages.drafts(site, visitor.person_id)
        listed(request, parts, site, visitor, "drafts")
        around = surroundings(request, parts, site, visitor) | warned(parts, site, visitor)
    exams = [shown.exam(row, parts.clock()) for row in rows]
    return page(request, parts, "drafts.html", around, folder="drafts", exams=exams, said=said_of(request))


@router.get("/unassigned")
def unassigned(request: Request, parts: Parts, visitor: Acting) -> HTMLResponse:
    """The exams that no physician could be found for, with the reason (R79)."""
    with parts.access.organisation(visitor.organisation_id) as site:
        rows = exam_pages.unassigned(site, visitor.person_id)
        listed(request, parts, site, visitor, "unassigned")
        around = surroundings(request, parts, site, visitor) | warned(parts, site, visitor)
    exams = [shown.exam(row, parts.clock()) for row in rows]
    return page(request, parts, "unassigned.html", around, folder="unassigned", exams=exams, said=said_of(request))


@router.get("/completed")
def completed(request: Request, parts: Parts, visitor: Acting) -> HTMLResponse:
    """The person's submitted exams, and where each is stored."""
    with parts.access.organisation(visitor.organisation_id) as site:
        rows = exam_pages.completed(site, visitor.person_id)
        listed(request, parts, site, visitor, "completed")
        deliveries = delivery_pages.of_exams(site, [row.id for row in rows])
        around = surroundings(request, parts, site, visitor) | warned(parts, site, visitor)
    by_exam = defaultdict(list)
    for each in deliveries:
        by_exam[each.exam_id].append(each)
    lines = [sending.CompletedLine(shown.exam(row, parts.clock()), sending.latest(by_exam[row.id])) for row in rows]
    return page(request, parts, "completed.html", around, folder="completed", rows=lines, said=said_of(request))


def said_of(request: Request) -> str:
    """What came of a button that led here, as one of the words of the macro `said`; other texts say nothing."""
    return request.query_params.get("said", "")


def listed(request: Request, parts: WebParts, site: Site, visitor: Visitor, folder: str) -> None:
    """Enter in the audit trail that the person was shown this list of patients."""
    if not is_live(request):
        audit.looked(
            site,
            now=parts.clock(),
            person_id=visitor.person_id,
            action="exams_listed",
            kind="folder",
            object_id=folder,
        )


def surroundings(request: Request, parts: WebParts, site: Site, visitor: Visitor) -> dict[str, Any]:
    """What top bar and rail show; a person who no longer belongs here is sent to the door."""
    looker = exam_pages.looker(site, visitor.person_id)
    if looker is None:
        raise SignInNeeded("/", live=is_live(request))
    now = parts.clock()
    return {
        "looker": shown.looker(looker),
        "zone": looker.time_zone,
        "counts": exam_pages.counts(site, visitor.person_id),
        "gateways": [shown.gateway(row, now) for row in exam_pages.gateways(site, visitor.person_id)],
    }


def warned(parts: WebParts, site: Site, visitor: Visitor) -> dict[str, Any]:
    """What stands above a folder."""
    return {"warnings": warnings.of_person(site, visitor.person_id, parts.support)}


def page(request: Request, parts: WebParts, template: str, around: dict[str, Any], **facts: Any) -> HTMLResponse:  # noqa: ANN401
    """A page inside the frame of Works."""
    frame = frame_of(request, parts, request.cookies[SESSION_COOKIE], zone=around["zone"])
    return HTMLResponse(parts.pages.render(template, frame, **around, **facts))
