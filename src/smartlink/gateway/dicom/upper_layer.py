"""The DICOM Upper Layer without sockets, threads or clock (PS3.8 chapter 9), in the manner of h11.

Bytes in, events out, and bytes to send:

    layer = UpperLayer(Role.ACCEPTOR)
    layer.transport_opened()
    layer.receive(buffer[:count])
    while (event := layer.next_event()) is not None: ...

A Data Set is never copied and never collected: each `DataFragment` is a view into what `receive` was given and
is good until the next `receive`. Only what is small is kept between two calls: a cut header, a Command Set, an
A-ASSOCIATE; each behind a limit that is checked before its memory is taken. Whatever a peer sends that it must
not becomes one `Faulted` event, which carries the A-ABORT to send; nothing a peer sends raises an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from smartlink.gateway.dicom import command as dimse
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom.items import MalformedPDUError
from smartlink.gateway.dicom.pdu import HEADER, PDV_HEADER, ContextResult, PDUType
from smartlink.gateway.dicom.states import Action, Evt, IllegalMove, Role, State, step
from smartlink.standard.reject import PROTOCOL_VERSION_NOT_SUPPORTED, AbortReason, AbortSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from smartlink.standard.reject import Rejection

KIB: Final = 1024
_FOUR: Final = 4
_PDV_OVERHEAD: Final = 2
_IS_COMMAND: Final = 1
_IS_LAST: Final = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """What we take from a peer before anything is believed, in bytes."""

    associate: int = 512 * KIB
    """Longest A-ASSOCIATE; 128 contexts with every Transfer Syntax there is need 260 KiB."""
    p_data: int = 1024 * KIB
    """Longest P-DATA-TF taken, above what we advertise: some peers do not read it, and no memory hangs on it."""
    command: int = 64 * KIB
    """Longest Command Set."""


@dataclass(frozen=True, slots=True)
class AssociationRequested:
    """The peer asks for an Association: answer with `accept` or `reject`."""

    request: pdu.AssociateRequest


@dataclass(frozen=True, slots=True)
class AssociationAccepted:
    """The peer accepts our Association."""

    accept: pdu.AssociateAccept


@dataclass(frozen=True, slots=True)
class AssociationRejected:
    """The peer rejects our Association; the transport may be closed."""

    reject: pdu.AssociateReject


@dataclass(frozen=True, slots=True)
class CommandReceived:
    """One whole Command Set arrived; fragments of its Data Set follow if it has one."""

    context_id: int
    command: dimse.Command


@dataclass(frozen=True, slots=True)
class DataFragment:
    """The next bytes of the Data Set; `data` is good until the next `receive`, and may be empty."""

    context_id: int
    data: memoryview
    last: bool


@dataclass(frozen=True, slots=True)
class ReleaseRequested:
    """The peer has no more to ask: answer with `respond_release`."""


@dataclass(frozen=True, slots=True)
class Released:
    """The peer confirmed our release; the transport may be closed."""


@dataclass(frozen=True, slots=True)
class Aborted:
    """The peer ended the Association without an answer to what was under way, with the numbers it gave."""

    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class TransportClosed:
    """The transport closed; `expected` when nothing was under way any more."""

    expected: bool


@dataclass(frozen=True, slots=True)
class Faulted:
    """The peer broke the protocol: send `reply`, then close. `why` names the rule, never a value."""

    why: str
    reply: bytes


Event = (
    AssociationRequested
    | AssociationAccepted
    | AssociationRejected
    | CommandReceived
    | DataFragment
    | ReleaseRequested
    | Released
    | Aborted
    | TransportClosed
    | Faulted
)


class _Turn(Enum):
    """What a step of the parser found instead of an event."""

    AGAIN = "go on with the next step"
    NEED_DATA = "nothing more in what was received"


class _FaultError(Exception):
    """The peer broke a rule; never leaves this module."""

    def __init__(self, why: str, reason: AbortReason = AbortReason.INVALID_PDU_PARAMETER) -> None:
        super().__init__(why)
        self.why = why
        self.reason = reason


_EVENT_OF_PDU: Final = {
    PDUType.A_ASSOCIATE_RQ: Evt.ASSOCIATE_RQ_PDU,
    PDUType.A_ASSOCIATE_AC: Evt.ASSOCIATE_AC_PDU,
    PDUType.A_ASSOCIATE_RJ: Evt.ASSOCIATE_RJ_PDU,
    PDUType.A_RELEASE_RQ: Evt.RELEASE_RQ_PDU,
    PDUType.A_RELEASE_RP: Evt.RELEASE_RP_PDU,
    PDUType.A_ABORT: Evt.ABORT_PDU,
}


class UpperLayer:
    """One Association's Upper Layer, either side; see the module for how to drive it."""

    def __init__(self, role: Role, limits: Limits | None = None) -> None:
        """Start in Sta1; nothing happens until the transport is there."""
        self.role = role
        self.state = State.IDLE
        self._limits = limits or Limits()
        self._view = memoryview(b"")
        self._at = 0
        self._partial = bytearray()
        self._phase: Callable[[], Event | _Turn] = self._pdu_header
        self._kind = PDUType.A_ABORT
        self._body_size = 0
        self._pdu_left = 0
        self._pdv_left = 0
        self._pdv_context = 0
        self._pdv_control = 0
        self._command = bytearray()
        self._command_context = 0
        self._data_context = 0
        self._contexts: frozenset[int] = frozenset()
        self._request: pdu.AssociateRequest | None = None
        self._peer_maximum = 0
        self._introduced = role is Role.REQUESTOR

    # What the driver asks of it

    @property
    def artim_running(self) -> bool:
        """Whether the ARTIM timer runs (PS3.8 section 9.1.5): in Sta2 and Sta13. The driver holds the clock."""
        return self.state in (State.AWAITING_REQUEST, State.AWAITING_CLOSE)

    @property
    def message_under_way(self) -> bool:
        """Whether part of a message arrived and its last fragment did not."""
        return bool(self._data_context or self._command)

    @property
    def largest_fragment(self) -> int:
        """The most bytes of a message that one P-DATA-TF to this peer may carry: an even number (PS3.8 Annex E.1).

        A peer that takes less than two bytes gets two: with less nothing could be said at all.
        """
        longest = self._peer_maximum or self._limits.p_data
        return max((longest - PDV_HEADER.size) & ~1, 2)

    def transport_opened(self) -> bytes:
        """The connection stands. Return what to send: nothing as acceptor, the A-ASSOCIATE-RQ as requestor."""
        if self.role is Role.ACCEPTOR:
            self._move(Evt.TRANSPORT_INDICATED)
            return b""
        self._move(Evt.TRANSPORT_CONFIRMED)
        assert self._request is not None  # noqa: S101 - Sta4 is only reached through `request`
        return pdu.encode_associate_request(self._request)

    def request(self, request: pdu.AssociateRequest) -> None:
        """Ask for an Association (requestor): open the transport next."""
        self._move(Evt.ASSOCIATE_REQUEST)
        self._request = request

    def accept(self, accept: pdu.AssociateAccept) -> bytes:
        """Return the A-ASSOCIATE-AC; from now on the accepted contexts may carry messages."""
        self._move(Evt.ASSOCIATE_ACCEPTED)
        self._contexts = _accepted(accept)
        return pdu.encode_associate_accept(accept)

    def reject(self, rejection: Rejection) -> bytes:
        """Return the A-ASSOCIATE-RJ; the transport is to be closed after it."""
        self._move(Evt.ASSOCIATE_REJECTED)
        return pdu.encode_associate_reject(pdu.AssociateReject(*rejection))

    def send_command(self, context_id: int, command: dimse.Command) -> bytes:
        """Return one Command Set framed for this peer, as one piece to be sent at once."""
        self._move(Evt.P_DATA_REQUEST)
        data = dimse.encode(command)
        size = self.largest_fragment
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        control = [_IS_COMMAND] * (len(pieces) - 1) + [_IS_COMMAND | _IS_LAST]
        return b"".join(
            _p_data_header(context_id, bits, len(piece)) + piece for piece, bits in zip(pieces, control, strict=True)
        )

    def data_header(self, context_id: int, size: int, *, last: bool) -> bytes:
        """Return the twelve bytes that go before `size` bytes of Data Set, at most `largest_fragment`."""
        self._move(Evt.P_DATA_REQUEST)
        return _p_data_header(context_id, _IS_LAST if last else 0, size)

    def release(self) -> bytes:
        """Return the A-RELEASE-RQ."""
        self._move(Evt.RELEASE_REQUEST)
        return pdu.RELEASE_RQ

    def respond_release(self) -> bytes:
        """Return the A-RELEASE-RP; as acceptor the transport is to be closed by the peer, or by ARTIM."""
        self._move(Evt.RELEASE_RESPONSE)
        return pdu.RELEASE_RP

    def abort(self, source: AbortSource, reason: AbortReason = AbortReason.NOT_SPECIFIED) -> bytes:
        """Return the A-ABORT, or nothing where no Association is begun; close the transport after it."""
        if self.state in (State.IDLE, State.AWAITING_REQUEST, State.AWAITING_CLOSE):
            return b""
        action = self._move(Evt.ABORT_REQUEST)
        return b"" if action is Action.AA_2 else pdu.encode_abort(pdu.Abort(source, reason))

    def artim_expired(self) -> None:
        """The ARTIM timer ran out: close the transport."""
        self._move(Evt.ARTIM_EXPIRED)
        self._phase = self._deaf

    def transport_closed(self) -> TransportClosed:
        """The peer closed, or the network did: say whether that was to be expected."""
        if self.state is State.IDLE:
            return TransportClosed(expected=True)
        action = self._move(Evt.TRANSPORT_CLOSED)
        return TransportClosed(expected=action in (Action.AR_5, Action.AA_5))

    def receive(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes of the peer. Every event of the bytes before must have been fetched."""
        if self._at != len(self._view):
            raise IllegalMove("receive() before next_event() returned None")
        self._view = memoryview(data)
        self._at = 0

    def next_event(self) -> Event | None:
        """Return the next event, or None when more bytes are needed."""
        try:
            while (event := self._phase()) is _Turn.AGAIN:
                pass
        except _FaultError as fault:
            return self._fault(fault)
        return None if event is _Turn.NEED_DATA else event

    # The parser: each phase returns an event, or says whether to go on

    def _pdu_header(self) -> Event | _Turn:
        head = self._gather(HEADER.size)
        if head is None:
            return _Turn.NEED_DATA
        number, length = HEADER.unpack(head)
        if number == PDUType.P_DATA_TF:
            return self._begin_p_data(length)
        if number not in _EVENT_OF_PDU:
            raise _FaultError("unknown PDU type", AbortReason.UNRECOGNIZED_PDU)
        self._kind = PDUType(number)
        associate = self._kind in (PDUType.A_ASSOCIATE_RQ, PDUType.A_ASSOCIATE_AC)
        if length > self._limits.associate if associate else length != _FOUR:
            raise _FaultError("length of a PDU out of bounds")
        self._body_size = length
        self._phase = self._pdu_body
        return _Turn.AGAIN

    def _pdu_body(self) -> Event | _Turn:
        body = self._gather(self._body_size)
        if body is None:
            return _Turn.NEED_DATA
        self._phase = self._pdu_header
        try:
            return self._take_pdu(self._kind, bytes(body))
        except MalformedPDUError as malformed:
            raise _FaultError(str(malformed)) from malformed

    def _begin_p_data(self, length: int) -> Event | _Turn:
        action = self._move(Evt.P_DATA_TF_PDU)
        if action in (Action.AA_1, Action.AA_8):
            raise _FaultError("P-DATA-TF outside an Association", AbortReason.UNEXPECTED_PDU)
        if not PDV_HEADER.size <= length <= self._limits.p_data:
            raise _FaultError("length of a P-DATA-TF out of bounds")
        self._pdu_left = length
        self._phase = self._skip if action is Action.AA_6 else self._pdv_header
        return _Turn.AGAIN

    def _skip(self) -> Event | _Turn:
        """Pass over a P-DATA-TF that came after the end (AA-6)."""
        size = min(self._pdu_left, len(self._view) - self._at)
        self._at += size
        self._pdu_left -= size
        if self._pdu_left:
            return _Turn.NEED_DATA
        self._phase = self._pdu_header
        return _Turn.AGAIN

    def _pdv_header(self) -> Event | _Turn:
        if not self._pdu_left:
            self._phase = self._pdu_header
            return _Turn.AGAIN
        if self._pdu_left < PDV_HEADER.size:
            raise _FaultError("a PDV is cut off in its header")
        head = self._gather(PDV_HEADER.size)
        if head is None:
            return _Turn.NEED_DATA
        length, self._pdv_context, self._pdv_control = PDV_HEADER.unpack(head)
        self._pdu_left -= PDV_HEADER.size
        if not _PDV_OVERHEAD <= length <= self._pdu_left + _PDV_OVERHEAD:
            raise _FaultError("length of a PDV out of bounds")
        self._pdv_left = length - _PDV_OVERHEAD
        self._pdu_left -= self._pdv_left
        self._check_turn()
        self._phase = self._command_fragment if self._pdv_control & _IS_COMMAND else self._data_fragment
        return _Turn.AGAIN

    def _check_turn(self) -> None:
        """PS3.7 section 6.3.1, PS3.8 Annex E: a Command Set, then its Data Set, in one accepted context."""
        if self._pdv_context not in self._contexts:
            raise _FaultError("a PDV names a Presentation Context that was not accepted")
        if self._pdv_control & _IS_COMMAND:
            if self._data_context:
                raise _FaultError("a Command Set begins before the Data Set ended")
            if self._command and self._pdv_context != self._command_context:
                raise _FaultError("a Command Set changes its Presentation Context")
        elif self._pdv_context != self._data_context:
            raise _FaultError("a Data Set without its Command Set")

    def _command_fragment(self) -> Event | _Turn:
        if len(self._command) + self._pdv_left > self._limits.command:
            raise _FaultError("a Command Set is too long")
        view = self._next_of_pdv()
        if view is None:
            return _Turn.NEED_DATA
        self._command += view
        if self._pdv_left:
            return _Turn.NEED_DATA
        self._phase = self._pdv_header
        self._command_context = self._pdv_context
        return self._take_command() if self._pdv_control & _IS_LAST else _Turn.AGAIN

    def _take_command(self) -> Event:
        try:
            command = dimse.decode(self._command)
        except dimse.MalformedCommandError as malformed:
            raise _FaultError(str(malformed)) from malformed
        self._command = bytearray()
        self._data_context = self._pdv_context if command.has_data_set else 0
        return CommandReceived(self._pdv_context, command)

    def _data_fragment(self) -> Event | _Turn:
        view = self._next_of_pdv()
        if view is None:
            return _Turn.NEED_DATA
        last = not self._pdv_left and bool(self._pdv_control & _IS_LAST)
        if not self._pdv_left:
            self._phase = self._pdv_header
        if last:
            self._data_context = 0
        return DataFragment(self._pdv_context, view, last)

    def _next_of_pdv(self) -> memoryview | None:
        """Return what there is of the PDV under way without copying it, or None when nothing more was received."""
        size = min(self._pdv_left, len(self._view) - self._at)
        if not size and self._pdv_left:
            return None
        view = self._view[self._at : self._at + size]
        self._at += size
        self._pdv_left -= size
        return view

    def _gather(self, size: int) -> memoryview | bytearray | None:
        """Return the next `size` bytes, joined only if they came in pieces, or None until they are all there."""
        available = len(self._view) - self._at
        missing = size - len(self._partial)
        start = self._at
        self._at += min(available, missing)
        if not self._partial and available >= size:
            return self._view[start : self._at]
        self._partial += self._view[start : self._at]
        if available < missing:
            return None
        whole, self._partial = self._partial, bytearray()
        return whole

    # What whole PDUs mean

    def _take_pdu(self, kind: PDUType, body: bytes) -> Event | _Turn:
        action = self._move(_EVENT_OF_PDU[kind])
        if action in (Action.AA_1, Action.AA_8, Action.AA_7):
            raise _FaultError("a PDU that is not expected now", AbortReason.UNEXPECTED_PDU)
        match action:
            case Action.AE_3:
                event: Event | _Turn = self._take_accept(pdu.decode_associate_accept(body))
            case Action.AE_4:
                event = AssociationRejected(pdu.decode_associate_reject(body))
            case Action.AE_6:
                event = self._take_request(pdu.decode_associate_request(body))
            case Action.AR_2 | Action.AR_8:
                event = ReleaseRequested()
            case Action.AR_3:
                event = Released()
            case Action.AA_2 | Action.AA_3:
                abort = pdu.decode_abort(body)
                event = Aborted(abort.source, abort.reason)
            case _:
                event = _Turn.AGAIN
        if self.state is State.IDLE:
            self._phase = self._deaf
        return event

    def _take_request(self, request: pdu.AssociateRequest) -> Event:
        self._peer_maximum, self._introduced = request.maximum_length, True
        if not request.protocol_version & 1:
            self._phase = self._deaf
            return Faulted("protocol version not supported", self.reject(PROTOCOL_VERSION_NOT_SUPPORTED))
        return AssociationRequested(request)

    def _take_accept(self, accept: pdu.AssociateAccept) -> Event:
        self._peer_maximum = accept.maximum_length
        self._contexts = _accepted(accept)
        return AssociationAccepted(accept)

    def _move(self, event: Evt) -> Action:
        action, self.state = step(self.state, event, self.role)
        return action

    def _fault(self, fault: _FaultError) -> Faulted:
        """Stop listening: after a broken rule nobody knows where the next PDU begins."""
        self.state = State.AWAITING_CLOSE
        self._phase = self._deaf
        self._command = bytearray()
        self._partial = bytearray()
        self._data_context = 0
        abort = pdu.Abort(AbortSource.SERVICE_PROVIDER, fault.reason)  # AA-8; before there is a request AA-1
        return Faulted(fault.why, pdu.encode_abort(abort if self._introduced else pdu.Abort(0, 0)))

    def _deaf(self) -> Event | _Turn:
        """Nothing that comes after the end is read."""
        self._at = len(self._view)
        return _Turn.NEED_DATA


def _accepted(accept: pdu.AssociateAccept) -> frozenset[int]:
    return frozenset(answer.context_id for answer in accept.contexts if answer.result is ContextResult.ACCEPTANCE)


def _p_data_header(context_id: int, control: int, size: int) -> bytes:
    return HEADER.pack(PDUType.P_DATA_TF, size + PDV_HEADER.size) + PDV_HEADER.pack(
        size + _PDV_OVERHEAD, context_id, control
    )
