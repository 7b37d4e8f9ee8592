"""The Data Sets of Storage Commitment (PS3.4 tables J.3-1 and J.3-2): a request is read, a result is written."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Final

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence as DicomSequence

from smartlink.gateway.commitments import MOST_REFERENCES, Reference
from smartlink.standard.names import UID
from smartlink.standard.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom.tag import BaseTag

    from smartlink.gateway.commitments import Result

LONGEST: Final = 1024 * 1024
"""Bytes of a request: 200 for each reference; pydicom takes a second for so many."""
_TRANSACTION_UID: Final = 0x00081195
_REFERENCED_SOP_SEQUENCE: Final = 0x00081199
_REFERENCED_SOP_CLASS_UID: Final = 0x00081150
_REFERENCED_SOP_INSTANCE_UID: Final = 0x00081155
_WANTED: Final[list[BaseTag | int]] = [_TRANSACTION_UID, _REFERENCED_SOP_SEQUENCE]
"""What else there is is passed over quickly."""
_ITEMS: Final = {True: b"\xfe\xff\x00\xe0", False: b"\xff\xfe\xe0\x00"}
"""The tag of an item, by whether it is little endian (PS3.5 section 7.5)."""
_MOST_OTHER_ITEMS: Final = 16
SUCCESSFUL: Final = 1
FAILURES_EXIST: Final = 2
"""Event Type IDs (PS3.4 table J.3-2)."""


class UnreadableRequest(Exception):
    """The Data Set is not a Storage Commitment Request; the text says why, without any of its values."""


class TooManyReferences(UnreadableRequest):
    """The request names more SOP Instances than are taken at once."""

    def __init__(self) -> None:
        super().__init__(f"The request names more than {MOST_REFERENCES} SOP Instances.")


def read_request(data: bytes, transfer_syntax: str) -> tuple[str, tuple[Reference, ...]]:
    """Return Transaction UID and references, each once, or raise UnreadableRequest. Bounded in time and memory."""
    if transfer_syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        data = _inflated(data)
    # pydicom takes ten seconds for a megabyte of empty items: they are counted before it sees them.
    if data.count(_ITEMS[transfer_syntax != EXPLICIT_VR_BIG_ENDIAN]) > MOST_REFERENCES + _MOST_OTHER_ITEMS:
        raise TooManyReferences
    try:
        found = read_dataset(
            BytesIO(data),
            is_implicit_VR=transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN,
            is_little_endian=transfer_syntax != EXPLICIT_VR_BIG_ENDIAN,
            specific_tags=_WANTED,
        )
        transaction = _uid(found, _TRANSACTION_UID)
        items = found.get("ReferencedSOPSequence") or []
        if len(items) > MOST_REFERENCES:
            raise TooManyReferences
        references = tuple(
            Reference(_uid(one, _REFERENCED_SOP_CLASS_UID), _uid(one, _REFERENCED_SOP_INSTANCE_UID)) for one in items
        )
    except UnreadableRequest:
        raise
    except Exception as problem:  # noqa: BLE001 - pydicom raises whatever the bytes lead it into
        raise UnreadableRequest(f"The Data Set cannot be read ({type(problem).__name__}).") from None
    if not references:
        raise UnreadableRequest("The request names no SOP Instance.")
    return transaction, tuple(dict.fromkeys(references))


def event_type_of(result: Result) -> int:
    """Return the Event Type ID of a result."""
    return FAILURES_EXIST if result.failed else SUCCESSFUL


def write_result(result: Result, transfer_syntax: str) -> bytes:
    """Return the Event Information of a result."""
    told = Dataset()
    told.TransactionUID = result.transaction_uid
    if result.committed:
        told.ReferencedSOPSequence = DicomSequence(_items(result.committed))
    if result.failed:
        told.FailedSOPSequence = DicomSequence(_items(one.reference for one in result.failed))
        for item, one in zip(told.FailedSOPSequence, result.failed, strict=True):
            item.FailureReason = int(one.reason)
    buffer = DicomBytesIO()
    buffer.is_little_endian = transfer_syntax != EXPLICIT_VR_BIG_ENDIAN
    buffer.is_implicit_VR = transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
    write_dataset(buffer, told)
    data = buffer.getvalue()
    return _deflated(data) if transfer_syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN else data


def _items(references: Iterable[Reference]) -> list[Dataset]:
    items = []
    for one in references:
        item = Dataset()
        item.ReferencedSOPClassUID = one.sop_class_uid
        item.ReferencedSOPInstanceUID = one.sop_instance_uid
        items.append(item)
    return items


def _uid(data_set: Dataset, tag: int) -> str:
    """Return a UID from its bytes: pydicom would warn of a wrong one by quoting it."""
    value = data_set.get_item(tag).value if tag in data_set else None
    try:
        return UID.parse(value.decode("ascii") if isinstance(value, bytes) else "")
    except ValueError:
        raise UnreadableRequest("A UID is missing, or is none.") from None


def _inflated(data: bytes) -> bytes:
    """Return a deflated Data Set (PS3.5 section A.5), bounded whatever it would inflate to."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        whole = inflate.decompress(data, LONGEST)
    except zlib.error:
        raise UnreadableRequest("The deflated Data Set cannot be inflated.") from None
    if inflate.unconsumed_tail:
        raise UnreadableRequest("The deflated Data Set is too long.")
    return whole


def _deflated(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = deflate.compress(data) + deflate.flush()
    return packed + b"\0" * (len(packed) % 2)
