"""Correcting patient and order: a person confirms old → new, and what is sent from then on says the new (section 3).

Nothing stored is altered: the confirmed values are kept beside the exam, and every object that leaves is derived with
them. Input is checked here, once, against what the standard lets an attribute hold (PS3.5 section 6.2).
"""

import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Final

import structlog

from smartlink.standard.names import UID
from smartlink.works.access import Access, Site
from smartlink.works.errors import Invalid
from smartlink.works.exams import rights
from smartlink.works.exams.rights import Actor
from smartlink.works.store import identities
from smartlink.works.store.identities import IdentityRow
from smartlink.works.store.listen import tell
from smartlink.works.store.submissions import ExamToSend

log = structlog.get_logger(__name__)

_LONGEST: Final = {
    "patient_id": 64,  # LO
    "issuer_of_patient_id": 64,  # LO
    "patient_name": 64 * 3 + 2,  # PN: three component groups
    "accession_number": 16,  # SH
    "requested_procedure_id": 16,  # SH
    "requested_procedure_description": 64,  # LO
}
_SEXES: Final = frozenset({"", "M", "F", "O"})
_ON_EXAM: Final = ("patient_name", "patient_id", "birth_date", "sex", "accession_number")
_DA: Final = re.compile(r"[0-9]{8}")


@dataclass(frozen=True, slots=True)
class Values:
    """What patient and order shall be. None leaves a value as it is, an empty text empties it.

    `birth_date` as `1965-03-12` or `19650312`; `sex` M, F or O; `patient_name` as DICOM writes it (`Rivera^Elena`).
    """

    patient_id: str | None = None
    issuer_of_patient_id: str | None = None
    patient_name: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    accession_number: str | None = None
    requested_procedure_id: str | None = None
    requested_procedure_description: str | None = None
    study_instance_uid: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One value, before and after, for the person to confirm."""

    name: str
    old: str
    new: str


def preview(access: Access, actor: Actor, exam_id: uuid.UUID, version: int, values: Values) -> tuple[Change, ...]:
    """What would change, for the confirmation. Raises NotFound, NotAllowed, Conflict, Invalid."""
    wanted = checked(values)
    with access.organisation(actor.organisation_id) as site:
        exam = rights.own_exam(site, actor, exam_id)
        rights.unchanged(exam, version)
        return _changes(exam, identities.current(site, exam_id), wanted)


def set_identity(
    access: Access,
    actor: Actor,
    exam_id: uuid.UUID,
    version: int,
    values: Values,
    now: datetime,
    *,
    source: Mapping[str, str] | None = None,
) -> uuid.UUID:
    """Confirm these values; every object that leaves from now on carries them. What was sent before stays as it was.

    `source` are ids that the audit trail shall name as their origin. Raises NotFound, NotAllowed, Conflict when it is
    not what the person saw, Invalid when a value cannot be, or nothing would change.
    """
    wanted = checked(values)
    with access.organisation(actor.organisation_id) as site:
        exam = rights.own_exam(site, actor, exam_id)
        rights.unchanged(exam, version)
        former = identities.current(site, exam_id)
        changes = _changes(exam, former, wanted)
        if not changes:
            message = "Nothing would change."
            raise Invalid(message)
        confirmed = _confirm(site, actor, exam, former, changes, now)
        rights.record(
            site,
            actor,
            "patient_corrected",
            exam_id,
            now,
            {"identity_id": str(confirmed.id), "changed": [change.name for change in changes], **(source or {})},
        )
    log.info("patient_corrected", exam_id=str(exam_id), changed=len(changes))
    return confirmed.id


def checked(values: Values) -> Values:
    """The values in their one form. Raises Invalid."""
    given = {name: value.strip() for name, value in asdict(values).items() if value is not None}
    for name, longest in _LONGEST.items():
        _check_text(name, given.get(name, ""), longest)
    if "patient_name" in given and any(len(group) > 64 for group in given["patient_name"].split("=")):  # noqa: PLR2004
        message = "Each group of the patient's name has at most 64 characters."
        raise Invalid(message)
    if "sex" in given and given["sex"].upper() not in _SEXES:
        message = "Sex is M, F or O, or left empty."
        raise Invalid(message)
    if "birth_date" in given:
        given["birth_date"] = _birth_date(given["birth_date"])
    if given.get("study_instance_uid") == "":
        del given["study_instance_uid"]
    if "study_instance_uid" in given:
        given["study_instance_uid"] = _uid(given["study_instance_uid"])
    if "sex" in given:
        given["sex"] = given["sex"].upper()
    return Values(**given)


def _check_text(name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        message = f"{name.replace('_', ' ').capitalize()} has at most {longest} characters."
        raise Invalid(message)
    if "\\" in text or any(unicodedata.category(letter).startswith("C") for letter in text):
        message = f"{name.replace('_', ' ').capitalize()} holds a character that DICOM does not allow there."
        raise Invalid(message)


def _birth_date(text: str) -> str:
    if not text:
        return ""
    iso = f"{text[:4]}-{text[4:6]}-{text[6:]}" if _DA.fullmatch(text) else text
    try:
        return date.fromisoformat(iso).isoformat()
    except ValueError:
        message = "Write the birth date as 1965-03-12."
        raise Invalid(message) from None


def _uid(text: str) -> str:
    try:
        return UID.parse(text)
    except ValueError as error:
        message = "The Study Instance UID is none."
        raise Invalid(message) from error


def _changes(exam: ExamToSend, former: IdentityRow | None, wanted: Values) -> tuple[Change, ...]:
    found = []
    for name, value in asdict(wanted).items():
        old = _old(exam, former, name)
        if value is not None and value != old:
            found.append(Change(name, old, value))
    return tuple(found)


def _old(exam: ExamToSend, former: IdentityRow | None, name: str) -> str:
    confirmed = None if former is None else getattr(former, name)
    if confirmed is None and (name in _ON_EXAM or name == "study_instance_uid"):
        confirmed = getattr(exam, name)
    return confirmed or ""


def _confirm(
    site: Site,
    actor: Actor,
    exam: ExamToSend,
    former: IdentityRow | None,
    changes: tuple[Change, ...],
    now: datetime,
) -> IdentityRow:
    new: dict[str, Any] = {change.name: change.new for change in changes}
    known = Values() if former is None else Values(**{name: getattr(former, name) for name in Values.__slots__})
    row = IdentityRow(
        id=uuid.uuid4(),
        exam_id=exam.id,
        number=1 if former is None else former.number + 1,
        **asdict(replace(known, **new)),
        former={change.name: change.old for change in changes},
        confirmed_by=actor.person_id,
        confirmed_at=now,
    )
    identities.insert(site, row)
    shown = {name: new.get(name, getattr(exam, name)) for name in _ON_EXAM}
    identities.show_on_exam(site, exam.id, **shown)
    tell(site, exam.id)
    return row
