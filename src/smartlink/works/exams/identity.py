"""Patient and order of an exam as a person confirmed them, and a Data Set that says so. Pure.

The original is never altered: what comes out is another Data Set, with every previous value in its Original
Attributes Sequence. The same confirmation makes the same Data Set, however often it is made.

References: PS3.3 sections C.12.1 (SOP Common, Original Attributes Sequence), C.7.1.1 (Patient), C.7.3.1 (Request
Attributes Sequence) and C.17.2 (Referenced Request Sequence).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from smartlink.works.exams.elements import (
    Element,
    Elements,
    Item,
    find,
    put_in,
    with_items,
    without,
    without_group_lengths,
)
from smartlink.works.exams.text import charset_element, encode, in_terms, padded, terms_for, terms_of, text_of

SYSTEM: Final = "SmartLink Works"

SOP_CLASS_UID: Final = 0x00080016
SOP_INSTANCE_UID: Final = 0x00080018
ACCESSION_NUMBER: Final = 0x00080050
PATIENT_NAME: Final = 0x00100010
PATIENT_ID: Final = 0x00100020
ISSUER_OF_PATIENT_ID: Final = 0x00100021
BIRTH_DATE: Final = 0x00100030
SEX: Final = 0x00100040
STUDY_INSTANCE_UID: Final = 0x0020000D
SERIES_INSTANCE_UID: Final = 0x0020000E
REQUESTED_PROCEDURE_DESCRIPTION: Final = 0x00321060
REQUESTED_PROCEDURE_ID: Final = 0x00401001
REQUEST_ATTRIBUTES: Final = 0x00400275
REFERENCED_REQUEST: Final = 0x0040A370
ORIGINAL_ATTRIBUTES: Final = 0x04000561
MODIFIED_ATTRIBUTES: Final = 0x04000550

_VRS: Final = {
    ACCESSION_NUMBER: "SH",
    PATIENT_NAME: "PN",
    PATIENT_ID: "LO",
    ISSUER_OF_PATIENT_ID: "LO",
    BIRTH_DATE: "DA",
    SEX: "CS",
    STUDY_INSTANCE_UID: "UI",
    REQUESTED_PROCEDURE_DESCRIPTION: "LO",
    REQUESTED_PROCEDURE_ID: "SH",
}
_PATIENT: Final = (PATIENT_NAME, PATIENT_ID, ISSUER_OF_PATIENT_ID, BIRTH_DATE, SEX)
_REQUEST: Final = (REQUESTED_PROCEDURE_ID, REQUESTED_PROCEDURE_DESCRIPTION)
_ORDER: Final = frozenset({ACCESSION_NUMBER, STUDY_INSTANCE_UID, *_REQUEST})
# What else names the patient or the visit (PS3.3 sections C.7.1.1, C.2.3, C.3.2): with another Patient ID it is wrong.
_OF_ANOTHER_PATIENT: Final = (
    0x00100022,  # Type of Patient ID
    0x00100024,  # Issuer of Patient ID Qualifiers Sequence
    0x00100032,  # Patient's Birth Time
    0x00101000,  # Other Patient IDs
    0x00101001,  # Other Patient Names
    0x00101002,  # Other Patient IDs Sequence
    0x00101005,  # Patient's Birth Name
    0x00101040,  # Patient's Address
    0x00101060,  # Patient's Mother's Birth Name
    0x00101090,  # Medical Record Locator
    0x00102154,  # Patient's Telephone Numbers
    0x00102155,  # Patient's Telecom Information
    0x00380010,  # Admission ID
    0x00380014,  # Issuer of Admission ID Sequence
    0x00380060,  # Service Episode ID
    0x00380064,  # Issuer of Service Episode ID Sequence
)
_AGE: Final = 0x00101010
_OF_ANOTHER_ORDER: Final = (
    0x00080051,  # Issuer of Accession Number Sequence
    0x00321064,  # Requested Procedure Code Sequence
    0x00402016,  # Placer Order Number / Imaging Service Request
    0x00402017,  # Filler Order Number / Imaging Service Request
)
# SOP Classes with the SR Document General Module, which has its own place for the request.
_STRUCTURED_REPORTS: Final = "1.2.840.10008.5.1.4.1.1.88."


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a person confirmed of an exam. None: the header's value stays. Empty: there is none.

    Names are written as PN values (`Doe^Jane`), the birth date as YYYYMMDD or YYYY-MM-DD.
    """

    confirmed_at: datetime
    patient_name: str | None = None
    patient_id: str | None = None
    issuer_of_patient_id: str | None = None
    birth_date: str | None = None
    sex: str | None = None
    accession_number: str | None = None
    requested_procedure_id: str | None = None
    requested_procedure_description: str | None = None
    study_instance_uid: str | None = None


def derived_uid(uid: str, study_instance_uid: str) -> str:
    """The UID of an instance or series once it belongs to another study: always the same one."""
    return f"2.25.{uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_OID, uid), study_instance_uid).int}"


def differences(elements: Elements, wanted: Identity) -> tuple[int, ...]:
    """The tags of what the Data Set says otherwise than the person; none means that the original may be sent."""
    return tuple(
        tag
        for tag, text in _wanted(wanted).items()
        if _comparable(tag, _current(elements, tag)) != _comparable(tag, text)
    )


def identified(original: Elements, wanted: Identity, siblings: Collection[str] = ()) -> Elements | None:
    """The Data Set as the person confirmed it; None when it says so already.

    `siblings` are the UIDs of the exam's instances and series: with another study they change too, in references.
    """
    differing = differences(original, wanted)
    if not differing:
        return None
    old = without_group_lengths(original)
    values = _wanted(wanted)
    target = terms_for([(_VRS[tag], text) for tag, text in values.items()], terms_of(old))
    base = in_terms(old, terms_of(old), target)
    new = _with_order(_with_patient(base, values, differing, target), values, differing, target)
    if STUDY_INSTANCE_UID in differing:
        new = _in_another_study(new, values[STUDY_INSTANCE_UID], siblings)
    return _remembering(old, base, new, wanted.confirmed_at)


def _wanted(wanted: Identity) -> dict[int, str]:
    """What the person said, by tag."""
    said = {
        PATIENT_NAME: wanted.patient_name,
        PATIENT_ID: wanted.patient_id,
        ISSUER_OF_PATIENT_ID: wanted.issuer_of_patient_id,
        BIRTH_DATE: None if wanted.birth_date is None else wanted.birth_date.replace("-", ""),
        SEX: wanted.sex,
        ACCESSION_NUMBER: wanted.accession_number,
        REQUESTED_PROCEDURE_ID: wanted.requested_procedure_id,
        REQUESTED_PROCEDURE_DESCRIPTION: wanted.requested_procedure_description,
        # There is no instance without a study: an order that gives no UID leaves the header's.
        STUDY_INSTANCE_UID: wanted.study_instance_uid or None,
    }
    return {tag: text.strip() for tag, text in said.items() if text is not None}


def _current(elements: Elements, tag: int) -> str:
    """What the Data Set says: of the requested procedure in the request, else beside it."""
    request = find(elements, _place_of_request(elements)) if tag in _REQUEST else None
    inside = request.items[0].elements if request is not None and request.items else elements
    return text_of(find(inside, tag), terms_of(elements))


def _comparable(tag: int, text: str) -> str:
    if tag == PATIENT_NAME:
        return "=".join(group.rstrip("^ ") for group in text.split("=")).rstrip("=")
    return text.replace(".", "") if tag == BIRTH_DATE else text


def _uid(elements: Elements, tag: int) -> str:
    return text_of(find(elements, tag), ())


def _place_of_request(elements: Elements) -> int:
    report = _uid(elements, SOP_CLASS_UID).startswith(_STRUCTURED_REPORTS)
    return REFERENCED_REQUEST if report else REQUEST_ATTRIBUTES


def _element(tag: int, text: str, terms: tuple[str, ...]) -> Element:
    vr = _VRS[tag]
    return Element(tag, vr, padded(encode(text, vr, terms) or b"", b"\0" if vr == "UI" else b" "))


def _with_patient(
    elements: Elements, values: Mapping[int, str], differing: Collection[int], terms: tuple[str, ...]
) -> Elements:
    new = put_in(elements, *(_element(tag, values[tag], terms) for tag in _PATIENT if tag in differing))
    if PATIENT_ID in differing or ISSUER_OF_PATIENT_ID in differing:
        new = without(new, _OF_ANOTHER_PATIENT)
        if not values.get(ISSUER_OF_PATIENT_ID):
            new = without(new, [ISSUER_OF_PATIENT_ID])  # type 3: absent rather than empty
    return without(new, [_AGE]) if BIRTH_DATE in differing else new


def _with_order(
    elements: Elements, values: Mapping[int, str], differing: Collection[int], terms: tuple[str, ...]
) -> Elements:
    """Accession number and request; what the old order said besides goes, for it would be of another order."""
    if _ORDER.isdisjoint(differing):
        return elements
    new = without(elements, [*_OF_ANOTHER_ORDER, *_REQUEST, REQUEST_ATTRIBUTES, REFERENCED_REQUEST])
    if ACCESSION_NUMBER in differing:
        new = put_in(new, _element(ACCESSION_NUMBER, values[ACCESSION_NUMBER], terms))
    if not any(values.get(tag) for tag in _REQUEST):
        return new
    return put_in(new, _request(elements, values, terms))


def _request(elements: Elements, values: Mapping[int, str], terms: tuple[str, ...]) -> Element:
    """The order, in the place that the SOP Class has for it."""
    said = {tag: values.get(tag, _current(elements, tag)) for tag in (ACCESSION_NUMBER, STUDY_INSTANCE_UID)}
    said |= {tag: values.get(tag, "") for tag in _REQUEST}
    place = _place_of_request(elements)
    if place == REQUEST_ATTRIBUTES:
        item = tuple(_element(tag, text, terms) for tag, text in said.items() if text)
    else:  # table C.17-2 has these with type 2: empty where the order says nothing
        codes = (Element(0x00081110, "SQ", ()), Element(0x00321064, "SQ", ()))
        numbers = (Element(0x00402016, "LO", b""), Element(0x00402017, "LO", b""))
        item = (*(_element(tag, text, terms) for tag, text in said.items()), *codes, *numbers)
    return Element(place, "SQ", (Item(put_in(item)),))


def _in_another_study(elements: Elements, new: str, siblings: Collection[str]) -> Elements:
    """Study, series and instance have new UIDs, here and wherever they are referred to."""
    own = [_uid(elements, SOP_INSTANCE_UID), _uid(elements, SERIES_INSTANCE_UID)]
    uids = {uid: derived_uid(uid, new) for uid in [*own, *siblings] if uid}
    uids[_uid(elements, STUDY_INSTANCE_UID)] = new
    return put_in(_renamed(elements, uids), Element(STUDY_INSTANCE_UID, "UI", padded(new.encode("ascii"), b"\0")))


def _renamed(elements: Elements, uids: Mapping[str, str]) -> Elements:
    return tuple(_renamed_one(element, uids) for element in elements)


def _renamed_one(element: Element, uids: Mapping[str, str]) -> Element:
    if element.tag == ORIGINAL_ATTRIBUTES:  # history stays
        return element
    if element.items:
        return with_items(element, lambda inside: _renamed(inside, uids))
    written = element.raw.decode("ascii", "replace").strip(" \0").split("\\") if element.vr == "UI" else []
    if uids.keys().isdisjoint(written):
        return element
    text = "\\".join(uids.get(uid, uid) for uid in written)
    return Element(element.tag, "UI", padded(text.encode("ascii"), b"\0"))


def _remembering(old: Elements, base: Elements, new: Elements, confirmed_at: datetime) -> Elements:
    """The new Data Set with one more item of Original Attributes Sequence: every old value, as it was written.

    The values are in the old character set; where that changed, the item names it. What was absent stands there empty.
    """
    before, after = {element.tag: element for element in base}, {element.tag: element for element in new}
    changed = sorted(tag for tag in before.keys() | after.keys() if before.get(tag) != after.get(tag))
    kept = [find(old, tag) or _empty(after[tag]) for tag in changed]
    if terms_of(old) != terms_of(new):
        kept.append(charset_element(terms_of(old)))
    history = find(new, ORIGINAL_ATTRIBUTES)
    item = Item(
        (
            Element(MODIFIED_ATTRIBUTES, "SQ", (Item(put_in((), *kept)),)),
            Element(0x04000562, "DT", padded(_moment(confirmed_at))),
            Element(0x04000563, "LO", padded(SYSTEM.encode("ascii"))),
            Element(0x04000564, "LO", b""),
            Element(0x04000565, "CS", b"CORRECT "),
        )
    )
    return put_in(new, Element(ORIGINAL_ATTRIBUTES, "SQ", (*_items(history), item)))


def _items(element: Element | None) -> Iterable[Item]:
    return () if element is None else element.items


def _empty(element: Element) -> Element:
    return Element(element.tag, element.vr, () if isinstance(element.value, tuple) else b"")


def _moment(at: datetime) -> bytes:
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f+0000").encode("ascii")
