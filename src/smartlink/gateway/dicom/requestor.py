"""One Association as requestor, on our own Upper Layer: bounded waits, and failures that name the broken layer.

The services stand on it: `storage_scu`, `verification_scu`. One thread, one socket; nothing is whole in memory.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from smartlink.gateway.calling import AssociationFailed, Layer
from smartlink.gateway.dicom import pdu, tls, tls_words
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.states import Role, State
from smartlink.gateway.platform.sockets import quick_acknowledgement, without_delay
from smartlink.link.sentences import Sentence
from smartlink.standard.reject import (
    CALLED_AE_TITLE_NOT_RECOGNIZED,
    AbortSource,
    Result,
    abort_words_of,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from smartlink.gateway.calling import Peer, SendLimits
    from smartlink.gateway.dicom.command import Command
    from smartlink.gateway.dicom.user_information import RoleSelection

MOST_CONTEXTS: Final = 128
"""Presentation Context IDs are the odd numbers of one byte (PS3.8 section 9.3.2.2)."""
_RECEIVE_PDU: Final = 16 * 1024
_TLS_ALERT: Final = b"\x15\x03"
"""How a peer begins that wants TLS and hears none (RFC 8446 section 5.1)."""
_SLICE_SECONDS: Final = 0.25
"""How long a wait lasts before it is asked whether to stop."""


class Stopped(Exception):
    """The program was told to stop in the middle of a conversation; the Association is aborted."""


def never() -> bool:
    """Go on to the end."""
    return False


@dataclass(frozen=True, slots=True)
class Proposal:
    """One Presentation Context that we propose: one Abstract Syntax in one Transfer Syntax."""

    abstract_syntax: str
    transfer_syntax: str


class Call:
    """One Association as requestor. Use as a context manager: what is still open at its end is aborted."""

    def __init__(
        self,
        peer: Peer,
        limits: SendLimits,
        stop: Callable[[], bool] = never,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect. Raises AssociationFailed with the layer at which it failed."""
        self.peer = peer
        self._limits = limits
        self._stop = stop
        self._clock = clock
        self._stop_by: float | None = None
        self._answered = False
        self._layer = ul.UpperLayer(Role.REQUESTOR)
        self._incoming = memoryview(bytearray(_RECEIVE_PDU))
        self._sock = connect(peer, limits.connect_seconds)
        if peer.tls is not None:
            self._sock = tls.secure(peer, peer.tls, self._sock, limits.connect_seconds)
        without_delay(self._sock)
        self._acknowledge = quick_acknowledgement(self._sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    @property
    def upper_layer(self) -> ul.UpperLayer:
        """The Upper Layer, for whoever frames a Data Set himself."""
        return self._layer

    @property
    def secured_by(self) -> str:
        """By what the connection is secured, for a person; nothing when it is not."""
        return tls.words_of(self._sock)

    def associate(self, proposals: Sequence[Proposal], roles: tuple[RoleSelection, ...] = ()) -> dict[Proposal, int]:
        """Ask for an Association with at most 128 contexts; return those that were accepted, with their IDs."""
        numbered = {2 * number + 1: proposal for number, proposal in enumerate(proposals)}
        self._layer.request(
            pdu.AssociateRequest(
                called_ae_title=self.peer.called_ae_title,
                calling_ae_title=self.peer.calling_ae_title,
                contexts=tuple(
                    pdu.ProposedContext(number, proposal.abstract_syntax, (proposal.transfer_syntax,))
                    for number, proposal in numbered.items()
                ),
                maximum_length=_RECEIVE_PDU,
                roles=roles,
            )
        )
        self.send(self._layer.transport_opened())
        event = self.receive(self._limits.associate_seconds, "the request for an association")
        self._answered = not isinstance(event, ul.TransportClosed)
        if not isinstance(event, ul.AssociationAccepted):
            raise self.failure(event)
        return {
            numbered[answer.context_id]: answer.context_id
            for answer in event.accept.contexts
            if answer.result is pdu.ContextResult.ACCEPTANCE
            and answer.context_id in numbered
            # Some peers leave out the only Transfer Syntax that was proposed; none may choose another.
            and answer.transfer_syntax in {"", numbered[answer.context_id].transfer_syntax}
        }

    def ask(self, context_id: int, command: Command) -> Command:
        """Send a message without Data Set and return the response to it."""
        self.send(self._layer.send_command(context_id, command))
        return self.response(command)

    def response(self, request: Command) -> Command:
        """Return the response to a request whose last byte was sent."""
        event = self.receive(self._limits.response_seconds, "a message")
        if not isinstance(event, ul.CommandReceived):
            raise self.failure(event)
        answer = event.command
        if answer.field != request.response(0).field or answer.message_id_responded_to != request.message_id:
            raise self._broken("a response that belongs to no request")
        return answer

    def release(self) -> None:
        """End the Association in order. What was answered is answered, so a peer that is rude now does no harm."""
        try:
            self.send(self._layer.release())
            while not isinstance(self.receive(self._limits.associate_seconds, "the release"), ul.Released):
                if self._layer.state is State.COLLISION_REQUESTOR_LOCAL:
                    self.send(self._layer.respond_release())
                if self._layer.state in (State.IDLE, State.AWAITING_CLOSE):
                    return
        except AssociationFailed:
            return

    def send(self, data: bytes | memoryview, by: float | None = None) -> None:
        """Send all of `data`: the peer must take some of it within the idle limit, and all of it `by` then."""
        rest = memoryview(data)
        idle_from = self._clock()
        while rest:
            if by is not None and self._clock() > by:
                raise self._slow()
            self._wait_at_most(_SLICE_SECONDS)
            try:
                rest = rest[self._sock.send(rest) :]
                idle_from = self._clock()
            except TimeoutError:
                self._check_stop()
                if self._clock() - idle_from > self._limits.idle_seconds:
                    raise self._late("take what is sent", self._limits.idle_seconds) from None
            except OSError as problem:
                raise self._cut(problem) from problem

    def receive(self, seconds: float, to_what: str) -> ul.Event:
        """Return the next event, waiting for it at most so long."""
        by = self._clock() + seconds
        while (event := self._layer.next_event()) is None:
            left = by - self._clock()
            if left <= 0:
                raise self._late(f"answer {to_what}", seconds)
            self._wait_at_most(min(left, _SLICE_SECONDS))
            try:
                count = self._sock.recv_into(self._incoming)
            except TimeoutError:
                self._check_stop()
                continue
            except OSError as problem:
                self._check_tls(problem)
                count = 0
            if not count:
                return self._layer.transport_closed()
            self._acknowledge()
            self._layer.receive(self._incoming[:count])
        return event

    def check_stop(self) -> None:
        """Leave at once when told to stop: for the middle of a Data Set, which the peer then forgets."""
        if self._stop():
            raise Stopped

    def _wait_at_most(self, seconds: float) -> None:
        """Set the socket's time-out; a system call, so only when it changes."""
        if self._sock.gettimeout() != seconds:
            self._sock.settimeout(seconds)

    def _check_stop(self) -> None:
        """Leave when told to stop, after a last grace for the response under way."""
        if not self._stop():
            return
        if self._stop_by is None:
            self._stop_by = self._clock() + self._limits.stop_seconds
        if self._clock() >= self._stop_by:
            raise Stopped

    def _check_tls(self, problem: OSError) -> None:
        """Raise AssociationFailed when it is TLS that failed."""
        if failure := tls.failure_of(self.peer, problem, self._limits.connect_seconds):
            raise failure from problem

    def _hang_up(self) -> None:
        """Close, with an A-ABORT when the Association is still open: the peer must not wait for more."""
        try:
            self._last_word(self._layer.abort(AbortSource.SERVICE_USER))
        finally:
            self._sock.close()

    def _last_word(self, data: bytes) -> None:
        """Send what may come too late: a peer that is gone already need not hear it."""
        with suppress(OSError):
            self._wait_at_most(_SLICE_SECONDS)
            self._sock.sendall(data)

    def _late(self, what: str, seconds: float) -> AssociationFailed:
        return AssociationFailed(
            Layer.TIMEOUT,
            Sentence.TOO_LATE.of(place=self._who(), what=what, seconds=f"{seconds:g}"),
            "Check whether the PACS server is overloaded, or a firewall between breaks connections.",
        )

    def _slow(self) -> AssociationFailed:
        return AssociationFailed(
            Layer.TIMEOUT,
            Sentence.TOO_SLOW.of(place=self._who(), rate=self._limits.slowest_bytes_per_second),
            "Check the network between, and whether the PACS server is overloaded.",
        )

    def _cut(self, problem: OSError) -> AssociationFailed:
        """Return what the end of the connection means; the peer may have said why before it closed."""
        event = self._layer.next_event()
        try:
            self._wait_at_most(_SLICE_SECONDS)
            if event is None and (count := self._sock.recv_into(self._incoming)):
                self._layer.receive(self._incoming[:count])
                event = self._layer.next_event()
        except OSError as told:
            self._check_tls(told)
            event = None
        if event is not None:
            return self.failure(event)
        self._check_tls(problem)
        self._layer.transport_closed()
        return self._closed(Sentence.CUT.of(place=self._who(), why=type(problem).__name__))

    def _closed(self, sentence: str) -> AssociationFailed:
        """Return what the end of the connection means: before any answer it may well be about TLS."""
        if self._answered:
            return AssociationFailed(Layer.ABORTED, sentence, _LOOK_AT_PEER)
        if self.peer.tls is None:
            return AssociationFailed(Layer.ABORTED, sentence, f"{_LOOK_AT_PEER} It may expect TLS on this port.")
        return tls_words.mute(self.peer)

    def failure(self, event: ul.Event) -> AssociationFailed:
        """Return what an event means that is not the one waited for."""
        match event:
            case ul.AssociationRejected():
                return rejected(self.peer, event.reject)
            case ul.Aborted():
                why = abort_words_of(event.source, event.reason)
                return AssociationFailed(Layer.ABORTED, Sentence.ABORTED.of(place=self._who(), why=why), _LOOK_AT_PEER)
            case ul.TransportClosed():
                return self._closed(Sentence.CLOSED.of(place=self._who()))
            case ul.ReleaseRequested():
                return AssociationFailed(Layer.ABORTED, Sentence.ENDED_EARLY.of(place=self._who()), _LOOK_AT_PEER)
            case ul.Faulted():
                self._last_word(event.reply)
                wants_tls = self.peer.tls is None and bytes(self._incoming[:2]) == _TLS_ALERT
                return tls_words.expected(self.peer) if wants_tls else self._broken(event.why)
            case _:
                return self._broken("a message that is not expected")

    def _broken(self, why: str) -> AssociationFailed:
        return AssociationFailed(
            Layer.PROTOCOL,
            Sentence.NOT_DICOM.of(place=self._who(), why=why),
            "Check that the address and port are those of the PACS server's DICOM service.",
        )

    def _who(self) -> str:
        return place(self.peer)


_LOOK_AT_PEER: Final = "Look into the log of the PACS server, or ask its administrator."


def connect(peer: Peer, seconds: float) -> socket.socket:
    """Return a connected socket, or raise AssociationFailed with the layer that is broken."""
    try:
        return socket.create_connection((peer.host, peer.port), seconds)
    except OSError as problem:
        raise unconnected(peer, problem, seconds) from problem


def unconnected(peer: Peer, problem: OSError | UnicodeError, seconds: float) -> AssociationFailed:
    """Return what a failed connection means."""
    if isinstance(problem, socket.gaierror | UnicodeError):
        return AssociationFailed(
            Layer.NAME,
            Sentence.NO_ADDRESS.of(host=peer.host),
            "Check the spelling of the host name, or enter the IP address.",
        )
    if isinstance(problem, ConnectionRefusedError):
        return AssociationFailed(
            Layer.PORT,
            Sentence.NOTHING_LISTENS.of(host=peer.host, port=peer.port),
            "Check the port, and whether the DICOM service of the PACS server runs.",
        )
    if isinstance(problem, TimeoutError):
        return AssociationFailed(
            Layer.ROUTE,
            Sentence.NOTHING_ANSWERS.of(place=f"{peer.host}:{peer.port}", seconds=f"{seconds:g}"),
            "Check the IP address, whether the machine is on, and the firewalls between.",
        )
    return AssociationFailed(
        Layer.ROUTE,
        Sentence.NO_WAY.of(place=f"{peer.host}:{peer.port}", why=f"{type(problem).__name__}: {problem.strerror}"),
        "Check the IP address and the network of this machine.",
    )


def rejected(peer: Peer, reject: pdu.AssociateReject) -> AssociationFailed:
    """Return what an A-ASSOCIATE-RJ means (PS3.8 table 9-21), and what the administrator of the PACS has to know."""
    words = words_of(reject.source, reject.reason)
    numbers = f"{reject.result}/{reject.source}/{reject.reason}"
    sentence = Sentence.REJECTED.of(place=place(peer), why=words, numbers=numbers)
    if (reject.source, reject.reason) == CALLED_AE_TITLE_NOT_RECOGNIZED[1:]:
        remedy = f"Check the AE title {peer.called_ae_title}: the PACS server goes by another one."
    elif reject.result == Result.REJECTED_TRANSIENT:
        remedy = "The PACS server is busy: try again later."
    else:
        remedy = f"Ask the administrator of the PACS to accept the AE title {peer.calling_ae_title}."
    return AssociationFailed(Layer.ASSOCIATION, sentence, remedy)


def place(peer: Peer) -> str:
    """Return how a sentence names a peer."""
    return f"{peer.called_ae_title} at {peer.host}:{peer.port}"
