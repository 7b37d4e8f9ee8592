"""The list of one worklist server as the gateway read it: every put replaces what Works has of that server (F7).

It is never queued: a list that cannot be told goes stale, and the next one says what is so then. Of a server that
fails the last good list is told, with its age and what is wrong.
"""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from smartlink.link.deliveries import Sentence
from smartlink.link.message import Message, Moment, UIDText

MOST_ITEMS: Final = 500
"""Of one server; a longer list is cut off, with `truncated`."""
LONGEST_NAME: Final = 3 * 64 + 2
"""A person's name: three component groups of 64 characters (PS3.5 section 6.2)."""
LONGEST_TEXT: Final = 64
LONGEST_SHORT_TEXT: Final = 16


def is_text(text: str) -> bool:
    """Whether a text holds only what a value of DICOM may hold: no control characters, and no backslash."""
    return "\\" not in text and not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text)


def _text(text: str) -> str:
    if not is_text(text):
        raise ValueError("holds a character that is not allowed in it")
    return text


PersonNameText = Annotated[str, StringConstraints(max_length=LONGEST_NAME), AfterValidator(_text)]
LongText = Annotated[str, StringConstraints(max_length=LONGEST_TEXT), AfterValidator(_text)]
ShortText = Annotated[str, StringConstraints(max_length=LONGEST_SHORT_TEXT), AfterValidator(_text)]


class WorklistItem(Message):
    """One Scheduled Procedure Step with its patient and order (PS3.4 table K.6-1); an empty text: not given."""

    patient_name: PersonNameText = ""
    patient_id: LongText = ""
    issuer_of_patient_id: LongText = ""
    birth_date: date | None = None
    sex: Literal["", "F", "M", "O"] = ""
    accession_number: ShortText = ""
    requested_procedure_id: ShortText = ""
    requested_procedure_description: LongText = ""
    study_instance_uid: UIDText | None = None
    referring_physician: PersonNameText = ""
    step_id: ShortText = ""
    step_description: LongText = ""
    modality: ShortText = ""
    station_ae_title: ShortText = ""
    performing_physician: PersonNameText = ""
    start_at: Moment
    """When the step is scheduled, in the server's time zone."""
    start_has_time: bool = True
    """False: only the day is known, and `start_at` is its beginning."""
    guessed: bool = False
    """The server declares another character set than it uses, so that names may be wrong."""


class WorklistPut(Message):
    """What the gateway knows of one worklist server."""

    checked_at: Moment
    """When it was asked last. A put that is older than what Works has changes nothing."""
    fetched_at: Moment | None = None
    """When it last gave a whole list; None: never yet."""
    items: Annotated[tuple[WorklistItem, ...], Field(max_length=MOST_ITEMS)] | None = None
    """The list of `fetched_at`, or what is left of it while the server fails; None: there never was one."""
    truncated: bool = False
    """The server had more than are told."""
    unreadable: Annotated[int, Field(ge=0)] = 0
    """Answers of the server that could not be read."""
    failing_since: Moment | None = None
    problem: Sentence | None = None
    remedy: Sentence | None = None


class WorklistTaken(Message):
    """Works has it, or something newer."""

    connection_id: UUID
    items: Annotated[int, Field(ge=0)]
    """How many items Works has of this server now."""
