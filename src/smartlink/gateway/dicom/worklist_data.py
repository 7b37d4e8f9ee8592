"""The Data Sets of a Modality Worklist query (PS3.4 section K.6.1.2): the Identifier is written, answers are read.

An answer is read by its bytes: pydicom finds the elements and never sees the text, which it would decode by the
declared character set alone, and quote in its warnings.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Final

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence as DicomSequence

from smartlink.gateway.worklist import Answer, Asked, Key
from smartlink.standard.misdeclared import read
from smartlink.standard.transfer_syntax import IMPLICIT_VR_LITTLE_ENDIAN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST: Final = 256 * 1024
"""Bytes of one answer; what a server sends for a step takes one or two thousand."""
_MOST_ITEMS: Final = 200
_UNDEFINED: Final = 0xFFFFFFFF
_ITEM: Final = b"\xfe\xff\x00\xe0"
_CHARACTER_SET: Final = 0x00080005
_STEP_SEQUENCE: Final = 0x00400100
_OF_REQUEST: Final = {
    0x00080050: Key.ACCESSION_NUMBER,
    0x00080090: Key.REFERRING_PHYSICIAN_NAME,
    0x00080201: Key.TIMEZONE_OFFSET_FROM_UTC,
    0x00100010: Key.PATIENT_NAME,
    0x00100020: Key.PATIENT_ID,
    0x00100021: Key.ISSUER_OF_PATIENT_ID,
    0x00100030: Key.PATIENT_BIRTH_DATE,
    0x00100040: Key.PATIENT_SEX,
    0x0020000D: Key.STUDY_INSTANCE_UID,
    0x00321060: Key.REQUESTED_PROCEDURE_DESCRIPTION,
    0x00401001: Key.REQUESTED_PROCEDURE_ID,
}
_OF_STEP: Final = {
    0x00080060: Key.MODALITY,
    0x00400001: Key.SCHEDULED_STATION_AE_TITLE,
    0x00400002: Key.START_DATE,
    0x00400003: Key.START_TIME,
    0x00400006: Key.SCHEDULED_PERFORMING_PHYSICIAN_NAME,
    0x00400007: Key.STEP_DESCRIPTION,
    0x00400009: Key.STEP_ID,
}


class UnreadableAnswer(Exception):
    """The Data Set of an answer cannot be read; the text says why, without any of its values."""


def write_identifier(asked: Asked, transfer_syntax: str) -> bytes:
    """Return the Identifier: what has to match, and empty whatever else is wanted in return."""
    step = _empty(_OF_STEP.values())
    step.ScheduledProcedureStepStartDate = asked.day_range
    step.Modality = asked.modality or ""
    step.ScheduledStationAETitle = asked.station_ae_title or ""
    identifier = _empty(_OF_REQUEST.values())
    identifier.SpecificCharacterSet = ""
    identifier.ScheduledProcedureStepSequence = DicomSequence([step])
    buffer = DicomBytesIO()
    buffer.is_little_endian = True
    buffer.is_implicit_VR = transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
    write_dataset(buffer, identifier)
    return buffer.getvalue()


def read_answers(data: bytes, transfer_syntax: str, character_set: str | None = None) -> list[Answer]:
    """Return one answer for each Scheduled Procedure Step of a Data Set, or raise UnreadableAnswer.

    `character_set` is what text is read by that cannot be what the Data Set declares. Bounded in time and memory.
    """
    if len(data) > LONGEST or data.count(_ITEM) > _MOST_ITEMS:
        raise UnreadableAnswer("The answer is too long.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read_dataset(
                BytesIO(data),
                is_implicit_VR=transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN,
                is_little_endian=True,
            )
            _check_whole(found)
            steps: list[Dataset] = list(found[_STEP_SEQUENCE].value or ()) if _STEP_SEQUENCE in found else []
            request = _raw(found, _OF_REQUEST)
            declared = _terms(found) or []
            for step in steps:
                _check_whole(step)
            raw_steps = [(_raw(step, _OF_STEP), _terms(step) or declared) for step in steps]
    except UnreadableAnswer:
        raise
    except Exception as problem:  # noqa: BLE001 - pydicom raises whatever the bytes lead it into
        raise UnreadableAnswer(f"The Data Set cannot be read ({type(problem).__name__}).") from None
    if not raw_steps:
        raise UnreadableAnswer("The answer holds no Scheduled Procedure Step.")
    return [_answer((request, declared), step, character_set) for step in raw_steps]


_Part = tuple[dict[Key, bytes], list[str]]


def _answer(request: _Part, step: _Part, character_set: str | None) -> Answer:
    values: dict[Key, str] = {}
    guessed = False
    for raw, declared in (request, step):
        reading = read([value.rstrip(b"\0 ") for value in raw.values()], declared, character_set)
        values |= dict(zip(raw, reading.texts, strict=True))
        guessed = guessed or reading.guessed
    return Answer(values, guessed)


def _empty(keys: Iterable[Key]) -> Dataset:
    wanted = Dataset()
    for key in keys:
        setattr(wanted, key.value, "" if key is not Key.STUDY_INSTANCE_UID else None)
    return wanted


def _check_whole(found: Dataset) -> None:
    """Refuse a Data Set that is cut off: pydicom takes what is left of a value for all of it."""
    for tag in found.keys():  # noqa: SIM118 - iterating a Dataset would decode its elements
        element = found.get_item(tag)
        if isinstance(element, RawDataElement) and element.length not in {len(element.value or b""), _UNDEFINED}:
            raise UnreadableAnswer("The answer is cut off.")


def _raw(found: Dataset, keys: dict[int, Key]) -> dict[Key, bytes]:
    return dict(_values(found, keys))


def _values(found: Dataset, keys: dict[int, Key]) -> Iterator[tuple[Key, bytes]]:
    for tag, key in keys.items():
        if tag in found:
            element = found.get_item(tag)
            value = element.value
            if isinstance(value, bytes):
                yield key, value
            elif value:  # it was read as something that has no bytes of its own: a sequence, where text should be
                raise UnreadableAnswer("An attribute of the answer is none of its kind.")


def _terms(found: Dataset) -> list[str] | None:
    """Return the values of Specific Character Set as they stand there; None when it is absent."""
    if _CHARACTER_SET not in found:
        return None
    value = found.get_item(_CHARACTER_SET).value
    if isinstance(value, bytes):
        return value.rstrip(b"\0 ").decode("latin-1").split("\\")
    return [value] if isinstance(value, str) else [str(one) for one in value or ()]
