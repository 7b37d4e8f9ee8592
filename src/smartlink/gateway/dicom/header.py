"""The header of an instance: the few Attributes that the catalogue and Works want, from its first kilobytes.

A walker over the Data Set's elements (PS3.5 chapter 7) that reads only what it must and seeks over the rest;
an instance of a gigabyte costs what one of a kilobyte does. Every file is hostile: whatever the bytes, the answer
is a Header or HeaderUnreadable, in bounded time and memory. pydicom takes over where the bytes are odd, and decodes
text that is not plain ASCII. No value is ever logged or put into an error.
"""

from __future__ import annotations

import io
import os
import re
import struct
import warnings
import zlib
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import IO, Any, Final, NamedTuple

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import read_dataset
from pydicom.valuerep import TEXT_VR_DELIMS

from smartlink.standard.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

_LAST: Final = 0x00280011
_FIRST_WINDOW: Final = 8 * 1024
_NEXT_WINDOW: Final = 64 * 1024
_LONGEST_VALUE: Final = 64 * 1024
_MOST_INFLATED: Final = 4 * 1024**2
_MOST_DEFLATED: Final = 1024**2
_MOST_FOR_PYDICOM: Final = 256 * 1024
_MOST_STEPS: Final = 100_000
_UNDEFINED: Final = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_VR: Final = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT_VR: Final = frozenset(
    {
        b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO",
        b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
    }
)  # fmt: skip
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,11}")
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


class HeaderUnreadable(Exception):
    """The Data Set cannot be walked; the text says why, without any of its values."""


class _Odd(Exception):
    """The bytes are not as PS3.5 has them; perhaps pydicom can make sense of them."""


@dataclass(frozen=True, slots=True)
class Header:
    """The Attributes by their keywords (PS3.6) in snake case: text as in the Data Set, backslash between values.

    None: absent. Empty: present without a value. An absent UID is empty too.
    """

    specific_character_set: str | None = None
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_date: str | None = None
    study_time: str | None = None
    accession_number: str | None = None
    modality: str | None = None
    manufacturer: str | None = None
    institution_name: str | None = None
    referring_physician_name: str | None = None
    study_description: str | None = None
    series_description: str | None = None
    physicians_of_record: str | None = None
    performing_physician_name: str | None = None
    name_of_physicians_reading_study: str | None = None
    operators_name: str | None = None
    manufacturer_model_name: str | None = None
    patient_name: str | None = None
    patient_id: str | None = None
    issuer_of_patient_id: str | None = None
    patient_birth_date: str | None = None
    patient_sex: str | None = None
    frame_time: str | None = None
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    study_id: str | None = None
    series_number: str | None = None
    instance_number: str | None = None
    number_of_frames: str | None = None
    rows: int | None = None
    columns: int | None = None

    def as_dicom_json(self) -> dict[str, dict[str, Any]]:
        """Return the Attributes as DICOM JSON (PS3.18 Annex F); numbers that are none are left out."""
        return {
            key: _json(vr, value)
            for key, vr, name in _KEYS
            if (value := getattr(self, name)) is not None and (value or vr != "UI")
        }


class Wanted(NamedTuple):
    """One Attribute of the Header."""

    tag: int
    vr: str
    name: str


WANTED: Final = tuple(
    Wanted(tag, vr, field.name)
    for (tag, vr), field in zip(
        (
            (0x00080005, "CS"), (0x00080016, "UI"), (0x00080018, "UI"), (0x00080020, "DA"), (0x00080030, "TM"),
            (0x00080050, "SH"), (0x00080060, "CS"), (0x00080070, "LO"), (0x00080080, "LO"), (0x00080090, "PN"),
            (0x00081030, "LO"), (0x0008103E, "LO"), (0x00081048, "PN"), (0x00081050, "PN"), (0x00081060, "PN"),
            (0x00081070, "PN"), (0x00081090, "LO"), (0x00100010, "PN"), (0x00100020, "LO"), (0x00100021, "LO"),
            (0x00100030, "DA"), (0x00100040, "CS"), (0x00181063, "DS"), (0x0020000D, "UI"), (0x0020000E, "UI"),
            (0x00200010, "SH"), (0x00200011, "IS"), (0x00200013, "IS"), (0x00280008, "IS"), (0x00280010, "US"),
            (_LAST, "US"),
        ),
        fields(Header),
        strict=True,
    )
)  # fmt: skip
"""The table: tag and VR (PS3.6) of each field of Header, in the order of the tags."""

_WANTED_TAGS: Final = frozenset(wanted.tag for wanted in WANTED)
_KEYS: Final = [(f"{wanted.tag:08X}", wanted.vr, wanted.name) for wanted in WANTED]
_DECODED_VR: Final = frozenset({"SH", "LO", "PN"})


def attributes(file: IO[bytes], transfer_syntax_uid: str) -> Header:
    """Return the Header of the Data Set that begins where `file` stands, or raise HeaderUnreadable."""
    big_endian = transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN
    explicit = transfer_syntax_uid != IMPLICIT_VR_LITTLE_ENDIAN
    try:
        if transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            file = _inflated(file)
        start = file.tell()
        try:
            raw = _Walker(file, explicit=explicit, big_endian=big_endian).walk()
        except _Odd:
            file.seek(start)
            raw = _by_pydicom(file, explicit=explicit, big_endian=big_endian)
    except OSError as problem:
        raise HeaderUnreadable(f"The file cannot be read: {type(problem).__name__}.") from None
    return _header(raw, big_endian=big_endian)


class _Walker:
    """Walks one Data Set's elements at its top level; `_Odd` for whatever PS3.5 does not allow."""

    def __init__(self, file: IO[bytes], *, explicit: bool, big_endian: bool) -> None:
        self._file = file
        self._base = file.tell()
        self._window = file.read(_FIRST_WINDOW)
        self._end = file.seek(0, os.SEEK_END)
        self._at = self._base
        self._steps = 0
        self._explicit = explicit
        order = ">" if big_endian else "<"
        self._short = struct.Struct(order + ("HH2sH" if explicit else "HHI"))
        self._long = struct.Struct(order + "I")
        self._order: Final = order

    def walk(self) -> dict[int, bytes]:
        """Return the raw value of each wanted Attribute that is there."""
        found: dict[int, bytes] = {}
        while self._at < self._end:
            tag, length = self._element()
            if tag > _LAST:
                break
            if length == _UNDEFINED:
                self._skip_undefined()
            elif tag in _WANTED_TAGS:
                found[tag] = self._take(length)
            else:
                self._skip(length)
        return found

    def _element(self) -> tuple[int, int]:
        """Read the next element's tag and length (PS3.5 section 7.1), items and delimiters included."""
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise _Odd
        at = self._ensure(8)
        if not self._explicit:
            group, element, length = self._short.unpack_from(self._window, at)
            self._at += 8
            return group << 16 | element, length
        group, element, vr, length = self._short.unpack_from(self._window, at)
        self._at += 8
        if group == 0xFFFE:
            (length,) = self._long.unpack_from(self._window, at + 4)
        elif vr in _LONG_VR:
            (length,) = self._long.unpack_from(self._window, self._ensure(4))
            self._at += 4
        elif vr not in _SHORT_VR:
            raise _Odd
        return group << 16 | element, length

    def _skip_undefined(self) -> None:
        """Pass over a sequence, or encapsulated value, of undefined length with all that is nested in it."""
        depth = 1
        while depth:
            tag, length = self._element()
            if tag in (_SEQUENCE_END, _ITEM_END):
                depth -= 1
            elif length == _UNDEFINED:
                depth += 1
            else:
                self._skip(length)

    def _skip(self, length: int) -> None:
        if length > self._end - self._at:
            raise _Odd
        self._at += length

    def _take(self, length: int) -> bytes:
        if length > _LONGEST_VALUE:
            raise _Odd
        at = self._ensure(length)
        self._at += length
        return self._window[at : at + length]

    def _ensure(self, size: int) -> int:
        """Have the next `size` bytes in the window, and return where in it they begin."""
        at = self._at - self._base
        if at + size <= len(self._window):
            return at
        if size > self._end - self._at:
            raise _Odd
        self._file.seek(self._at)
        self._base = self._at
        self._window = self._file.read(max(size, _NEXT_WINDOW))
        if len(self._window) < size:
            raise _Odd
        return 0


def _inflated(file: IO[bytes]) -> IO[bytes]:
    """Return the beginning of a deflated Data Set (PS3.5 section A.5), bounded whatever it would inflate to."""
    try:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(_MOST_DEFLATED), _MOST_INFLATED)
    except zlib.error:
        raise HeaderUnreadable("The deflated Data Set cannot be inflated.") from None
    return io.BytesIO(data)


def _by_pydicom(file: IO[bytes], *, explicit: bool, big_endian: bool) -> dict[int, bytes]:
    """Let pydicom try the first 256 KiB, tolerant as it is."""
    start = io.BytesIO(file.read(_MOST_FOR_PYDICOM))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read_dataset(
                start,
                is_implicit_VR=not explicit,
                is_little_endian=not big_endian,
                stop_when=lambda tag, _vr, _length: tag > _LAST,
                specific_tags=list(_WANTED_TAGS),
            )
            elements: list[object] = [found.get_item(tag) for tag in _WANTED_TAGS if tag in found]
    except Exception as problem:  # noqa: BLE001 - pydicom raises whatever the bytes lead it into
        raise HeaderUnreadable(f"The Data Set cannot be walked: {type(problem).__name__}.") from None
    raw = [element for element in elements if isinstance(element, RawDataElement)]
    if start.tell() > len(start.getbuffer()) or any(len(element.value or b"") < element.length for element in raw):
        raise HeaderUnreadable("The Data Set is cut off within its header.")
    # An element without a value is no longer raw; it is there all the same.
    empty = {int(one.tag): b"" for one in elements if isinstance(one, DataElement) and one.is_empty}
    return empty | {int(element.tag): element.value or b"" for element in raw}


def _header(raw: dict[int, bytes], *, big_endian: bool) -> Header:
    encodings = _encodings(raw.get(0x00080005, b""))
    values: dict[str, Any] = {
        wanted.name: _value(wanted.vr, raw[wanted.tag], encodings, big_endian=big_endian)
        for wanted in WANTED
        if wanted.tag in raw
    }
    header = Header(**values)
    if not header.sop_class_uid or not header.sop_instance_uid:
        raise HeaderUnreadable("The Data Set has no SOP Class UID or no SOP Instance UID.")
    return header


def _value(vr: str, raw: bytes, encodings: tuple[str, ...], *, big_endian: bool) -> str | int | None:
    if vr == "US":
        return int.from_bytes(raw, "big" if big_endian else "little") if len(raw) == 2 else None
    raw = raw.rstrip(b"\0 ")
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    if vr not in _DECODED_VR:
        return raw.decode("latin-1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return decode_bytes(raw, list(encodings), TEXT_VR_DELIMS)
    except Exception as problem:  # noqa: BLE001 - codecs raise whatever the bytes lead them into
        raise HeaderUnreadable(f"A text cannot be decoded: {type(problem).__name__}.") from None


@lru_cache(maxsize=64)
def _encodings(raw: bytes) -> tuple[str, ...]:
    """Return Python's codecs for a Specific Character Set (PS3.3 section C.12.1.1.2), as pydicom understands it."""
    terms = raw.rstrip(b"\0 ").decode("latin-1").split("\\")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tuple(convert_encodings([term.strip() for term in terms]))
    except Exception:  # noqa: BLE001 - a character set that pydicom cannot place: read as the default repertoire
        return ("iso8859",)


def _json(vr: str, value: str | int) -> dict[str, Any]:
    if isinstance(value, int):
        return {"vr": vr, "Value": [value]}
    if not value:
        return {"vr": vr}
    parts = [part.strip(" ") for part in value.split("\\")] if "\\" in value else [value.strip(" ")]
    if vr == "PN":
        return {"vr": vr, "Value": [_json_name(part) for part in parts]}
    if vr in ("IS", "DS"):
        form, number = (_INTEGER, int) if vr == "IS" else (_DECIMAL, float)
        numbers = [number(part) for part in parts if form.fullmatch(part)]
        return {"vr": vr, "Value": numbers} if len(numbers) == len(parts) else {"vr": vr}
    return {"vr": vr, "Value": [part or None for part in parts]}


def _json_name(name: str) -> dict[str, str] | None:
    """Return a person's name by its component groups (PS3.18 section F.2.2)."""
    if "=" not in name:
        return {"Alphabetic": name} if name else None
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), name.split("="), strict=False)
    return {kind: group for kind, group in groups if group} or None
