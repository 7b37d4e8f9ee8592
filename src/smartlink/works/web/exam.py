"""The exam page and the pictures on it. What a person may not see answers exactly as what does not exist."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from smartlink.ui import moments
from smartlink.works import audit
from smartlink.works.access import Site
from smartlink.works.blobs.store import BlobMissing, frame_key, thumbnail_key
from smartlink.works.errors import NotFound
from smartlink.works.exams import rights
from smartlink.works.store import delivery_pages, exam_pages, identities, submissions
from smartlink.works.web import sending, shown
from smartlink.works.web.asking import Parts, Visitor, acting_visitor, idle_visitor, is_live
from smartlink.works.web.folders import page, said_of, surroundings
from smartlink.works.web.parts import WebParts

router = APIRouter(prefix="/exams/{exam_id}")
Acting = Annotated[Visitor, Depends(acting_visitor)]
Idle = Annotated[Visitor, Depends(idle_visitor)]
PICTURE = "image/webp"
IMAGE_VIEWED = "image_viewed"


@router.get("")
def exam(request: Request, parts: Parts, visitor: Acting, exam_id: str) -> HTMLResponse:
    """The exam with its images, facts, assignment and journey; opening it is audited."""
    with parts.access.organisation(visitor.organisation_id) as site:
        row = exam_pages.exam(site, visitor.person_id, parse_id(exam_id))
        if row is None:
            raise NotFound
        images = exam_pages.images(site, row.id)
        ordered = delivery_pages.of_exams(site, [row.id])
        items = submissions.item_views(site, row.id)
        destinations = submissions.destinations(site, row.id)
        corrected = identities.current(site, row.id)
        around = surroundings(request, parts, site, visitor)
        may_delete = rights.runs(site, visitor.person_id, row.id)
        if not is_live(request):
            audit.record(
                site,
                now=parts.clock(),
                actor_kind="person",
                actor_id=visitor.person_id,
                action="exam_opened",
                object_kind="exam",
                object_id=row.id,
            )
    zone = moments.zone(around["zone"] or "UTC")
    shown_exam = shown.exam(row, parts.clock())
    strip = [
        shown.image(image, f"{image.received_at.astimezone(zone):%Y-%m-%d %H:%M:%S}", number)
        for number, image in enumerate(images, start=1)
    ]
    procedure = (corrected and corrected.requested_procedure_description) or row.study_description
    deliveries = sending.of_exam(ordered, items, strip)
    return page(
        request,
        parts,
        "exam.html",
        around,
        folder=row.folder,
        exam=shown_exam,
        mine=row.owner_person_id == visitor.person_id,
        images=strip,
        journey=shown.journey(row, images),
        deliveries=deliveries,
        way_out=sending.way_out(deliveries),
        late=max((each.late for each in deliveries), default=0),
        destinations=destinations,
        procedure=procedure,
        may_delete=may_delete,
        checks=sending.checks(shown_exam, procedure, len(destinations)),
        corrected=corrected,
        former=shown.former(corrected),
        gateway_silent=not any(
            each.kind == "ok" and each.facility_name == row.facility_name for each in around["gateways"]
        ),
        said=said_of(request),
        contested=[each for each in strip if each.conflicts],
        decided=[each for each in strip if each.decided and not each.conflicts],
    )


@router.get("/images/{instance_id}/thumb")
def thumbnail(parts: Parts, visitor: Idle, exam_id: str, instance_id: str) -> Response:
    """The small picture of an image, in the version that counts."""
    exam, instance = parse_id(exam_id), parse_id(instance_id)
    with parts.access.organisation(visitor.organisation_id) as site:
        version = exam_pages.version(site, visitor.person_id, exam, instance)
    if version is None:
        raise NotFound
    return picture(parts, thumbnail_key(visitor.organisation_id, version))


@router.get("/images/{instance_id}/frames/{frame}")
def frame(parts: Parts, visitor: Acting, exam_id: str, instance_id: str, frame: int) -> Response:
    """One frame of the version that counts, counted from 1; looking at an image is audited."""
    exam, instance = parse_id(exam_id), parse_id(instance_id)
    with parts.access.organisation(visitor.organisation_id) as site:
        version = exam_pages.version(site, visitor.person_id, exam, instance)
        if frame < 1 or version is None:
            raise NotFound
        record_look(site, parts, visitor, instance)
    return picture(parts, frame_key(visitor.organisation_id, version, frame))


def parse_id(text: str) -> uuid.UUID:
    """The id in an address; a text that is none is simply not found."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound from None


def picture(parts: WebParts, key: str) -> Response:
    """A picture as the store has it. Raises NotFound."""
    try:
        with parts.blobs.open(key) as stream:
            return Response(stream.read(), media_type=PICTURE)
    except BlobMissing:
        raise NotFound from None


def record_look(site: Site, parts: WebParts, visitor: Visitor, instance_id: uuid.UUID) -> None:
    """One event for a person, an image and ten minutes, whichever frames were asked for."""
    audit.looked(
        site,
        now=parts.clock(),
        person_id=visitor.person_id,
        action=IMAGE_VIEWED,
        kind="instance",
        object_id=instance_id,
    )
