"""Several versions of one image: what they look like, in what they differ, and the button that says which counts."""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from smartlink.standard.transfer_syntax import TRANSFER_SYNTAXES
from smartlink.works.access import Site
from smartlink.works.blobs.store import frame_key
from smartlink.works.errors import Conflict, NotAllowed, NotFound
from smartlink.works.exams import rights
from smartlink.works.exams import versions as deciding
from smartlink.works.store import exam_pages, submissions, versions
from smartlink.works.store.versions import Held, Version
from smartlink.works.web import shown
from smartlink.works.web.asking import Parts, Visitor, acting_visitor, guarded, idle_visitor, is_live
from smartlink.works.web.exam import parse_id, picture, record_look
from smartlink.works.web.folders import page, said_of, surroundings

router = APIRouter(prefix="/exams/{exam_id}/images/{instance_id}/versions")
Acting = Annotated[Visitor, Depends(acting_visitor)]
Idle = Annotated[Visitor, Depends(idle_visitor)]
OF_A_PATIENT: Final = frozenset({"PatientName", "PatientID", "PatientBirthDate", "PatientSex", "IssuerOfPatientID"})
UNREADABLE: Final = "unreadable"
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """One version as a card of the page; `number` counts them by arrival."""

    id: uuid.UUID
    number: int
    counts: bool
    usable: bool
    preview_state: str
    received_at: datetime
    source: str | None
    ae_title: str | None
    gateway: str
    size: int
    transfer_syntax: str
    pixels: str
    length: str
    stored_in: tuple[str, ...]
    on_its_way_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """In what a version differs from the first; `attributes` by the standard's names, without values."""

    number: int
    compared: bool
    readable: bool
    attributes: tuple[str, ...]
    other_patient: bool


def version(number: int, row: Version, held: list[Held]) -> ShownVersion:
    """The card of one version."""
    return ShownVersion(
        id=row.id,
        number=number,
        counts=row.counts,
        usable=row.series_id is not None,
        preview_state=row.preview_state,
        received_at=row.received_at,
        source=row.source,
        ae_title=row.ae_title,
        gateway=row.gateway,
        size=row.size,
        transfer_syntax=TRANSFER_SYNTAXES.get(row.transfer_syntax_uid, row.transfer_syntax_uid),
        pixels=f"{row.columns} × {row.rows}" if row.rows and row.columns else "",
        length=shown.length(row.frames, row.frame_time_ms),
        stored_in=tuple(each.destination for each in held if each.version_id == row.id and each.stored),
        on_its_way_to=tuple(each.destination for each in held if each.version_id == row.id and not each.stored),
    )


def difference(number: int, row: Version) -> Difference:
    """What is known of how this version differs from the first."""
    return Difference(
        number=number,
        compared=row.compared_at is not None,
        readable=UNREADABLE not in row.differs,
        attributes=tuple(spelt(name) for name in row.differs if name != UNREADABLE),
        other_patient=bool(OF_A_PATIENT & set(row.differs)),
    )


def spelt(keyword: str) -> str:
    """`Patient Birth Date` of the standard's keyword `PatientBirthDate`; a tag without one stays as it is."""
    return _WORDS.sub(" ", keyword)


@router.get("")
def compare(request: Request, parts: Parts, visitor: Acting, exam_id: str, instance_id: str) -> HTMLResponse:
    """Every version beside the others; those who may change the exam find the buttons."""
    exam, instance = parse_id(exam_id), parse_id(instance_id)
    with parts.access.organisation(visitor.organisation_id) as site:
        row = exam_pages.exam(site, visitor.person_id, exam)
        contested = None if row is None else versions.contested(site, exam, instance)
        known = versions.of_instance(site, instance)
        if row is None or contested is None or len(known) == 1:
            raise NotFound
        held = versions.held(site, instance)
        may_decide = _may_decide(site, visitor, exam)
        if not is_live(request):
            record_look(site, parts, visitor, instance)
        around = surroundings(request, parts, site, visitor)
    cards = [version(number, each, held) for number, each in enumerate(known, start=1)]
    return page(
        request,
        parts,
        "versions.html",
        around,
        folder=row.folder,
        exam=shown.exam(row, parts.clock()),
        image=contested,
        versions=cards,
        counting=next(each for each in cards if each.counts),
        differences=[difference(number, each) for number, each in enumerate(known, start=1) if number > 1],
        undecided=any(each.open for each in known),
        may_decide=may_decide,
        seen=" ".join(str(each.id) for each in known),
        said=said_of(request),
    )


@router.post("", dependencies=[Depends(guarded)])
def decide(
    parts: Parts,
    visitor: Acting,
    exam_id: str,
    instance_id: str,
    chosen: Annotated[str, Form()] = "",
    seen: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """The chosen version counts; pressed twice is decided once."""
    exam, instance = parse_id(exam_id), parse_id(instance_id)
    known = [parse_id(text) for text in seen.split()]
    said = ""
    try:
        deciding.decide(parts.access, visitor.actor, exam, instance, parse_id(chosen), known, parts.clock())
    except Conflict:
        said = "?said=changed"
    except NotAllowed:
        said = "?said=refused"
    return RedirectResponse(f"/exams/{exam}/images/{instance}/versions{said}", status_code=303)


@router.get("/{version_id}/frames/{frame}")
def frame(parts: Parts, visitor: Idle, exam_id: str, instance_id: str, version_id: str, frame: int) -> Response:
    """One frame of a version, counted from 1."""
    exam, instance, wanted = parse_id(exam_id), parse_id(instance_id), parse_id(version_id)
    with parts.access.organisation(visitor.organisation_id) as site:
        seen = exam_pages.version(site, visitor.person_id, exam, instance)
        if seen is None or all(
            each.id != wanted or frame > each.frames for each in versions.of_instance(site, instance)
        ):
            raise NotFound
    if frame < 1:
        raise NotFound
    return picture(parts, frame_key(visitor.organisation_id, wanted, frame))


def _may_decide(site: Site, visitor: Visitor, exam_id: uuid.UUID) -> bool:
    row = submissions.exam(site, exam_id)
    return row is not None and rights.may_change(site, visitor.person_id, row)
