"""The PDUs of the DICOM Upper Layer as values (PS3.8 section 9.3): bytes to value and value to bytes, no state.

Everything but P-DATA-TF is small, rare and decoded whole, behind a limit that the caller has checked already.
P-DATA-TF is the hot one and is walked in place by `upper_layer`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from smartlink.standard.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from smartlink.standard.sop_class import APPLICATION_CONTEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEADER: Final = struct.Struct(">BxI")
"""Type and length of a PDU (PS3.8 section 9.3.1)."""
PDV_HEADER: Final = struct.Struct(">IBB")
"""Length, Presentation Context ID and message control header of a PDV (PS3.8 section 9.3.5.1 and Annex E.2)."""

_ITEM: Final = struct.Struct(">BxH")
_FIXED: Final = struct.Struct(">H2x16s16s32x")
_PROTOCOL_VERSION: Final = 1
_MOST_CONTEXTS: Final = 128


class PDUType(IntEnum):
    """PDU types (PS3.8 section 9.3.1)."""

    A_ASSOCIATE_RQ = 1
    A_ASSOCIATE_AC = 2
    A_ASSOCIATE_RJ = 3
    P_DATA_TF = 4
    A_RELEASE_RQ = 5
    A_RELEASE_RP = 6
    A_ABORT = 7


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


class ContextResult(IntEnum):
    """Result of one proposed Presentation Context (PS3.8 table 9-18)."""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


class MalformedPDUError(Exception):
    """A PDU does not obey PS3.8 section 9.3; the text says where, without any of its values."""


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """One Presentation Context of an A-ASSOCIATE-RQ (PS3.8 section 9.3.2.2)."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContextAnswer:
    """One Presentation Context of an A-ASSOCIATE-AC (PS3.8 section 9.3.3.2); the Transfer Syntax counts if accepted."""

    context_id: int
    result: ContextResult
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """A-ASSOCIATE-RQ (PS3.8 section 9.3.2). AE titles are the sixteen characters as sent, not yet judged."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[ProposedContext, ...]
    maximum_length: int
    """Longest P-DATA-TF that the requestor takes; 0 means no limit (PS3.8 Annex D.1)."""
    application_context: str = APPLICATION_CONTEXT
    protocol_version: int = _PROTOCOL_VERSION
    implementation_class_uid: str = IMPLEMENTATION_CLASS_UID
    implementation_version: str = IMPLEMENTATION_VERSION_NAME


@dataclass(frozen=True, slots=True)
class AssociateAccept:
    """A-ASSOCIATE-AC (PS3.8 section 9.3.3)."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[ContextAnswer, ...]
    maximum_length: int
    implementation_class_uid: str = IMPLEMENTATION_CLASS_UID
    implementation_version: str = IMPLEMENTATION_VERSION_NAME


@dataclass(frozen=True, slots=True)
class AssociateReject:
    """A-ASSOCIATE-RJ (PS3.8 section 9.3.4): the three numbers as on the wire."""

    result: int
    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class Abort:
    """A-ABORT (PS3.8 section 9.3.8): the two numbers as on the wire."""

    source: int
    reason: int


def encode_associate_request(request: AssociateRequest) -> bytes:
    """Return the A-ASSOCIATE-RQ PDU."""
    contexts = (
        _item(
            Item.PRESENTATION_CONTEXT_RQ,
            bytes((context.context_id, 0, 0, 0))
            + _item(Item.ABSTRACT_SYNTAX, context.abstract_syntax.encode("ascii"))
            + b"".join(_item(Item.TRANSFER_SYNTAX, uid.encode("ascii")) for uid in context.transfer_syntaxes),
        )
        for context in request.contexts
    )
    body = _fixed(request.called_ae_title, request.calling_ae_title) + _variable(
        request.application_context, contexts, _user_information(request)
    )
    return _pdu(PDUType.A_ASSOCIATE_RQ, body)


def encode_associate_accept(accept: AssociateAccept) -> bytes:
    """Return the A-ASSOCIATE-AC PDU; the AE titles are those of the request, returned unchanged."""
    contexts = (
        _item(
            Item.PRESENTATION_CONTEXT_AC,
            bytes((answer.context_id, 0, answer.result, 0))
            + _item(Item.TRANSFER_SYNTAX, answer.transfer_syntax.encode("ascii")),
        )
        for answer in accept.contexts
    )
    body = _fixed(accept.called_ae_title, accept.calling_ae_title) + _variable(
        APPLICATION_CONTEXT, contexts, _user_information(accept)
    )
    return _pdu(PDUType.A_ASSOCIATE_AC, body)


def encode_associate_reject(reject: AssociateReject) -> bytes:
    """Return the A-ASSOCIATE-RJ PDU."""
    return _pdu(PDUType.A_ASSOCIATE_RJ, bytes((0, reject.result, reject.source, reject.reason)))


def encode_abort(abort: Abort) -> bytes:
    """Return the A-ABORT PDU."""
    return _pdu(PDUType.A_ABORT, bytes((0, 0, abort.source, abort.reason)))


RELEASE_RQ: Final = HEADER.pack(PDUType.A_RELEASE_RQ, 4) + bytes(4)
RELEASE_RP: Final = HEADER.pack(PDUType.A_RELEASE_RP, 4) + bytes(4)


def decode_associate_request(body: bytes) -> AssociateRequest:
    """Return the value of an A-ASSOCIATE-RQ whose header is already taken off, or raise MalformedPDUError."""
    version, called, calling = _decode_fixed(body)
    application_context, user = "", _UserInformation()
    contexts: list[ProposedContext] = []
    for kind, value in _items(body[_FIXED.size :]):
        if kind == Item.APPLICATION_CONTEXT:
            application_context = _uid(value)
        elif kind == Item.PRESENTATION_CONTEXT_RQ:
            contexts.append(_decode_proposed(value))
        elif kind == Item.USER_INFORMATION:
            user = _decode_user_information(value)
    if not contexts:
        raise MalformedPDUError("An A-ASSOCIATE-RQ proposes no Presentation Context.")
    _check_context_ids([context.context_id for context in contexts])
    return AssociateRequest(
        called_ae_title=called,
        calling_ae_title=calling,
        contexts=tuple(contexts),
        maximum_length=user.maximum_length,
        application_context=application_context,
        protocol_version=version,
        implementation_class_uid=user.class_uid,
        implementation_version=user.version_name,
    )


def decode_associate_accept(body: bytes) -> AssociateAccept:
    """Return the value of an A-ASSOCIATE-AC whose header is already taken off, or raise MalformedPDUError."""
    _, called, calling = _decode_fixed(body)
    user = _UserInformation()
    answers: list[ContextAnswer] = []
    for kind, value in _items(body[_FIXED.size :]):
        if kind == Item.PRESENTATION_CONTEXT_AC:
            answers.append(_decode_answer(value))
        elif kind == Item.USER_INFORMATION:
            user = _decode_user_information(value)
    _check_context_ids([answer.context_id for answer in answers])
    return AssociateAccept(
        called_ae_title=called,
        calling_ae_title=calling,
        contexts=tuple(answers),
        maximum_length=user.maximum_length,
        implementation_class_uid=user.class_uid,
        implementation_version=user.version_name,
    )


def decode_associate_reject(body: bytes) -> AssociateReject:
    """Return the value of an A-ASSOCIATE-RJ of exactly four bytes."""
    return AssociateReject(result=body[1], source=body[2], reason=body[3])


def decode_abort(body: bytes) -> Abort:
    """Return the value of an A-ABORT of exactly four bytes."""
    return Abort(source=body[2], reason=body[3])


@dataclass(frozen=True, slots=True)
class _UserInformation:
    maximum_length: int = 0
    class_uid: str = ""
    version_name: str = ""


def _pdu(kind: PDUType, body: bytes) -> bytes:
    return HEADER.pack(kind, len(body)) + body


def _item(kind: Item, value: bytes) -> bytes:
    return _ITEM.pack(kind, len(value)) + value


def _fixed(called: str, calling: str) -> bytes:
    titles = (title.encode("latin-1", "replace").ljust(16) for title in (called, calling))
    return _FIXED.pack(_PROTOCOL_VERSION, *titles)


def _variable(application_context: str, contexts: Iterable[bytes], user_information: bytes) -> bytes:
    return _item(Item.APPLICATION_CONTEXT, application_context.encode("ascii")) + b"".join(contexts) + user_information


def _user_information(side: AssociateRequest | AssociateAccept) -> bytes:
    return _item(
        Item.USER_INFORMATION,
        _item(Item.MAXIMUM_LENGTH, side.maximum_length.to_bytes(4, "big"))
        + _item(Item.IMPLEMENTATION_CLASS_UID, side.implementation_class_uid.encode("ascii"))
        + _item(Item.IMPLEMENTATION_VERSION_NAME, side.implementation_version.encode("ascii")),
    )


def _decode_fixed(body: bytes) -> tuple[int, str, str]:
    if len(body) < _FIXED.size:
        raise MalformedPDUError("An A-ASSOCIATE PDU is shorter than its fixed fields.")
    version, called, calling = _FIXED.unpack_from(body)
    return version, called.decode("latin-1"), calling.decode("latin-1")


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each item; an item that reaches beyond its parent is malformed."""
    at = 0
    while at < len(data):
        if len(data) - at < _ITEM.size:
            raise MalformedPDUError("An A-ASSOCIATE item is cut off in its header.")
        kind, length = _ITEM.unpack_from(data, at)
        at += _ITEM.size
        if length > len(data) - at:
            raise MalformedPDUError("An A-ASSOCIATE item is longer than what holds it.")
        yield kind, data[at : at + length]
        at += length


def _uid(value: bytes) -> str:
    """Return a UID as text; scanners pad with NUL or space although PS3.8 Annex F says not to."""
    return value.rstrip(b"\0 ").decode("latin-1")


def _context_header(value: bytes) -> int:
    if len(value) < _ITEM.size:
        raise MalformedPDUError("A Presentation Context is shorter than its fixed fields.")
    return value[0]


def _decode_proposed(value: bytes) -> ProposedContext:
    context_id = _context_header(value)
    abstract = ""
    transfers: list[str] = []
    for kind, item in _items(value[_ITEM.size :]):
        if kind == Item.ABSTRACT_SYNTAX:
            abstract = _uid(item)
        elif kind == Item.TRANSFER_SYNTAX:
            transfers.append(_uid(item))
    return ProposedContext(context_id, abstract, tuple(transfers))


def _decode_answer(value: bytes) -> ContextAnswer:
    context_id = _context_header(value)
    if value[2] > ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED:
        raise MalformedPDUError("A Presentation Context has an unknown result.")
    uids = [_uid(item) for kind, item in _items(value[_ITEM.size :]) if kind == Item.TRANSFER_SYNTAX]
    return ContextAnswer(context_id, ContextResult(value[2]), uids[0] if uids else "")


def _check_context_ids(ids: list[int]) -> None:
    """PS3.8 section 9.3.2.2: odd numbers from 1 to 255, each once, which also bounds their count to 128."""
    if len(ids) > _MOST_CONTEXTS or len(set(ids)) != len(ids) or any(not number % 2 for number in ids):
        raise MalformedPDUError("Presentation Context IDs must be odd and different.")


def _decode_user_information(value: bytes) -> _UserInformation:
    maximum_length, class_uid, version_name = 0, "", ""
    for kind, item in _items(value):
        if kind == Item.MAXIMUM_LENGTH:
            if len(item) != 4:  # PS3.8 Annex D.1
                raise MalformedPDUError("The Maximum Length item is not four bytes long.")
            maximum_length = int.from_bytes(item, "big")
        elif kind == Item.IMPLEMENTATION_CLASS_UID:
            class_uid = _uid(item)
        elif kind == Item.IMPLEMENTATION_VERSION_NAME:
            version_name = item.decode("latin-1").strip()
    return _UserInformation(maximum_length, class_uid, version_name)
