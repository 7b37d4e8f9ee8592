"""The Outbox: what a PACS did not take within the retry time, and the button that sends it again (F14, R145)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from smartlink.works.store import delivery_pages, exam_pages
from smartlink.works.web import sending, shown
from smartlink.works.web.asking import Parts, Visitor, acting_visitor
from smartlink.works.web.folders import listed, page, said_of, surroundings, warned

router = APIRouter(prefix="/outbox")
Acting = Annotated[Visitor, Depends(acting_visitor)]


@router.get("")
def outbox(request: Request, parts: Parts, visitor: Acting) -> HTMLResponse:
    """What may be sent by this person, the one that waits longest first."""
    now = parts.clock()
    with parts.access.organisation(visitor.organisation_id) as site:
        exams = {row.id: shown.exam(row, now) for row in exam_pages.outbox(site, visitor.person_id)}
        deliveries = delivery_pages.of_exams(site, list(exams))
        listed(request, parts, site, visitor, "outbox")
        around = surroundings(request, parts, site, visitor) | warned(parts, site, visitor)
    lines = [sending.outbox_line(exams[row.exam_id], row) for row in deliveries if row.state in {"outbox", "partial"}]
    answering = [line for line in lines if line.answers_again]
    return page(
        request,
        parts,
        "outbox.html",
        around,
        folder="outbox",
        rows=sorted(lines, key=lambda line: line.delivery.last_at),
        online=any(each.kind == "ok" for each in around["gateways"]),
        answering=sorted({line.delivery.destination for line in answering}),
        waiting_for_them=len(answering),
        said=said_of(request),
    )
