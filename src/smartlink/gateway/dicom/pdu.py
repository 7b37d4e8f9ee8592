"""The PDUs of the DICOM Upper Layer as values (PS3.8 section 9.3): bytes to value and value to bytes, no state.

Everything but P-DATA-TF is small, rare and decoded whole, behind a limit that the caller has checked already.
P-DATA-TF is the hot one and is walked in place by `upper_layer`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from smartlink.gateway.dicom import user_information
from smartlink.gateway.dicom.items import Item, MalformedPDUError, item, items, uid
from smartlink.gateway.dicom.user_information import (
    CommonExtendedNegotiation,
    ExtendedNegotiation,
    OperationsWindow,
    RoleSelection,
    UserIdentity,
    UserInformation,
)
from smartlink.standard.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from smartlink.standard.sop_class import APPLICATION_CONTEXT

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER: Final = struct.Struct(">BxI")
"""Type and length of a PDU (PS3.8 section 9.3.1)."""
PDV_HEADER: Final = struct.Struct(">IBB")
"""Length, Presentation Context ID and message control header of a PDV (PS3.8 section 9.3.5.1 and Annex E.2)."""

_FIXED: Final = struct.Struct(">H2x16s16s32x")
_PROTOCOL_VERSION: Final = 1
_CONTEXT_FIELDS: Final = 4
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


class ContextResult(IntEnum):
    """Result of one proposed Presentation Context (PS3.8 table 9-18)."""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


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
    window: OperationsWindow | None = None
    roles: tuple[RoleSelection, ...] = ()
    extended: tuple[ExtendedNegotiation, ...] = ()
    common_extended: tuple[CommonExtendedNegotiation, ...] = ()
    """Read, never sent."""
    user_identity: UserIdentity | None = None
    """Read, never sent."""


@dataclass(frozen=True, slots=True)
class AssociateAccept:
    """A-ASSOCIATE-AC (PS3.8 section 9.3.3)."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[ContextAnswer, ...]
    maximum_length: int
    implementation_class_uid: str = IMPLEMENTATION_CLASS_UID
    implementation_version: str = IMPLEMENTATION_VERSION_NAME
    window: OperationsWindow | None = None
    roles: tuple[RoleSelection, ...] = ()
    extended: tuple[ExtendedNegotiation, ...] = ()


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
        item(
            Item.PRESENTATION_CONTEXT_RQ,
            bytes((context.context_id, 0, 0, 0))
            + item(Item.ABSTRACT_SYNTAX, context.abstract_syntax.encode("ascii"))
            + b"".join(item(Item.TRANSFER_SYNTAX, name.encode("ascii")) for name in context.transfer_syntaxes),
        )
        for context in request.contexts
    )
    body = _fixed(request.called_ae_title, request.calling_ae_title) + _variable(
        request.application_context, contexts, _user(request)
    )
    return _pdu(PDUType.A_ASSOCIATE_RQ, body)


def encode_associate_accept(accept: AssociateAccept) -> bytes:
    """Return the A-ASSOCIATE-AC PDU; the AE titles are those of the request, returned unchanged."""
    contexts = (
        item(
            Item.PRESENTATION_CONTEXT_AC,
            bytes((answer.context_id, 0, answer.result, 0))
            + item(Item.TRANSFER_SYNTAX, answer.transfer_syntax.encode("ascii")),
        )
        for answer in accept.contexts
    )
    body = _fixed(accept.called_ae_title, accept.calling_ae_title) + _variable(
        APPLICATION_CONTEXT, contexts, _user(accept)
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
    application_context, user = "", UserInformation()
    contexts: list[ProposedContext] = []
    for kind, value in items(body[_FIXED.size :]):
        if kind == Item.APPLICATION_CONTEXT:
            application_context = uid(value)
        elif kind == Item.PRESENTATION_CONTEXT_RQ:
            if len(contexts) == _MOST_CONTEXTS:
                raise MalformedPDUError("An A-ASSOCIATE-RQ proposes more than 128 Presentation Contexts.")
            contexts.append(_decode_proposed(value))
        elif kind == Item.USER_INFORMATION:
            user = user_information.decode(value)
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
        window=user.window,
        roles=user.roles,
        extended=user.extended,
        common_extended=user.common_extended,
        user_identity=user.user_identity,
    )


def decode_associate_accept(body: bytes) -> AssociateAccept:
    """Return the value of an A-ASSOCIATE-AC whose header is already taken off, or raise MalformedPDUError."""
    _, called, calling = _decode_fixed(body)
    user = UserInformation()
    answers: list[ContextAnswer] = []
    for kind, value in items(body[_FIXED.size :]):
        if kind == Item.PRESENTATION_CONTEXT_AC:
            answers.append(_decode_answer(value))
        elif kind == Item.USER_INFORMATION:
            user = user_information.decode(value)
    _check_context_ids([answer.context_id for answer in answers])
    return AssociateAccept(
        called_ae_title=called,
        calling_ae_title=calling,
        contexts=tuple(answers),
        maximum_length=user.maximum_length,
        implementation_class_uid=user.class_uid,
        implementation_version=user.version_name,
        window=user.window,
        roles=user.roles,
        extended=user.extended,
    )


def decode_associate_reject(body: bytes) -> AssociateReject:
    """Return the value of an A-ASSOCIATE-RJ of exactly four bytes."""
    return AssociateReject(result=body[1], source=body[2], reason=body[3])


def decode_abort(body: bytes) -> Abort:
    """Return the value of an A-ABORT of exactly four bytes."""
    return Abort(source=body[2], reason=body[3])


def _pdu(kind: PDUType, body: bytes) -> bytes:
    return HEADER.pack(kind, len(body)) + body


def _fixed(called: str, calling: str) -> bytes:
    titles = (title.encode("latin-1", "replace").ljust(16) for title in (called, calling))
    return _FIXED.pack(_PROTOCOL_VERSION, *titles)


def _variable(application_context: str, contexts: Iterable[bytes], user: bytes) -> bytes:
    return item(Item.APPLICATION_CONTEXT, application_context.encode("ascii")) + b"".join(contexts) + user


def _user(side: AssociateRequest | AssociateAccept) -> bytes:
    return user_information.encode(
        UserInformation(
            maximum_length=side.maximum_length,
            class_uid=side.implementation_class_uid,
            version_name=side.implementation_version,
            window=side.window,
            roles=side.roles,
            extended=side.extended,
        )
    )


def _decode_fixed(body: bytes) -> tuple[int, str, str]:
    if len(body) < _FIXED.size:
        raise MalformedPDUError("An A-ASSOCIATE PDU is shorter than its fixed fields.")
    version, called, calling = _FIXED.unpack_from(body)
    return version, called.decode("latin-1"), calling.decode("latin-1")


def _context_header(value: bytes) -> int:
    if len(value) < _CONTEXT_FIELDS:
        raise MalformedPDUError("A Presentation Context is shorter than its fixed fields.")
    return value[0]


def _decode_proposed(value: bytes) -> ProposedContext:
    context_id = _context_header(value)
    abstract = ""
    transfers: list[str] = []
    for kind, name in items(value[_CONTEXT_FIELDS:]):
        if kind == Item.ABSTRACT_SYNTAX:
            abstract = uid(name)
        elif kind == Item.TRANSFER_SYNTAX:
            transfers.append(uid(name))
    return ProposedContext(context_id, abstract, tuple(transfers))


def _decode_answer(value: bytes) -> ContextAnswer:
    context_id = _context_header(value)
    if value[2] > ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED:
        raise MalformedPDUError("A Presentation Context has an unknown result.")
    uids = [uid(name) for kind, name in items(value[_CONTEXT_FIELDS:]) if kind == Item.TRANSFER_SYNTAX]
    return ContextAnswer(context_id, ContextResult(value[2]), uids[0] if uids else "")


def _check_context_ids(ids: list[int]) -> None:
    """PS3.8 section 9.3.2.2: odd numbers from 1 to 255, each once, which also bounds their count to 128."""
    if len(ids) > _MOST_CONTEXTS or len(set(ids)) != len(ids) or any(not number % 2 for number in ids):
        raise MalformedPDUError("Presentation Context IDs must be odd and different.")
