"""What is asked of a worklist server and what its answers become (R52-R58, F7): pure.

A server says days and times in its own time zone, and text in the character set that it declares or should declare;
from here on an item has moments and letters.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from smartlink.gateway.errors import GatewayError, Refused
from smartlink.link.worklist import LONGEST_NAME, LONGEST_SHORT_TEXT, LONGEST_TEXT, MOST_ITEMS, WorklistItem, is_text
from smartlink.standard.misdeclared import is_known, normalised
from smartlink.standard.names import UID, AETitle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KEPT: Final = timedelta(hours=48)
"""How long an item of a list may be kept at most, whatever becomes of the server (F7)."""
_MODALITY: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ")
_DAY: Final = 8
_TIME: Final = 6


class Key(StrEnum):
    """The return keys that we ask for (PS3.4 table K.6-1), by their keywords (PS3.6)."""

    TIMEZONE_OFFSET_FROM_UTC = "TimezoneOffsetFromUTC"
    PATIENT_NAME = "PatientName"
    PATIENT_ID = "PatientID"
    ISSUER_OF_PATIENT_ID = "IssuerOfPatientID"
    PATIENT_BIRTH_DATE = "PatientBirthDate"
    PATIENT_SEX = "PatientSex"
    ACCESSION_NUMBER = "AccessionNumber"
    REFERRING_PHYSICIAN_NAME = "ReferringPhysicianName"
    STUDY_INSTANCE_UID = "StudyInstanceUID"
    REQUESTED_PROCEDURE_DESCRIPTION = "RequestedProcedureDescription"
    REQUESTED_PROCEDURE_ID = "RequestedProcedureID"
    MODALITY = "Modality"
    SCHEDULED_STATION_AE_TITLE = "ScheduledStationAETitle"
    START_DATE = "ScheduledProcedureStepStartDate"
    START_TIME = "ScheduledProcedureStepStartTime"
    SCHEDULED_PERFORMING_PHYSICIAN_NAME = "ScheduledPerformingPhysicianName"
    STEP_DESCRIPTION = "ScheduledProcedureStepDescription"
    STEP_ID = "ScheduledProcedureStepID"


class Unusable(GatewayError):
    """An answer that is no item; the text says which attribute is wrong, without its value."""


@dataclass(frozen=True, slots=True)
class Query:
    """How one server is asked; `time_zone` None is the facility's own."""

    time_zone: str | None = None
    modality: str | None = "US"
    """None: whatever the modality."""
    station_ae_title: str | None = None
    """Scheduled Station AE Title; None: whatever the station."""
    character_set: str | None = None
    """In which text is read that cannot be what the server declares."""


@dataclass(frozen=True, slots=True)
class QueryChanges:
    """What a person wants to be different in how a server is asked; an empty text takes a part away."""

    time_zone: str | None = None
    modality: str | None = None
    station_ae_title: str | None = None
    character_set: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """From when until when scheduled steps are wanted."""

    begins: datetime
    ends: datetime

    @classmethod
    def around(cls, now: datetime, before: timedelta, after: timedelta) -> Window:
        """The window of this moment."""
        return cls(now - before, now + after)

    def days(self, zone: tzinfo) -> tuple[date, date]:
        """The first and the last day of it, by the server's calendar."""
        return self.begins.astimezone(zone).date(), self.ends.astimezone(zone).date()

    def holds(self, item: WorklistItem) -> bool:
        """Whether a step is within it; one of which only the day is known, if a part of the day is."""
        if item.start_has_time:
            return self.begins <= item.start_at <= self.ends
        return item.start_at <= self.ends and item.start_at + timedelta(days=1) > self.begins


@dataclass(frozen=True, slots=True)
class Asked:
    """One C-FIND: the keys that have to match, and how the answers are to be read."""

    first_day: date
    last_day: date
    modality: str | None
    station_ae_title: str | None
    character_set: str | None

    @property
    def day_range(self) -> str:
        """The days as a value of DA (PS3.4 section C.2.2.2.5)."""
        if self.first_day == self.last_day:
            return f"{self.first_day:%Y%m%d}"
        return f"{self.first_day:%Y%m%d}-{self.last_day:%Y%m%d}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The values of one answer by their keys, decoded."""

    values: Mapping[Key, str]
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """What one C-FIND brought; `unreadable` counts answers of which nothing could be read."""

    answers: Sequence[Answer]
    truncated: bool = False
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A whole list, soonest first."""

    items: tuple[WorklistItem, ...]
    truncated: bool = False
    unreadable: int = 0


def asked(query: Query, window: Window, facility_zone: str) -> Asked:
    """Return what to ask a server for this window."""
    first, last = window.days(zone_of(query, facility_zone))
    return Asked(first, last, query.modality, query.station_ae_title, query.character_set)


def listed(answers: Answers, query: Query, window: Window, facility_zone: str) -> Listed:
    """Return the items of the answers that lie within the window, each step once; others are no items of this list."""
    zone = zone_of(query, facility_zone)
    items: dict[WorklistItem, None] = {}
    unreadable = answers.unreadable
    for answer in answers.answers:
        try:
            item = item_of(answer, zone)
        except Unusable:
            unreadable += 1
            continue
        if window.holds(item):
            items[item] = None
    found = sorted(items, key=lambda item: item.start_at)
    return Listed(tuple(found[:MOST_ITEMS]), answers.truncated or len(found) > MOST_ITEMS, unreadable)


def item_of(answer: Answer, zone: tzinfo) -> WorklistItem:
    """Return one answer as an item, or raise Unusable: nothing that names patient or order is ever cut off."""
    values = {key: _first(answer.values.get(key, "")) for key in Key}
    name = _name(values[Key.PATIENT_NAME], Key.PATIENT_NAME)
    patient_id = _exact(values[Key.PATIENT_ID], LONGEST_TEXT, Key.PATIENT_ID)
    if not name and not patient_id:
        raise Unusable("The answer names no patient.")
    start_at, has_time = _start(values, zone)
    return WorklistItem(
        patient_name=name,
        patient_id=patient_id,
        issuer_of_patient_id=_exact(values[Key.ISSUER_OF_PATIENT_ID], LONGEST_TEXT, Key.ISSUER_OF_PATIENT_ID),
        birth_date=_day(values[Key.PATIENT_BIRTH_DATE]),
        sex=_sex(values[Key.PATIENT_SEX]),
        accession_number=_exact(values[Key.ACCESSION_NUMBER], LONGEST_SHORT_TEXT, Key.ACCESSION_NUMBER),
        requested_procedure_id=_exact(
            values[Key.REQUESTED_PROCEDURE_ID], LONGEST_SHORT_TEXT, Key.REQUESTED_PROCEDURE_ID
        ),
        requested_procedure_description=values[Key.REQUESTED_PROCEDURE_DESCRIPTION][:LONGEST_TEXT],
        study_instance_uid=_uid(values[Key.STUDY_INSTANCE_UID]),
        referring_physician=values[Key.REFERRING_PHYSICIAN_NAME][:LONGEST_NAME],
        step_id=_exact(values[Key.STEP_ID], LONGEST_SHORT_TEXT, Key.STEP_ID),
        step_description=values[Key.STEP_DESCRIPTION][:LONGEST_TEXT],
        modality=values[Key.MODALITY][:LONGEST_SHORT_TEXT],
        station_ae_title=values[Key.SCHEDULED_STATION_AE_TITLE][:LONGEST_SHORT_TEXT],
        performing_physician=values[Key.SCHEDULED_PERFORMING_PHYSICIAN_NAME][:LONGEST_NAME],
        start_at=start_at,
        start_has_time=has_time,
        guessed=answer.guessed or "\N{REPLACEMENT CHARACTER}" in name + patient_id,
    )


def changed(known: Query | None, wanted: QueryChanges) -> Query:
    """Return how a server is asked as a person wants it, or raise Refused with what to do."""
    before = known or Query()
    return Query(
        time_zone=_typed(wanted.time_zone, before.time_zone, parse_time_zone),
        modality=_typed(wanted.modality, before.modality, parse_modality),
        station_ae_title=_typed(wanted.station_ae_title, before.station_ae_title, _parse_station),
        character_set=_typed(wanted.character_set, before.character_set, parse_character_set),
    )


def parse_time_zone(text: str) -> str:
    """Return the IANA name of a time zone, or raise Refused."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(f"There is no time zone {text}. Write it as in Europe/Madrid.") from None
    return text


def parse_modality(text: str) -> str:
    """Return a modality as DICOM writes it (VR CS), or raise Refused."""
    code = text.upper()
    if len(code) > LONGEST_SHORT_TEXT or not _MODALITY.issuperset(code):
        raise Refused("A modality is a code such as US: letters and digits, 16 at most.")
    return code


def parse_character_set(text: str) -> str:
    """Return the name of a character set, or raise Refused."""
    if not is_known(text):
        raise Refused(f"There is no character set {text}. Write it as in ISO_IR 100, GB18030 or Shift_JIS.")
    return normalised(text)


def zone_of(query: Query, facility_zone: str) -> tzinfo:
    """Return the time zone of a server; UTC for one that this machine does not know."""
    try:
        return ZoneInfo(query.time_zone or facility_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _parse_station(text: str) -> str:
    try:
        return AETitle.parse(text)
    except ValueError as error:
        raise Refused(str(error)) from error


def _typed(wanted: str | None, known: str | None, parse: Callable[[str], str]) -> str | None:
    if wanted is None:
        return known
    text = wanted.strip()
    return parse(text) if text else None


def _first(text: str) -> str:
    """Return the first value without padding and control characters, which some servers leave in it."""
    value = "".join(letter for letter in text.partition("\\")[0] if is_text(letter))
    return value.strip()


def _name(text: str, key: Key) -> str:
    """Return a person's name without the delimiters that follow its last component."""
    groups = [group.strip().rstrip("^").rstrip() for group in text.split("=")]
    name = "=".join(groups).rstrip("=")
    if len(name) > LONGEST_NAME:
        raise Unusable(f"{key} is too long.")
    return name


def _exact(text: str, longest: int, key: Key) -> str:
    if len(text) > longest:
        raise Unusable(f"{key} is too long.")
    return text


def _uid(text: str) -> str | None:
    try:
        return UID.parse(text) if text else None
    except ValueError:
        raise Unusable("StudyInstanceUID is none.") from None


def _sex(text: str) -> Literal["", "F", "M", "O"]:
    found: Literal["", "F", "M", "O"]
    for found in ("F", "M", "O"):
        if text == found:
            return found
    return ""


def _day(text: str) -> date | None:
    """Return a value of DA, also as ACR-NEMA wrote it; None for one that is no day."""
    digits = text.replace(".", "").replace("-", "")
    if len(digits) != _DAY or not digits.isascii() or not digits.isdecimal():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def _start(values: Mapping[Key, str], zone: tzinfo) -> tuple[datetime, bool]:
    day = _day(values[Key.START_DATE])
    if day is None:
        raise Unusable("ScheduledProcedureStepStartDate is none.")
    own = _offset(values[Key.TIMEZONE_OFFSET_FROM_UTC]) or zone
    at = _time(values[Key.START_TIME])
    return datetime.combine(day, at or time(), own), at is not None


def _time(text: str) -> time | None:
    """Return a value of TM to the second, also as ACR-NEMA wrote it; None for one that is no time."""
    digits = text.replace(":", "").partition(".")[0]
    if not digits.isascii() or not digits.isdecimal() or len(digits) not in {2, 4, _TIME}:
        return None
    hour, minute, second = (int(digits[at : at + 2] or 0) for at in (0, 2, 4))
    try:
        return time(hour, minute, min(second, 59))
    except ValueError:
        return None


def _offset(text: str) -> tzinfo | None:
    """Return Timezone Offset From UTC (0008,0201), such as +0100; None when it is not given."""
    sign, digits = text[:1], text[1:]
    if sign not in {"+", "-"} or len(digits) != 4 or not digits.isascii() or not digits.isdecimal():  # noqa: PLR2004
        return None
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if offset >= timedelta(hours=15):
        return None
    return timezone(-offset if sign == "-" else offset)
