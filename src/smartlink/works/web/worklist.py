"""The worklist of an exam: read anew, picked from, and confirmed old and new before anything changes (F7)."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from smartlink.works import audit
from smartlink.works.errors import Conflict, Invalid, NotAllowed, NotFound
from smartlink.works.store import exam_pages
from smartlink.works.store.exam_pages import ListedExam
from smartlink.works.store.worklists import ItemRow
from smartlink.works.web import patient_form, shown
from smartlink.works.web.asking import Parts, Visitor, acting_visitor, guarded
from smartlink.works.web.exam import parse_id
from smartlink.works.web.folders import page, said_of, surroundings
from smartlink.works.web.parts import WebParts
from smartlink.works.worklist import picking, refreshing

router = APIRouter(prefix="/exams/{exam_id}/worklist")
Acting = Annotated[Visitor, Depends(acting_visitor)]
Version = Annotated[int, Form()]
Item = Annotated[str, Form()]


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step of the worklist as the page shows it."""

    id: str
    patient: str
    patient_id: str
    born: date | None
    sex: str
    accession_number: str
    procedure: str
    modality: str
    physician: str
    start_at: datetime
    has_time: bool
    server: str
    guessed: bool
    same_patient: bool
    can_be_picked: bool


@router.get("", response_model=None)
def steps(request: Request, parts: Parts, visitor: Acting, exam_id: str) -> HTMLResponse | RedirectResponse:
    """The steps that the exam can be, those of its own patient first, and how old the lists are."""
    row = _exam(parts, visitor, exam_id)
    try:
        found = picking.choice(parts.access, visitor.actor, row.id, parts.clock())
    except NotAllowed:
        return _answer(row, "refused")
    around = _shown(request, parts, visitor, row)
    return page(
        request,
        parts,
        "worklist.html",
        around,
        folder=row.folder,
        exam=shown.exam(row, parts.clock()),
        version=row.version,
        steps=[_step(each, same_patient=found.patient.is_of(each)) for each in found.items],
        servers=found.servers,
        truncated=found.truncated,
        said=said_of(request),
    )


@router.post("/refresh", dependencies=[Depends(guarded)])
def refresh(parts: Parts, visitor: Acting, exam_id: str) -> RedirectResponse:
    """The gateways of the exam's facility ask their worklist servers now."""
    row = _exam(parts, visitor, exam_id)
    try:
        asked = refreshing.refresh_for(parts.access, visitor.actor, row.id, parts.clock())
    except NotAllowed:
        return _answer(row, "refused")
    return _again(row, "asked" if asked.servers else "nobody")


@router.post("", response_model=None, dependencies=[Depends(guarded)])
def review(
    request: Request, parts: Parts, visitor: Acting, exam_id: str, version: Version, item: Item = ""
) -> HTMLResponse | RedirectResponse:
    """Old and new beside each other; nothing is changed yet."""
    row = _exam(parts, visitor, exam_id)
    try:
        picked = picking.preview(parts.access, visitor.actor, row.id, version, parse_id(item), parts.clock())
    except Conflict:
        return _again(row, "changed")
    except NotAllowed:
        return _answer(row, "refused")
    except Invalid:
        return _again(row, "unusable")
    if not picked.changes:
        return _again(row, "same")
    around = _shown(request, parts, visitor, row)
    return page(
        request,
        parts,
        "picked.html",
        around,
        folder=row.folder,
        exam=shown.exam(row, parts.clock()),
        step=_step(picked.item, same_patient=picked.patient.is_of(picked.item)),
        changes=patient_form.shown(picked.changes),
        other_patient=picked.other_patient,
        other_study=any(each.name == "study_instance_uid" for each in picked.changes),
        seen=picked.seen,
        version=version,
    )


@router.post("/confirm", dependencies=[Depends(guarded)])
def confirm(
    parts: Parts, visitor: Acting, exam_id: str, version: Version, item: Item = "", seen: Annotated[str, Form()] = ""
) -> RedirectResponse:
    """The step that was reviewed is the exam's from now on."""
    row = _exam(parts, visitor, exam_id)
    try:
        picking.pick(parts.access, visitor.actor, row.id, version, parse_id(item), parts.clock(), seen=seen)
    except NotAllowed:
        return _answer(row, "refused")
    except (Conflict, Invalid):
        return _answer(row, "changed")
    return _answer(row, "")


def _exam(parts: WebParts, visitor: Visitor, exam_id: str) -> ListedExam:
    with parts.access.organisation(visitor.organisation_id) as site:
        row = exam_pages.exam(site, visitor.person_id, parse_id(exam_id))
    if row is None or row.folder == "unassigned":
        raise NotFound
    return row


def _shown(request: Request, parts: WebParts, visitor: Visitor, row: ListedExam) -> dict[str, Any]:
    """What stands around the page; that other patients are on it is in the audit trail."""
    with parts.access.organisation(visitor.organisation_id) as site:
        audit.looked(
            site,
            now=parts.clock(),
            person_id=visitor.person_id,
            action="worklist_viewed",
            kind="exam",
            object_id=row.id,
        )
        return surroundings(request, parts, site, visitor)


def _step(row: ItemRow, *, same_patient: bool) -> ShownStep:
    return ShownStep(
        id=str(row.id),
        patient=shown.patient_name(row.patient_name),
        patient_id=row.patient_id,
        born=shown.birth(row.birth_date),
        sex=row.sex,
        accession_number=row.accession_number,
        procedure=row.step_description or row.requested_procedure_description,
        modality=row.modality,
        physician=shown.patient_name(row.performing_physician) if row.performing_physician else "",
        start_at=row.start_at,
        has_time=row.start_has_time,
        server=row.connection_name,
        guessed=row.guessed,
        same_patient=same_patient,
        can_be_picked=bool(row.patient_id),
    )


def _answer(row: ListedExam, said: str) -> RedirectResponse:
    return RedirectResponse(f"/exams/{row.id}?said={said}" if said else f"/exams/{row.id}", status_code=303)


def _again(row: ListedExam, said: str) -> RedirectResponse:
    return RedirectResponse(f"/exams/{row.id}/worklist?said={said}", status_code=303)
