"""Command Sets of DIMSE as values (PS3.7 section 6.3 and Annex E): implicit VR little endian, group 0000 only.

They stand before and after every image, so they have a decoder and an encoder of their own:
a handful of elements, each at most once, in a few microseconds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

_ELEMENT: Final = struct.Struct("<HHI")
NO_DATA_SET: Final = 0x0101
"""Command Data Set Type (0000,0800) of a message without Data Set (PS3.7 section E.1)."""
WITH_DATA_SET: Final = 0x0001
_RESPONSE: Final = 0x8000
_MOST_ERROR_COMMENT: Final = 64
_LONGEST_UID: Final = 64


class CommandField(IntEnum):
    """Command Field (0000,0100) (PS3.7 section E.1)."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_GET_RQ = 0x0010
    C_FIND_RQ = 0x0020
    C_MOVE_RQ = 0x0021
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    N_EVENT_REPORT_RQ = 0x0100
    N_EVENT_REPORT_RSP = 0x8100
    N_GET_RQ = 0x0110
    N_SET_RQ = 0x0120
    N_ACTION_RQ = 0x0130
    N_ACTION_RSP = 0x8130
    N_CREATE_RQ = 0x0140
    N_DELETE_RQ = 0x0150
    C_CANCEL_RQ = 0x0FFF


class MalformedCommandError(Exception):
    """Bytes that should be a Command Set are none; the text says why, without any of its values."""


@dataclass(frozen=True, slots=True)
class Command:
    """One Command Set. UIDs are as sent, padding removed; whether they are valid is for the service to say."""

    field: int
    message_id: int = 0
    message_id_responded_to: int = 0
    affected_sop_class_uid: str = ""
    affected_sop_instance_uid: str = ""
    data_set_type: int = NO_DATA_SET
    status: int = 0
    error_comment: str = ""
    requested_sop_class_uid: str = ""
    requested_sop_instance_uid: str = ""
    event_type_id: int | None = None
    action_type_id: int | None = None

    @property
    def has_data_set(self) -> bool:
        """Whether a Data Set follows."""
        return self.data_set_type != NO_DATA_SET

    @property
    def is_request(self) -> bool:
        """Whether the message asks something, rather than answers."""
        return not self.field & _RESPONSE

    @property
    def wants_response(self) -> bool:
        """Whether an answer is due: to a request, but not to C-CANCEL (PS3.7 section 9.3.2.3)."""
        return self.is_request and self.field != CommandField.C_CANCEL_RQ

    def response(self, status: int, error_comment: str = "") -> Command:
        """Return the response to this request with the same operation, class and instance.

        What an N-ACTION and its like request is affected in the response (PS3.7 section 10.1.4).
        """
        return Command(
            field=self.field | _RESPONSE,
            message_id_responded_to=self.message_id,
            affected_sop_class_uid=(self.affected_sop_class_uid or self.requested_sop_class_uid)[:_LONGEST_UID],
            affected_sop_instance_uid=(self.affected_sop_instance_uid or self.requested_sop_instance_uid)[
                :_LONGEST_UID
            ],
            status=status,
            error_comment=error_comment[:_MOST_ERROR_COMMENT],
            event_type_id=self.event_type_id,
            action_type_id=self.action_type_id,
        )


_FIELD, _MESSAGE_ID, _RESPONDED_TO, _DATA_SET_TYPE, _STATUS = 0x0100, 0x0110, 0x0120, 0x0800, 0x0900
_EVENT_TYPE, _ACTION_TYPE = 0x1002, 0x1008
_SOP_CLASS, _REQUESTED_CLASS, _ERROR_COMMENT, _SOP_INSTANCE, _REQUESTED_INSTANCE = (
    0x0002,
    0x0003,
    0x0902,
    0x1000,
    0x1001,
)
_WITH_PRIORITY: Final = frozenset({CommandField.C_STORE_RQ, CommandField.C_FIND_RQ})
_NUMBERS: Final = frozenset({_FIELD, _MESSAGE_ID, _RESPONDED_TO, _DATA_SET_TYPE, _STATUS, _EVENT_TYPE, _ACTION_TYPE})
_TEXTS: Final = frozenset({_SOP_CLASS, _REQUESTED_CLASS, _ERROR_COMMENT, _SOP_INSTANCE, _REQUESTED_INSTANCE})


def decode(data: bytes | bytearray) -> Command:
    """Return the Command Set in `data`, or raise MalformedCommandError; elements we have no use for are passed over."""
    numbers: dict[int, int] = {}
    texts: dict[int, str] = {}
    at, end = 0, len(data)
    while at < end:
        if end - at < _ELEMENT.size:
            raise MalformedCommandError("A Command Set is cut off inside an element.")
        group, element, length = _ELEMENT.unpack_from(data, at)
        at += _ELEMENT.size
        if group or length > end - at:
            raise MalformedCommandError("A Command Set holds an element of another group, or a length beyond its end.")
        if element in _NUMBERS:
            if length != 2:  # VR US
                raise MalformedCommandError("A number in a Command Set is not two bytes long.")
            numbers[element] = data[at] | data[at + 1] << 8
        elif element in _TEXTS:
            texts[element] = data[at : at + length].decode("latin-1").rstrip("\0 ")
        at += length
    if _FIELD not in numbers or _DATA_SET_TYPE not in numbers:
        raise MalformedCommandError("A Command Set lacks its Command Field or Command Data Set Type.")
    return Command(
        field=numbers[_FIELD],
        message_id=numbers.get(_MESSAGE_ID, 0),
        message_id_responded_to=numbers.get(_RESPONDED_TO, 0),
        affected_sop_class_uid=texts.get(_SOP_CLASS, ""),
        affected_sop_instance_uid=texts.get(_SOP_INSTANCE, ""),
        data_set_type=numbers[_DATA_SET_TYPE],
        status=numbers.get(_STATUS, 0),
        error_comment=texts.get(_ERROR_COMMENT, ""),
        requested_sop_class_uid=texts.get(_REQUESTED_CLASS, ""),
        requested_sop_instance_uid=texts.get(_REQUESTED_INSTANCE, ""),
        event_type_id=numbers.get(_EVENT_TYPE),
        action_type_id=numbers.get(_ACTION_TYPE),
    )


def encode(command: Command) -> bytes:
    """Return the Command Set as on the wire, with its group length; elements in the order of their tags."""
    request = command.is_request
    answers = not request or command.field == CommandField.C_CANCEL_RQ  # (PS3.7 section 9.3.2.3)
    parts = [
        _text(_SOP_CLASS, command.affected_sop_class_uid, b"\0"),
        _text(_REQUESTED_CLASS, command.requested_sop_class_uid, b"\0"),
        _number(_FIELD, command.field),
        b"" if answers else _number(_MESSAGE_ID, command.message_id),
        _number(_RESPONDED_TO, command.message_id_responded_to) if answers else b"",
        _number(0x0700, 0) if command.field in _WITH_PRIORITY else b"",
        _number(_DATA_SET_TYPE, command.data_set_type),
        b"" if request else _number(_STATUS, command.status),
        _text(_ERROR_COMMENT, command.error_comment, b" "),
        _text(_SOP_INSTANCE, command.affected_sop_instance_uid, b"\0"),
        _text(_REQUESTED_INSTANCE, command.requested_sop_instance_uid, b"\0"),
        b"" if command.event_type_id is None else _number(_EVENT_TYPE, command.event_type_id),
        b"" if command.action_type_id is None else _number(_ACTION_TYPE, command.action_type_id),
    ]
    body = b"".join(parts)
    return _ELEMENT.pack(0, 0, 4) + len(body).to_bytes(4, "little") + body


def _number(element: int, value: int) -> bytes:
    return _ELEMENT.pack(0, element, 2) + value.to_bytes(2, "little")


def _text(element: int, value: str, padding: bytes) -> bytes:
    """Return a text element padded to even length, or nothing for an absent one."""
    if not value:
        return b""
    raw = value.encode("latin-1", "replace")
    raw += padding * (len(raw) % 2)
    return _ELEMENT.pack(0, element, len(raw)) + raw
