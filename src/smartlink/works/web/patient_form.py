"""The form about patient and order: values into fields, fields into values, and what changes. Pure.

A field holds what a person types; a value is what an attribute holds (names as PN, PS3.5 section 6.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from smartlink.standard.person_name import ComponentGroup, PersonName
from smartlink.works.exams import correction
from smartlink.works.store.exam_pages import ListedExam
from smartlink.works.store.identities import IdentityRow
from smartlink.works.web.shown import birth, patient_name

NAME_PARTS: Final = ("family", "given", "middle", "prefix", "suffix")
OTHER_GROUPS: Final = ("ideographic", "phonetic")
SEXES: Final = ("", "F", "M", "O")
LONGEST: Final = {"accession_number": 16, "procedure_id": 16}  # VR SH; all others are LO or PN: 64
LONGEST_TEXT: Final = 64
# Field of the form and value of the exam, in the order of the page.
VALUES: Final = {
    "patient_id": "patient_id",
    "issuer": "issuer_of_patient_id",
    "birth_date": "birth_date",
    "sex": "sex",
    "accession_number": "accession_number",
    "procedure_id": "requested_procedure_id",
    "procedure": "requested_procedure_description",
}
FIELDS: Final = (*NAME_PARTS, *OTHER_GROUPS, *VALUES)
Values = dict[str, str]
"""By the names of `correction.Values`; an empty text is "there is none"."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that becomes another, as the review shows it."""

    field: str
    old: str | date | None
    new: str | date | None


def values(exam: ListedExam, confirmed: IdentityRow | None) -> Values:
    """What the exam says of patient and order now: what was confirmed, else what the scanner sent."""
    names = ("patient_name", *VALUES.values())
    known = {name: getattr(confirmed, name, None) for name in names}
    return {name: text if (text := known[name]) is not None else getattr(exam, name, None) or "" for name in names}


def fields(values: Mapping[str, str]) -> dict[str, str]:
    """What stands in the fields of the form for these values."""
    groups = [*PersonName.parse(values["patient_name"]).groups, *(ComponentGroup() for _ in range(3))]
    shown = {part: getattr(groups[0], part) for part in NAME_PARTS}
    shown |= {name: _group(group) for name, group in zip(OTHER_GROUPS, groups[1:3], strict=True)}
    return shown | {field: values[name] for field, name in VALUES.items()}


def read(form: Mapping[str, str]) -> dict[str, str]:
    """The fields as they were sent, without outer white space; a field that was not sent is empty."""
    return {name: form.get(name, "").strip() for name in FIELDS}


def parse(typed: Mapping[str, str], old: Mapping[str, str], today: date) -> tuple[Values, dict[str, str]]:
    """The values that were typed, and what is wrong with which field; nothing is wrong when the second is empty.

    What is known of name and ID can be changed, not removed.
    """
    problems = {name: problem for name in FIELDS if (problem := _problem(name, typed[name], today))}
    values = {name: typed[field] for field, name in VALUES.items()}
    before = fields(old)
    untouched = all(typed[part] == before[part] for part in (*NAME_PARTS, *OTHER_GROUPS))
    values["patient_name"] = old["patient_name"] if untouched else _name(typed)
    if old["patient_name"] and not values["patient_name"]:
        problems["family"] = "missing"
    if old["patient_id"] and not values["patient_id"]:
        problems["patient_id"] = "missing"
    if any(len(group) > LONGEST_TEXT for group in values["patient_name"].split("=")):
        problems["family"] = "too_long"
    return values, problems


def shown(changes: Sequence[correction.Change]) -> list[Change]:
    """What becomes different, in the words and in the order of the page."""
    names = {name: field for field, name in VALUES.items()}
    order = ["patient_name", *names, "study_instance_uid"]
    return [
        Change(names.get(each.name, each.name), _shown(each.name, each.old), _shown(each.name, each.new))
        for each in sorted(changes, key=lambda each: order.index(each.name))
    ]


def _shown(name: str, value: str) -> str | date | None:
    if name == "birth_date":
        return birth(value)
    return (patient_name(value) if name == "patient_name" else value) or None


def _problem(name: str, text: str, today: date) -> str | None:
    divider = name in OTHER_GROUPS
    forbidden = "\\=" if divider else "\\^=" if name in NAME_PARTS else "\\"
    if any(sign in forbidden or not sign.isprintable() for sign in text):
        return "sign"
    if len(text) > LONGEST.get(name, LONGEST_TEXT):
        return "too_long"
    if name == "birth_date" and text and not ((born := birth(text)) and born <= today):
        return "date"
    return "sign" if name == "sex" and text not in SEXES else None


def _name(typed: Mapping[str, str]) -> str:
    alphabetic = _group(ComponentGroup(*(typed[part] for part in NAME_PARTS)))
    return "=".join((alphabetic, *(typed[name] for name in OTHER_GROUPS))).rstrip("=")


def _group(group: ComponentGroup) -> str:
    return f"{group.family}^{group.given}^{group.middle}^{group.prefix}^{group.suffix}".rstrip("^")
