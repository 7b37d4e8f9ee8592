"""The attributes that Works keeps of an instance, read from its Part 10 file (PS3.10) up to the pixel data.

Values are taken as raw bytes and decoded here, so that no odd value of a scanner can stop an image, and so that
names are decoded before they are divided (`smartlink.standard.character_set`). Nothing in this module logs.
"""

import re
import struct
import warnings
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from io import BytesIO
from typing import BinaryIO, Final
from zoneinfo import ZoneInfo

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from smartlink.link.connections import Mapping as PhysicianMapping
from smartlink.standard.character_set import decode
from smartlink.standard.names import UID

_IMPLICIT_VR_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2"
_EXPLICIT_VR_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
# A deflated header may unfold to anything; an honest one ends long before this.
_INFLATED_AT_MOST: Final = 64 * 1024 * 1024
_META_AT_MOST: Final = 1024 * 1024
_LONG_VRS: Final = frozenset({b"OB", b"OW", b"UN", b"SQ", b"UT", b"OF", b"OD", b"OL", b"OV", b"UC", b"UR"})
_UNSIGNED_SHORT: Final = 2  # bytes of a US value
_PIXELS: Final = (0x7FE00008, 0x7FE00009, 0x7FE00010)

_SPECIFIC_CHARACTER_SET: Final = 0x00080005
_TELECOM: Final = 0x00401104
_PLACES_OF_TELECOM: Final = (0x00081052, 0x00081072, 0x00080096, 0x00081062)  # R77, in its order
_PHYSICIANS: Final = {
    PhysicianMapping.PERFORMING_PHYSICIAN: 0x00081050,
    PhysicianMapping.REFERRING_PHYSICIAN: 0x00080090,
    PhysicianMapping.OPERATOR: 0x00081070,
    PhysicianMapping.READING_PHYSICIAN: 0x00081060,
}
_WANTED: Final = (
    _SPECIFIC_CHARACTER_SET,
    0x00080016,
    0x00080018,
    0x00080020,
    0x00080030,
    0x00080050,
    0x00080060,
    0x00080201,
    0x00081030,
    0x0008103E,
    0x00100010,
    0x00100020,
    0x00100030,
    0x00100040,
    0x00181063,
    0x0020000D,
    0x0020000E,
    0x00200011,
    0x00200013,
    0x00280008,
    0x00280010,
    0x00280011,
    _TELECOM,
    *_PLACES_OF_TELECOM,
    *_PHYSICIANS.values(),
)
_UNREADABLE: Final = (
    InvalidDicomError,
    BytesLengthException,
    AttributeError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class HeaderUnreadable(ValueError):
    """The file is no DICOM that can be read this far; the message says what is wrong, never a value."""


@dataclass(frozen=True, slots=True)
class Header:
    """What Works keeps of an instance. Absent texts are empty, absent numbers and times None."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    dataset_offset: int
    """Where the Data Set begins: the first byte after File Meta Information."""
    patient_name: str = ""
    patient_id: str = ""
    birth_date: date | None = None
    sex: str = ""
    accession_number: str = ""
    study_description: str = ""
    study_at: datetime | None = None
    modality: str = ""
    series_number: int | None = None
    series_description: str = ""
    instance_number: int | None = None
    frames: int = 1
    rows: int | None = None
    columns: int | None = None
    frame_time_ms: float | None = None
    physicians: Mapping[PhysicianMapping, str] = field(default_factory=dict)
    r"""Decoded values by mapping option, several divided by ``\``; absent ones are left out."""


def read(file: BinaryIO, time_zone: str) -> Header:
    """Read the header of a Part 10 file from its start, or raise HeaderUnreadable.

    Study date and time are local to `time_zone` unless the Data Set says otherwise (0008,0201).
    """
    try:
        syntax, offset = file_meta(file)
        values = _Values(_attributes(file, syntax, offset))
        return _header(values, syntax, offset, ZoneInfo(time_zone))
    except HeaderUnreadable:
        raise
    except _UNREADABLE as error:
        raise HeaderUnreadable("The Data Set cannot be read as its Transfer Syntax says.") from error


def file_meta(file: BinaryIO) -> tuple[str, int]:
    """The Transfer Syntax UID and the offset of the Data Set (PS3.10 section 7.1: Explicit VR Little Endian)."""
    file.seek(0)
    head = file.read(_META_AT_MOST)
    if head[128:132] != b"DICM":
        raise HeaderUnreadable("The object is not a DICOM Part 10 file.")
    at, syntax = 132, ""
    while head[at : at + 2] == b"\x02\x00":
        if head[at + 4 : at + 6] in _LONG_VRS:
            start, length = at + 12, int.from_bytes(head[at + 8 : at + 12], "little")
        else:
            start, length = at + 8, int.from_bytes(head[at + 6 : at + 8], "little")
        if start + length > len(head):
            raise HeaderUnreadable("File Meta Information is cut off.")
        if head[at : at + 4] == b"\x02\x00\x10\x00":
            syntax = UID.parse(head[start : start + length].decode("ascii", errors="replace"))
        at = start + length
    if not syntax:
        raise HeaderUnreadable("File Meta Information names no Transfer Syntax.")
    return syntax, at


def _attributes(file: BinaryIO, syntax: str, offset: int) -> Dataset:
    file.seek(offset)
    if syntax == _DEFLATED:
        file = BytesIO(zlib.decompressobj(-zlib.MAX_WBITS).decompress(file.read(_INFLATED_AT_MOST), _INFLATED_AT_MOST))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of what it tolerates; nobody at this end could act on it
        return read_dataset(
            file,
            is_implicit_VR=syntax == _IMPLICIT_VR_LITTLE_ENDIAN,
            is_little_endian=syntax != _EXPLICIT_VR_BIG_ENDIAN,
            stop_when=_at_pixels,
            specific_tags=[BaseTag(tag) for tag in _WANTED],
        )


def _at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:  # noqa: ARG001 - pydicom's signature
    return tag in _PIXELS or tag > _PIXELS[-1]


class _Values:
    """Raw values of one Data Set as text and numbers; what cannot be read is as if absent."""

    def __init__(self, dataset: Dataset, inherited: Sequence[str] = ()) -> None:
        """Read by the Data Set's own Specific Character Set, else by the enclosing one's."""
        self._dataset = dataset
        raw = self._raw(_SPECIFIC_CHARACTER_SET)
        self._charset = raw.decode("ascii", errors="replace").split("\\") if raw else list(inherited)

    def text(self, tag: int) -> str:
        r"""The decoded value, padding removed; several are still divided by ``\``."""
        return decode(self._raw(tag), self._charset).replace("\0", "").strip()

    def plain(self, tag: int) -> str:
        """A value of the default repertoire (UI, CS, IS, DS, DA, TM), its first one."""
        return self._raw(tag).decode("ascii", errors="replace").split("\\")[0].replace("\0", "").strip()

    def uid(self, tag: int, name: str) -> str:
        """A UID that must be there."""
        try:
            return UID.parse(self.plain(tag))
        except ValueError as error:
            raise HeaderUnreadable(f"{name} is missing or malformed.") from error

    def integer(self, tag: int) -> int | None:
        """An IS value within 32 bits."""
        text = self.plain(tag)
        return int(text) if re.fullmatch(r"[+-]?[0-9]{1,9}", text) else None

    def number(self, tag: int) -> float | None:
        """A DS value above zero."""
        text = self.plain(tag)
        if not re.fullmatch(r"\+?[0-9]{0,9}\.?[0-9]{1,9}([eE][+-]?[0-9]{1,2})?", text):
            return None
        return float(text) or None

    def unsigned(self, tag: int) -> int | None:
        """A US value."""
        element: object = self._dataset.get_item(tag)
        raw = self._raw(tag)
        if not isinstance(element, RawDataElement) or len(raw) < _UNSIGNED_SHORT:
            return None
        return int.from_bytes(raw[:_UNSIGNED_SHORT], "little" if element.is_little_endian else "big")

    def items(self, tag: int) -> Iterable["_Values"]:
        """The items of a sequence."""
        if tag not in self._dataset:
            return ()
        value: object = self._dataset[tag].value
        items = value if isinstance(value, Sequence) else ()
        return (_Values(item, self._charset) for item in items if isinstance(item, Dataset))

    def _raw(self, tag: int) -> bytes:
        element: object = self._dataset.get_item(tag)
        value = element.value if isinstance(element, RawDataElement) else None
        return value if isinstance(value, bytes) else b""


def _header(values: _Values, syntax: str, offset: int, zone: ZoneInfo) -> Header:
    return Header(
        sop_class_uid=values.uid(0x00080016, "SOP Class UID"),
        sop_instance_uid=values.uid(0x00080018, "SOP Instance UID"),
        study_instance_uid=values.uid(0x0020000D, "Study Instance UID"),
        series_instance_uid=values.uid(0x0020000E, "Series Instance UID"),
        transfer_syntax_uid=syntax,
        dataset_offset=offset,
        patient_name=values.text(0x00100010),
        patient_id=values.text(0x00100020),
        birth_date=_date(values.plain(0x00100030)),
        sex=values.plain(0x00100040),
        accession_number=values.text(0x00080050),
        study_description=values.text(0x00081030),
        study_at=_moment(values, zone),
        modality=values.plain(0x00080060),
        series_number=values.integer(0x00200011),
        series_description=values.text(0x0008103E),
        instance_number=values.integer(0x00200013),
        frames=max(1, values.integer(0x00280008) or 1),
        rows=values.unsigned(0x00280010),
        columns=values.unsigned(0x00280011),
        frame_time_ms=values.number(0x00181063),
        physicians=_physicians(values),
    )


def _physicians(values: _Values) -> dict[PhysicianMapping, str]:
    found = {mapping: values.text(tag) for mapping, tag in _PHYSICIANS.items()}
    found[PhysicianMapping.TELECOM] = _telecom(values)
    return {mapping: text for mapping, text in found.items() if text}


def _telecom(values: _Values) -> str:
    """Persons Telecom Information from the first place that has any (R77): top level, then the sequences."""
    text = values.text(_TELECOM)
    for place in _PLACES_OF_TELECOM:
        text = text or "\\".join(filter(None, (item.text(_TELECOM) for item in values.items(place))))
    return text


def _date(text: str) -> date | None:
    digits = text.replace(".", "")  # ACR-NEMA wrote 1999.12.31 (PS3.5 section 6.2, DA)
    try:
        return datetime.strptime(digits, "%Y%m%d").date() if re.fullmatch(r"[0-9]{8}", digits) else None  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None


def _moment(values: _Values, zone: ZoneInfo) -> datetime | None:
    day = _date(values.plain(0x00080020))
    if day is None:
        return None
    found = re.match(r"([01][0-9]|2[0-3]):?([0-5][0-9])?:?([0-5][0-9])?", values.plain(0x00080030))
    hour, minute, second = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    clock = time(hour, minute, second)
    return datetime.combine(day, clock, _offset(values.plain(0x00080201)) or zone)


def _offset(text: str) -> timezone | None:
    found = re.fullmatch(r"([+-])([01][0-9])([0-5][0-9])", text)
    if found is None:
        return None
    away = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-away if found[1] == "-" else away)
