"""Patient and order of an exam, corrected in two steps: type, then confirm old and new (design section 3)."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from smartlink.ui import moments
from smartlink.works import audit
from smartlink.works.errors import Conflict, Invalid, NotFound
from smartlink.works.exams import correction
from smartlink.works.store import exam_pages, identities
from smartlink.works.store.exam_pages import ListedExam
from smartlink.works.web import patient_form, shown
from smartlink.works.web.asking import Parts, Visitor, acting_visitor, guarded
from smartlink.works.web.exam import parse_id
from smartlink.works.web.folders import page, surroundings
from smartlink.works.web.parts import WebParts

router = APIRouter(prefix="/exams/{exam_id}/patient")
Acting = Annotated[Visitor, Depends(acting_visitor)]
Version = Annotated[int, Form()]


async def typed_fields(request: Request) -> dict[str, str]:
    """The fields of the form as they were sent."""
    return patient_form.read({name: text for name, text in (await request.form()).items() if isinstance(text, str)})


Typed = Annotated[dict[str, str], Depends(typed_fields)]


@dataclass(frozen=True, slots=True)
class _Opened:
    """The exam whose form it is, with the values that count now."""

    row: ListedExam
    values: patient_form.Values
    around: dict[str, Any]


@router.get("")
def form(request: Request, parts: Parts, visitor: Acting, exam_id: str) -> HTMLResponse:
    """The values as they are, in fields."""
    opened = _open(request, parts, visitor, exam_id)
    return _form(request, parts, opened, patient_form.fields(opened.values), {}, opened.row.version)


@router.post("/edit", dependencies=[Depends(guarded)])
def back_to_form(
    request: Request, parts: Parts, visitor: Acting, exam_id: str, version: Version, typed: Typed
) -> HTMLResponse:
    """The form again, with what was typed."""
    return _form(request, parts, _open(request, parts, visitor, exam_id), typed, {}, version)


@router.post("", response_model=None, dependencies=[Depends(guarded)])
def review(
    request: Request, parts: Parts, visitor: Acting, exam_id: str, version: Version, typed: Typed
) -> HTMLResponse | RedirectResponse:
    """Old and new beside each other; nothing is changed yet. The form again when something is wrong with it."""
    opened = _open(request, parts, visitor, exam_id)
    today = parts.clock().astimezone(moments.zone(opened.around["zone"] or "UTC")).date()
    values, problems = patient_form.parse(typed, opened.values, today)
    if problems:
        return _form(request, parts, opened, typed, problems, version)
    try:
        changes = correction.preview(parts.access, visitor.actor, opened.row.id, version, correction.Values(**values))
    except Conflict:
        return _answer(opened.row, "changed")
    if not changes:
        return _answer(opened.row, "")
    return page(
        request,
        parts,
        "review.html",
        opened.around,
        folder=opened.row.folder,
        exam=shown.exam(opened.row, parts.clock()),
        changes=patient_form.shown(changes),
        other_patient=any(each.name == "patient_id" and each.old for each in changes),
        values=typed,
        version=version,
    )


@router.post("/confirm", dependencies=[Depends(guarded)])
def confirm(
    request: Request, parts: Parts, visitor: Acting, exam_id: str, version: Version, typed: Typed
) -> RedirectResponse:
    """The values that were reviewed count from now on."""
    opened = _open(request, parts, visitor, exam_id)
    now = parts.clock()
    today = now.astimezone(moments.zone(opened.around["zone"] or "UTC")).date()
    values, problems = patient_form.parse(typed, opened.values, today)
    if problems:
        return _answer(opened.row, "changed")
    try:
        correction.set_identity(parts.access, visitor.actor, opened.row.id, version, correction.Values(**values), now)
    except (Conflict, Invalid):
        return _answer(opened.row, "changed")
    return _answer(opened.row, "")


def _open(request: Request, parts: WebParts, visitor: Visitor, exam_id: str) -> _Opened:
    with parts.access.organisation(visitor.organisation_id) as site:
        row = exam_pages.exam(site, visitor.person_id, parse_id(exam_id))
        if row is None or row.folder == "unassigned":
            raise NotFound
        confirmed = identities.current(site, row.id)
        audit.looked(
            site,
            now=parts.clock(),
            person_id=visitor.person_id,
            action="patient_viewed",
            kind="exam",
            object_id=row.id,
        )
        around = surroundings(request, parts, site, visitor)
    return _Opened(row, patient_form.values(row, confirmed), around)


def _form(
    request: Request, parts: WebParts, opened: _Opened, typed: dict[str, str], problems: dict[str, str], version: int
) -> HTMLResponse:
    answer = page(
        request,
        parts,
        "patient.html",
        opened.around,
        folder=opened.row.folder,
        exam=shown.exam(opened.row, parts.clock()),
        values=typed,
        problems=problems,
        version=version,
    )
    answer.status_code = 422 if problems else 200
    return answer


def _answer(row: ListedExam, said: str) -> RedirectResponse:
    return RedirectResponse(f"/exams/{row.id}?said={said}" if said else f"/exams/{row.id}", status_code=303)
