"""Which physician's Drafts an exam belongs to, decided from one header value (R75 to R80). Pure.

The rule is strict on purpose: an exam in the wrong physician's Drafts is a hazard, one in Unassigned is work for a
minute. So a value either names exactly one active physician of the facility, or the exam is Unassigned and says why.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from smartlink.link.connections import Mapping as PhysicianMapping
from smartlink.standard.person_name import display_forms, parse_values, without_accents

TAGS: Final[Mapping[PhysicianMapping, str]] = {
    PhysicianMapping.PERFORMING_PHYSICIAN: "0008,1050",
    PhysicianMapping.REFERRING_PHYSICIAN: "0008,0090",
    PhysicianMapping.OPERATOR: "0008,1070",
    PhysicianMapping.READING_PHYSICIAN: "0008,1060",
    PhysicianMapping.TELECOM: "0040,1104",
    PhysicianMapping.UNASSIGNED: "",
}
"""The six options of R74 and the attribute that each reads."""

_LONGEST_COUNTRY_CODE: Final = 3
_SHORTEST_NATIONAL_NUMBER: Final = 7
_EMAIL: Final = re.compile(r"[^\s@<>,;:\\\"()]{1,64}@[^\s@<>,;:\\\"()]{1,255}")
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()./-]{4,40}[0-9]")


class Reason(StrEnum):
    """Why an exam is Unassigned (R79)."""

    NO_MATCH = "no_match"
    AMBIGUOUS = "ambiguous"
    TAG_MISSING = "tag_missing"
    MAPPING_NONE = "mapping_none"
    USER_INACTIVE = "user_inactive"


@dataclass(frozen=True, slots=True)
class Physician:
    """A physician of the facility, as far as an exam can name one."""

    person_id: UUID
    display_name: str
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    phone: str = ""
    active: bool = True
    specialty_ids: frozenset[UUID] = frozenset()
    dicom_names: tuple[str, ...] = ()
    """Registered DICOM names and ids (as a scanner sends them), beside the person's own name."""

    def name_forms(self) -> frozenset[str]:
        """Every comparison key by which a PN value may name this person (R76)."""
        forms = display_forms(self.display_name)
        if self.given_name and self.family_name:
            forms |= display_forms(f"{self.family_name}, {self.given_name}")
        for registered in self.dicom_names:
            forms |= _name_keys(registered)
        return forms


@dataclass(frozen=True, slots=True)
class Drafts:
    """The exam belongs to this person's Drafts."""

    person_id: UUID
    tag: str
    raw_value: str


@dataclass(frozen=True, slots=True)
class Unassigned:
    """The exam waits in the Unassigned folder, with the reason and the value as sent."""

    reason: Reason
    tag: str
    raw_value: str


Decision = Drafts | Unassigned
Named = Callable[[Physician], bool]


def decide(
    mapping: PhysicianMapping,
    values: Mapping[PhysicianMapping, str],
    physicians: Sequence[Physician],
    specialty_id: UUID | None,
) -> Decision:
    r"""Decide by the connection's `mapping` from the decoded header `values` (several divided by ``\``).

    `physicians` are those of the facility, inactive ones included, each at most once; `specialty_id` is the
    connection's and breaks a tie.
    """
    tag = TAGS[mapping]
    if mapping is PhysicianMapping.UNASSIGNED:
        return Unassigned(Reason.MAPPING_NONE, tag, "")
    raw = values.get(mapping, "").strip(" \0")
    passes = _telecom_passes(raw) if mapping is PhysicianMapping.TELECOM else _name_passes(raw)
    if not passes:
        return Unassigned(Reason.TAG_MISSING, tag, raw)
    for named in passes:
        found = [physician for physician in physicians if named(physician)]
        if found:
            return _choose(found, specialty_id, tag, raw)
    return Unassigned(Reason.NO_MATCH, tag, raw)


def _choose(found: Sequence[Physician], specialty_id: UUID | None, tag: str, raw: str) -> Decision:
    active = [physician for physician in found if physician.active]
    if not active:
        return Unassigned(Reason.USER_INACTIVE, tag, raw)
    if len(active) > 1 and specialty_id is not None:
        active = [physician for physician in active if specialty_id in physician.specialty_ids]
    if len(active) != 1:
        return Unassigned(Reason.AMBIGUOUS, tag, raw)
    return Drafts(active[0].person_id, tag, raw)


def _name_keys(text: str) -> frozenset[str]:
    return frozenset(form for name in parse_values(text) for form in name.forms())


def _name_passes(raw: str) -> list[Named]:
    """Two passes of comparison: exact, then without accents; none when the value names nobody."""
    keys = _name_keys(raw)
    if not keys:
        return []
    plain = without_accents(keys)
    return [
        lambda physician: not keys.isdisjoint(physician.name_forms()),
        lambda physician: not plain.isdisjoint(without_accents(physician.name_forms())),
    ]


def _telecom_passes(raw: str) -> list[Named]:
    """One pass over the e-mail addresses and telephone numbers in the text (R77); none when it is empty."""
    if not raw:
        return []
    emails = frozenset(match.casefold().rstrip(".") for match in _EMAIL.findall(raw))
    phones = tuple(_PHONE.findall(_EMAIL.sub(" ", raw)))
    return [
        lambda physician: physician.email.strip().casefold() in emails or _any_same_phone(physician.phone, phones),
    ]


def _any_same_phone(known: str, sent: Iterable[str]) -> bool:
    return any(same_phone(known, number) for number in sent)


def same_phone(one: str, other: str) -> bool:
    """Whether two written telephone numbers are one, with or without the country prefix (R77)."""
    (first, first_abroad), (second, second_abroad) = _digits(one), _digits(other)
    if min(len(first), len(second)) < _SHORTEST_NATIONAL_NUMBER:
        return False
    if first_abroad == second_abroad:
        return first == second
    abroad, national = (first, second) if first_abroad else (second, first)
    return abroad.endswith(national) and 1 <= len(abroad) - len(national) <= _LONGEST_COUNTRY_CODE


def _digits(written: str) -> tuple[str, bool]:
    """The digits that count, and whether the country code is among them; the national trunk 0 is dropped."""
    text = written.replace("(0)", "").strip()
    digits = re.sub(r"[^0-9]", "", text)
    if text.startswith("+"):
        return digits, True
    if digits.startswith("00"):
        return digits[2:], True
    return digits.removeprefix("0"), False
