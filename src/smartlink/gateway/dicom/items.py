"""The items that an A-ASSOCIATE is made of (PS3.8 sections 9.3.2 and 9.3.3): type, length, value, nested."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER: Final = struct.Struct(">BxH")
"""Type and length of an item (PS3.8 section 9.3.2); the reserved byte is sent as zero and never looked at."""
_SHORT: Final = struct.Struct(">H")


class Item(IntEnum):
    """Item types inside A-ASSOCIATE (PS3.8 section 9.3.2 and Annex D, PS3.7 Annex D.3.3)."""

    APPLICATION_CONTEXT = 0x10
    PRESENTATION_CONTEXT_RQ = 0x20
    PRESENTATION_CONTEXT_AC = 0x21
    ABSTRACT_SYNTAX = 0x30
    TRANSFER_SYNTAX = 0x40
    USER_INFORMATION = 0x50
    MAXIMUM_LENGTH = 0x51
    IMPLEMENTATION_CLASS_UID = 0x52
    ASYNCHRONOUS_OPERATIONS_WINDOW = 0x53
    ROLE_SELECTION = 0x54
    IMPLEMENTATION_VERSION_NAME = 0x55
    SOP_CLASS_EXTENDED = 0x56
    SOP_CLASS_COMMON_EXTENDED = 0x57
    USER_IDENTITY_RQ = 0x58
    USER_IDENTITY_AC = 0x59


class MalformedPDUError(Exception):
    """A PDU does not obey PS3.8 section 9.3; the text says where, without any of its values."""


def item(kind: Item, value: bytes) -> bytes:
    """Return one item."""
    return HEADER.pack(kind, len(value)) + value


def items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each item, known or not; one that reaches beyond its parent is malformed."""
    at = 0
    while at < len(data):
        if len(data) - at < HEADER.size:
            raise MalformedPDUError("An A-ASSOCIATE item is cut off in its header.")
        kind, length = HEADER.unpack_from(data, at)
        at += HEADER.size
        if length > len(data) - at:
            raise MalformedPDUError("An A-ASSOCIATE item is longer than what holds it.")
        yield kind, data[at : at + length]
        at += length


def uid(value: bytes) -> str:
    """Return a UID as text; scanners pad with NUL or space although PS3.8 Annex F says not to."""
    return value.rstrip(b"\0 ").decode("latin-1")


def sized(value: bytes) -> bytes:
    """Return a field that is preceded by its length in two bytes (PS3.7 Annex D.3.3)."""
    return _SHORT.pack(len(value)) + value


def take_sized(data: bytes) -> tuple[bytes, bytes]:
    """Return such a field and what follows it; one that reaches beyond its item is malformed."""
    if len(data) < _SHORT.size:
        raise MalformedPDUError("A sub-item of the user information is cut off before a length.")
    end = _SHORT.size + int(_SHORT.unpack_from(data)[0])
    if end > len(data):
        raise MalformedPDUError("A field is longer than the sub-item that holds it.")
    return data[_SHORT.size : end], data[end:]
