"""One Association on one socket, as acceptor: feeds the Upper Layer, hands messages to services, sends responses.

One thread, one buffer, one send per response. Whatever goes wrong ends this Association and no other.
"""

from __future__ import annotations

import socket
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.dicom import tls
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.admission import Gate, Turned
from smartlink.gateway.dicom.asking import QUIET_SECONDS, Asking
from smartlink.gateway.dicom.negotiation import Agreement, Policy, judge, refusal
from smartlink.gateway.dicom.patience import Patience, Timeouts, Wait
from smartlink.gateway.dicom.service import Answer, Callers, Exchange, Peer, Service
from smartlink.gateway.dicom.states import Role, State
from smartlink.gateway.platform.sockets import quick_acknowledgement, without_delay
from smartlink.gateway.refusals import Refusal
from smartlink.standard.reject import LOCAL_LIMIT_EXCEEDED, AbortSource, words_of
from smartlink.standard.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smartlink.gateway.dicom.pdu import AssociateRequest
    from smartlink.standard.names import AETitle

log = structlog.get_logger(__name__)

BUFFER_SIZE: Final = 512 * 1024
_MOST_LEFTOVER: Final = 16 * 1024 * 1024
TLS_HANDSHAKE: Final = 0x16
"""The first byte of whoever speaks TLS (RFC 8446 section 5.1)."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What every Association of one acceptor has in common."""

    policy: Policy
    services: Mapping[int, Service]
    """By Command Field."""
    callers: Callers
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: ul.Limits = field(default_factory=ul.Limits)
    gate: Gate = field(default_factory=Gate)
    security: tls.ServerSide | None = None
    """None: the port is not secured."""
    clock: Callable[[], float] = time.monotonic


class Association:
    """One Association from accept to close; `serve` in a thread of its own, `hang_up` from any other."""

    def __init__(self, sock: socket.socket, address: str, terms: Terms, *, full: bool = False) -> None:
        """Take an accepted socket; `full` means that there is too little left for one more: it is told so."""
        self._sock = sock
        self._address = address
        self._terms = terms
        self._full = full
        self._patience = Patience(terms.timeouts, terms.clock)
        self.since = terms.clock()
        """When the connection came."""
        self._entered: AETitle | None = None
        self._layer = ul.UpperLayer(Role.ACCEPTOR, terms.limits)
        self._agreement: Agreement | None = None
        self._peer: Peer | None = None
        self._exchange: Exchange | None = None
        self._exchange_context = 0
        self._owes_response = False
        self._asking = Asking(self._layer)
        self._closing = False
        self._buffer = memoryview(b"")

    @property
    def busy(self) -> bool:
        """Whether a message is under way: its response is not sent yet."""
        return self._exchange is not None or self._layer.message_under_way

    @property
    def established(self) -> bool:
        """Whether the peer has an Association: between our acceptance and its end."""
        return self._entered is not None

    @property
    def closing(self) -> bool:
        """Whether it was told to hang up."""
        return self._closing

    def hang_up(self, *, only_if_idle: bool = False) -> None:
        """End the Association soon: after the message under way, or at once."""
        self._closing = True
        if only_if_idle and self.busy:
            return
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def serve(self) -> None:
        """Hold the conversation until either side ends it; returns, and never raises."""
        try:
            self._converse()
        except tls.NotSecured as problem:
            if not self._closing:
                self._refused(str(problem))
        except OSError as problem:
            if self._peer is not None:  # whoever never had one, such as a probe of the port, is no news
                log.info("association_lost", address=self._address, why=type(problem).__name__, **self._who())
        except Exception as problem:  # noqa: BLE001 - the top of a protocol handler: the other Associations go on
            log.error("association_failed", address=self._address, why=type(problem).__name__, at=_place(problem))
        finally:
            self._leave()
            self._drop_exchange()
            self._sock.close()
            self._asking.end()

    def _converse(self) -> None:
        without_delay(self._sock)
        self._secure()
        acknowledge = quick_acknowledgement(self._sock)
        buffer = self._buffer = memoryview(bytearray(BUFFER_SIZE))
        self._layer.transport_opened()
        leftover = 0
        while True:
            try:
                self._set_patience(self._patience.left(self._wait()))
                count = self._sock.recv_into(buffer)
            except TimeoutError:
                if self._ask():
                    continue
                self._give_up()
                return
            if not count:
                self._closed_by_peer()
                return
            acknowledge()
            self._patience.arrived(count)
            self._layer.receive(buffer[:count])
            was_open = self._layer.state is not State.AWAITING_CLOSE
            if not self._handle_events():
                return
            if self._layer.state is State.AWAITING_CLOSE:
                if was_open:
                    self._leave()
                    self._sock.shutdown(socket.SHUT_WR)
                leftover += count
                if leftover > _MOST_LEFTOVER:
                    return

    def _secure(self) -> None:
        security = self._terms.security
        if security is not None:
            self._sock = secured = security.wrap(self._sock)
            if self._closing:  # told while the socket changed hands
                raise ConnectionAbortedError
            security.shake_hands(secured, self._patience.left(Wait.REQUEST))

    def _set_patience(self, seconds: float) -> None:
        """Set the socket's time-out, or raise TimeoutError; a system call, so only when it changes."""
        if seconds <= 0:
            raise TimeoutError
        if self._may_ask():
            seconds = min(seconds, QUIET_SECONDS)
        if self._sock.gettimeout() != seconds:
            self._sock.settimeout(seconds)

    def _may_ask(self) -> bool:
        """Whether there is something to ask of the peer, and the Association is open and idle."""
        return self._asking.is_due and not self.busy and self._layer.state is State.ESTABLISHED

    def _ask(self) -> bool:
        """Ask the peer what is due while it is quiet; return whether anything was."""
        if not self._may_ask():
            return False
        self._sock.sendall(self._asking.next())
        return True

    def _wait(self) -> Wait:
        """Return what the peer is waited for. Under ARTIM the whole wait counts, not each piece of it."""
        if self._layer.artim_running:
            return Wait.REQUEST if self._layer.state is State.AWAITING_REQUEST else Wait.CLOSE
        return Wait.REST if self.busy else Wait.MESSAGE

    def _handle_events(self) -> bool:
        """Handle what was received; return whether the conversation goes on."""
        while (event := self._layer.next_event()) is not None:
            match event:
                case ul.DataFragment():
                    self._take_fragment(event)
                case ul.CommandReceived():
                    self._take_command(event)
                case ul.AssociationRequested():
                    self._take_request(event)
                case ul.ReleaseRequested():
                    self._drop_exchange()
                    self._sock.sendall(self._layer.respond_release())
                case ul.Faulted():
                    self._drop_exchange()
                    self._tell_fault(event)
                    self._sock.sendall(event.reply)
                case ul.Aborted():
                    log.info("association_aborted", source=event.source, reason=event.reason, **self._who())
                    return False
                case _:
                    return False
        return not (self._closing and self._layer.state is State.AWAITING_CLOSE)

    def _take_request(self, event: ul.AssociationRequested) -> None:
        request = event.request
        outcome = self._judge(request)
        if not isinstance(outcome, Agreement):
            numbers = "/".join(str(int(number)) for number in outcome.rejection)
            self._refused(f"{outcome.why} ({numbers})", request)
            self._sock.sendall(self._layer.reject(outcome.rejection))
            return
        self._agreement = outcome
        self._peer = Peer(
            outcome.calling_ae_title, outcome.called_ae_title, self._address, self._local_address(), self._asking.owe
        )
        if outcome.refused_syntaxes:
            self._terms.callers.syntaxes_refused(outcome.calling_ae_title, self._address, outcome.refused_syntaxes)
        self._sock.sendall(self._layer.accept(outcome.accept))

    def _judge(self, request: AssociateRequest) -> Agreement | Turned:
        """Return the terms of an Association that is now counted in, or why there is none."""
        outcome = judge(request, self._terms.policy)
        if not isinstance(outcome, Agreement):
            return Turned(outcome, words_of(outcome.source, outcome.reason))
        if self._full:
            return Turned(LOCAL_LIMIT_EXCEEDED, "too little memory, or too few files, are left")
        turned = self._terms.gate.enter(outcome.calling_ae_title, self._address)
        self._entered = outcome.calling_ae_title if turned is None else None
        return turned or outcome

    def _refused(self, why: str, request: AssociateRequest | None = None) -> None:
        calling, called = ("", "") if request is None else (request.calling_ae_title, request.called_ae_title)
        self._terms.callers.refused(Refusal(self._address, why, calling.strip(" \0"), called.strip(" \0")))

    def _tell_fault(self, fault: ul.Faulted) -> None:
        """A stranger is counted with those that are turned away; a peer's mistake is logged each time."""
        if self._peer is not None:
            log.error("association_faulted", address=self._address, why=fault.why, **self._who())
        elif self._buffer[0] == TLS_HANDSHAKE:
            self._refused("the caller speaks TLS, and this port does not")
        else:
            self._refused(f"what the caller says is not DICOM: {fault.why}")

    def _leave(self) -> None:
        """The Association is over, whatever becomes of the connection."""
        entered, self._entered = self._entered, None
        if entered is not None:
            self._terms.gate.leave(entered, self._address)

    def _take_command(self, event: ul.CommandReceived) -> None:
        assert self._peer is not None  # noqa: S101 - the Upper Layer lets no message through before the acceptance
        assert self._agreement is not None  # noqa: S101 - likewise
        command = event.command
        context = self._agreement.contexts[event.context_id]
        service = self._terms.services.get(command.field)
        status = refusal(command, context, self._terms.policy)
        self._exchange_context = event.context_id
        self._owes_response = command.wants_response
        if not command.is_request:
            self._asking.answered(command)
            self._exchange = Answer(command)
        elif service is None or status is not None:
            self._exchange = Answer(command.response(status or Status.UNRECOGNIZED_OPERATION))
        else:
            self._exchange = service.begin(self._peer, context, command)
        if not command.has_data_set:
            self._respond()

    def _take_fragment(self, event: ul.DataFragment) -> None:
        assert self._exchange is not None  # noqa: S101 - the Upper Layer lets no Data Set through without a command
        self._exchange.write(event.data)
        if event.last:
            self._respond()

    def _respond(self) -> None:
        """Send the response in one piece; what is no request gets none. Until it is sent we count as busy."""
        assert self._exchange is not None  # noqa: S101 - set by both callers
        response = self._exchange.finish()
        if self._owes_response:
            self._sock.sendall(self._layer.send_command(self._exchange_context, response))
        self._exchange = None
        self._patience.begin()
        if self._closing:
            self._sock.sendall(self._layer.abort(AbortSource.SERVICE_USER))

    def _give_up(self) -> None:
        """The peer was silent for too long."""
        if self._layer.artim_running:
            self._layer.artim_expired()
        else:
            log.info("association_timed_out", **self._who())
            self._sock.sendall(self._layer.abort(AbortSource.SERVICE_USER))

    def _closed_by_peer(self) -> None:
        if not self._layer.transport_closed().expected:
            log.info("association_closed_midway", **self._who())

    def _drop_exchange(self) -> None:
        if self._exchange is not None:
            self._exchange.abandon()
            self._exchange = None

    def _who(self) -> dict[str, str]:
        return {} if self._peer is None else {"calling_ae_title": self._peer.calling_ae_title}

    def _local_address(self) -> str:
        host, port = self._sock.getsockname()[:2]
        return f"{host}:{port}"


def _place(problem: BaseException) -> str:
    """Return where in the code it happened: a message could hold what a peer sent."""
    frame = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{frame.name}:{frame.lineno}"
