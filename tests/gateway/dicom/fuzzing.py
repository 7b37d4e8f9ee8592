"""What must hold whatever bytes a peer sends: one function per parser, for Hypothesis, for the fuzzer and its finds.

Each takes any bytes and returns, or fails by an exception that is none of the parser's own. The first bytes choose the
situation, so that a find is a few bytes in hex and needs nothing beside it.
"""

from __future__ import annotations

import contextlib
import io
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from structlog.testing import capture_logs

from smartlink.gateway.commitments import Failure, Reference, Result
from smartlink.gateway.dicom import command as dimse
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.admission import Gate
from smartlink.gateway.dicom.association import Association, Terms
from smartlink.gateway.dicom.command import CommandField
from smartlink.gateway.dicom.commitment_data import UnreadableRequest, read_request, write_result
from smartlink.gateway.dicom.header import HeaderUnreadable, attributes
from smartlink.gateway.dicom.items import MalformedPDUError
from smartlink.gateway.dicom.negotiation import Agreement, Context, Policy, judge
from smartlink.gateway.dicom.service import Exchange, Peer, Service
from smartlink.gateway.dicom.states import IllegalMove, Role
from smartlink.gateway.dicom.user_information import (
    ExtendedNegotiation,
    OperationsWindow,
    RoleSelection,
)
from smartlink.gateway.refusals import Refusal
from smartlink.standard.names import AETitle
from smartlink.standard.sop_class import ULTRASOUND_IMAGE
from smartlink.standard.status import Status
from smartlink.standard.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
)
from tests.gateway.dicom.wire import ACCEPT, ECHO, REQUEST, STORE, p_data

if TYPE_CHECKING:
    import socket

LIMITS: Final = ul.Limits(associate=4096, p_data=2048, command=512)
"""Small enough for a fuzzer to run into."""
POLICY: Final = Policy(AETitle("SMARTLINKRCVR"), any_abstract_syntax=True)
SYNTAXES: Final = (
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
)
FINDS: Final = Path(__file__).with_name("corpus")


# The conversation: a situation, a way to cut, and what the peer says


def _acceptor() -> ul.UpperLayer:
    layer = ul.UpperLayer(Role.ACCEPTOR, LIMITS)
    layer.transport_opened()
    return layer


def _asked() -> ul.UpperLayer:
    layer = ul.UpperLayer(Role.REQUESTOR, LIMITS)
    layer.request(REQUEST)
    layer.transport_opened()
    return layer


@cache
def _spoken(scene: int) -> bytes:
    """What the peer said before the situation is reached."""
    request, accept = pdu.encode_associate_request(REQUEST), pdu.encode_associate_accept(ACCEPT)
    store = p_data((1, 3, dimse.encode(STORE)))
    return (b"", request, request + store, b"", accept, accept, request)[scene]


def situation(scene: int) -> ul.UpperLayer:
    """An Upper Layer: asked or asking, within an Association, within a message, or while a release is on its way."""
    layer = _acceptor() if scene in (0, 1, 2, 6) else _asked()
    for _ in heard(layer, _spoken(scene), iter((1 << 16,))):
        pass
    if scene in (5, 6):
        layer.release()
    return layer


SCENES: Final = 7


def conversation(data: bytes) -> None:
    """Events are the same however the bytes are cut; nothing is raised; nothing is kept beyond the limits."""
    if len(data) < 5:
        return
    scene, cuts, stream = data[0] % SCENES, data[1:5], data[5:]
    whole = list(_joined(heard(situation(scene), stream, cycle((1 << 16,)))))
    cut = list(_joined(heard(situation(scene), stream, cycle(byte % 64 + 1 for byte in cuts))))
    assert whole == cut
    assert sum(isinstance(event, ul.Faulted) for event in whole) <= 1


def heard(layer: ul.UpperLayer, stream: bytes, sizes: Iterator[int]) -> Iterator[ul.Event]:
    """Feed the stream in pieces and answer as our own driver does; yield every event, its data copied."""
    at = 0
    while at < len(stream):
        size = next(sizes)
        buffer = bytearray(stream[at : at + size])
        at += size
        layer.receive(buffer)
        while (event := layer.next_event()) is not None:
            yield _own(event)
            _answer(layer, event)
            _check_memory(layer)
        buffer[:] = bytes(len(buffer))
        _check_memory(layer)


def _own(event: ul.Event) -> ul.Event:
    return replace(event, data=memoryview(bytes(event.data))) if isinstance(event, ul.DataFragment) else event


def _answer(layer: ul.UpperLayer, event: ul.Event) -> None:
    if isinstance(event, ul.AssociationRequested):
        outcome = judge(event.request, POLICY)
        sent = layer.accept(outcome.accept) if isinstance(outcome, Agreement) else layer.reject(outcome)
        assert sent
    elif isinstance(event, ul.CommandReceived) and event.command.is_request:
        with contextlib.suppress(IllegalMove):  # ours: a release is on its way
            assert layer.send_command(event.context_id, event.command.response(0))
    elif isinstance(event, ul.ReleaseRequested):
        with contextlib.suppress(IllegalMove):  # ours: in a collision the requestor answers first (PS3.8 table 9-9)
            layer.respond_release()


def _check_memory(layer: ul.UpperLayer) -> None:
    assert len(layer._partial) <= LIMITS.associate  # noqa: SLF001  what it keeps between two calls, and no more
    assert len(layer._command) <= LIMITS.command  # noqa: SLF001  likewise


def _joined(events: Iterator[ul.Event]) -> Iterator[ul.Event]:
    """Join the fragments of each Data Set: how many they are is up to the cuts."""
    gathered: ul.DataFragment | None = None
    for event in events:
        if isinstance(event, ul.DataFragment):
            if gathered is not None and gathered.context_id == event.context_id:
                event = replace(event, data=memoryview(bytes(gathered.data) + bytes(event.data)))  # noqa: PLW2901
            gathered = None if event.last else event
            if event.last:
                yield event
            continue
        if gathered is not None:
            yield gathered
            gathered = None
        yield event
    if gathered is not None:
        yield gathered


# The driver: the same on a socket that only plays back


@dataclass
class Playback:
    """A socket whose peer has said everything already; what is sent to it is kept, until half of it is closed."""

    stream: bytes
    sizes: Iterator[int]
    silent: bool
    """At the end the peer is silent, instead of gone."""
    sent: bytes = b""
    at: int = 0
    open: bool = True

    def recv_into(self, buffer: memoryview) -> int:
        piece = self.stream[self.at : self.at + next(self.sizes)]
        if not piece and self.silent:
            raise TimeoutError
        self.at += len(piece)
        buffer[: len(piece)] = piece
        return len(piece)

    def sendall(self, data: bytes) -> None:
        if not self.open:
            raise BrokenPipeError
        self.sent += data

    def shutdown(self, _: int) -> None:
        self.open = False

    def gettimeout(self) -> float | None:
        return None

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def setsockopt(self, *_: int) -> None: ...

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.1", 104

    def close(self) -> None:
        self.open = False


@dataclass
class Notebook:
    """A Storage SCP and the callers' list, in memory; each exchange ends once, whole or undone."""

    kept: list[bytes] = field(default_factory=list)
    open: int = 0

    def begin(self, _peer: Peer, _context: Context, command: dimse.Command) -> Exchange:
        self.open += 1
        return Page(self, command)

    def seen(self, calling_ae_title: str, address: str, verified: bool) -> None: ...  # noqa: FBT001 - a Callers

    def refused(self, refusal: Refusal) -> None: ...

    def syntaxes_refused(self, calling_ae_title: str, address: str, abstract_syntax_uids: Sequence[str]) -> None: ...


@dataclass
class Page:
    """One exchange of the notebook."""

    book: Notebook
    command: dimse.Command
    data: bytearray = field(default_factory=bytearray)
    ended: bool = False

    def write(self, fragment: memoryview) -> None:
        assert not self.ended
        self.data += fragment

    def finish(self) -> dimse.Command:
        self._end()
        self.book.kept.append(bytes(self.data))
        return self.command.response(0)

    def abandon(self) -> None:
        self._end()

    def _end(self) -> None:
        assert not self.ended
        self.ended = True
        self.book.open -= 1


def association(data: bytes) -> None:
    """Whatever a peer says, no mistake of ours comes out; each exchange ends; what is kept is no matter of the cuts."""
    if len(data) < 5:
        return
    assert served(data, cycle((1 << 16,))) == served(data, cycle(byte % 64 + 1 for byte in data[1:5]))


def served(data: bytes, sizes: Iterator[int]) -> list[bytes]:
    book, gate, sock = Notebook(), Gate(), Playback(data[5:], sizes, silent=bool(data[0] & 1))
    services: dict[int, Service] = {CommandField.C_STORE_RQ: book, CommandField.C_ECHO_RQ: book}
    terms = Terms(POLICY, services, book, limits=LIMITS, gate=gate)
    with capture_logs() as lines:
        Association(cast("socket.socket", sock), "192.0.2.7", terms).serve()
    assert not [line for line in lines if line["event"] == "association_failed"]
    assert not book.open
    assert not gate._open  # noqa: SLF001  whoever came in went out
    _check_framing(sock.sent)
    return book.kept


def _check_framing(sent: bytes) -> None:
    """What we send is whole PDUs of types that an acceptor sends."""
    at = 0
    while at < len(sent):
        kind, length = pdu.HEADER.unpack_from(sent, at)
        assert kind in {2, 3, 4, 6, 7}
        at += pdu.HEADER.size + length
    assert at == len(sent)


# The values


def associate(data: bytes) -> None:
    """A body of A-ASSOCIATE is a value or malformed; what we answer can be sent, and read as it was meant."""
    if not data:
        return
    try:
        if data[0] & 1:
            _comes_back(pdu.decode_associate_accept(data[1:]))
            return
        request = pdu.decode_associate_request(data[1:])
    except MalformedPDUError:
        return
    outcome = judge(request, POLICY)
    if isinstance(outcome, Agreement):
        sent = pdu.encode_associate_accept(outcome.accept)
        assert pdu.decode_associate_accept(sent[6:]) == outcome.accept


def _comes_back(accept: pdu.AssociateAccept) -> None:
    try:
        sent = pdu.encode_associate_accept(accept)
    except (UnicodeEncodeError, struct.error):
        return  # a peer's text that is no ASCII; we never send what a peer accepted
    assert pdu.decode_associate_accept(sent[6:]) == accept


def command_set(data: bytes) -> None:
    """A Command Set is a value or malformed; its response can be sent, and names what it responds to."""
    try:
        command = dimse.decode(data)
    except dimse.MalformedCommandError:
        return
    sent = dimse.decode(dimse.encode(command.response(0xA700, "Free disk space is below the reserve.")))
    assert sent.message_id_responded_to == command.message_id
    assert not sent.is_request


def header(data: bytes) -> None:
    """A Data Set has a Header or is unreadable; what Works is told of it is JSON."""
    if not data:
        return
    with contextlib.suppress(HeaderUnreadable):
        found = attributes(io.BytesIO(data[1:]), SYNTAXES[data[0] % len(SYNTAXES)])
        json.dumps(found.as_dicom_json(), allow_nan=False).encode()


def commitment(data: bytes) -> None:
    """The Data Set of an N-ACTION is a request or none; what we answer about it can be read."""
    if not data:
        return
    syntax = SYNTAXES[data[0] % (len(SYNTAXES) - 1)]
    try:
        transaction, references = read_request(data[1:], syntax)
    except UnreadableRequest:
        return
    result = Result(transaction, references, tuple(Failure(one, Status.PROCESSING_FAILURE) for one in references))
    assert write_result(result, syntax)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "conversation": conversation,
    "association": association,
    "associate": associate,
    "command_set": command_set,
    "header": header,
    "commitment": commitment,
}


# What a fuzzer starts from


def seeds(target: str) -> list[bytes]:
    """Return valid inputs of a target, from which a fuzzer goes on."""
    return _SEEDS[target]()


RICH_REQUEST: Final = replace(
    REQUEST,
    window=OperationsWindow(3, 1),
    roles=(RoleSelection(ULTRASOUND_IMAGE, scu=True, scp=True),),
    extended=(ExtendedNegotiation(ULTRASOUND_IMAGE, bytes((2, 0, 3, 0, 0, 0))),),
)


def _conversations() -> list[bytes]:
    request, accept = pdu.encode_associate_request(RICH_REQUEST), pdu.encode_associate_accept(ACCEPT)
    echo, store = p_data((3, 3, dimse.encode(ECHO))), p_data((1, 3, dimse.encode(STORE)))
    pieces = p_data((1, 1, dimse.encode(STORE)[:20])) + p_data((1, 3, dimse.encode(STORE)[20:]), (1, 0, b"ab"))
    image = p_data((1, 0, b"half")) + p_data((1, 0, b""), (1, 2, b"whole"))
    abort, end = pdu.encode_abort(pdu.Abort(0, 0)), pdu.RELEASE_RQ
    reply = p_data((3, 3, dimse.encode(ECHO.response(0))))
    said = {
        0: [request + echo + store + image + end, request + abort, request + end + pdu.RELEASE_RP],
        1: [echo + store + image + end, pieces + image, echo + abort, echo + echo + end],
        2: [image + end, p_data((1, 2, b"whole")) + echo],
        3: [accept + reply + pdu.RELEASE_RP, pdu.encode_associate_reject(pdu.AssociateReject(1, 1, 7))],
        4: [reply + end, reply + abort],
        5: [reply + pdu.RELEASE_RP, end + pdu.RELEASE_RP, end + abort],
        6: [end + pdu.RELEASE_RP, echo + pdu.RELEASE_RP, pdu.RELEASE_RP + end],
    }
    return [bytes((scene, 0, 6, 63, 2)) + stream for scene, streams in said.items() for stream in streams]


def _associations() -> list[bytes]:
    """Conversations that begin at the beginning; the peer is gone at their end, or silent."""
    scenes = {1: pdu.encode_associate_request(REQUEST), 0: b""}
    asked = [(scenes[one[0]], one) for one in _conversations() if one[0] in scenes]
    return [bytes((silent,)) + one[1:5] + begin + one[5:] for begin, one in asked for silent in (0, 1)]


def _associates() -> list[bytes]:
    requests = [pdu.encode_associate_request(one)[6:] for one in (REQUEST, RICH_REQUEST)]
    accepts = [pdu.encode_associate_accept(one)[6:] for one in (ACCEPT, replace(ACCEPT, roles=RICH_REQUEST.roles))]
    return [b"\0" + one for one in requests] + [b"\1" + one for one in accepts]


def _commands() -> list[bytes]:
    return [dimse.encode(one) for one in (ECHO, STORE, STORE.response(0xA700, "Why."), ECHO.response(0))]


def _headers() -> list[bytes]:
    from tests.gateway.dicom.test_header import encode, example  # noqa: PLC0415  it reads this module's SYNTAXES

    return [bytes((number,)) + encode(example(), syntax) for number, syntax in enumerate(SYNTAXES)]


def _commitments() -> list[bytes]:
    asked = (Reference(ULTRASOUND_IMAGE, "1.2.3"), Reference(ULTRASOUND_IMAGE, "1.2.4"))
    result = Result("1.2.9", asked, ())  # a request is written as a result is
    return [bytes((number,)) + write_result(result, syntax) for number, syntax in enumerate(SYNTAXES[:-1])]


_SEEDS: Final[dict[str, Callable[[], list[bytes]]]] = {
    "conversation": _conversations,
    "association": _associations,
    "associate": _associates,
    "command_set": _commands,
    "header": _headers,
    "commitment": _commitments,
}


# What it found


def finds(target: str) -> list[bytes]:
    """Return the inputs that were worth keeping: one a line, in hex."""
    path = FINDS / f"{target}.txt"
    lines = path.read_text("ascii").splitlines() if path.exists() else []
    return [bytes.fromhex(line) for line in lines if line and not line.startswith("#")]
