"""One Association over a real socket, as a script of the conversation."""

from __future__ import annotations

import dataclasses
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.acceptor import Acceptor, AcceptorLimits
from smartlink.gateway.dicom.asking import Question
from smartlink.gateway.dicom.command import WITH_DATA_SET, Command, CommandField
from smartlink.gateway.dicom.negotiation import Context
from smartlink.gateway.dicom.patience import Timeouts
from smartlink.gateway.dicom.service import Answer, Peer
from smartlink.gateway.dicom.user_information import OperationsWindow
from smartlink.gateway.intake import DiskSpace, StoreRefused
from smartlink.gateway.refusals import Refusal
from smartlink.standard.names import AETitle
from smartlink.standard.reject import AbortSource
from smartlink.standard.sop_class import ULTRASOUND_IMAGE
from smartlink.standard.status import Status
from tests.gateway.cast import House
from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.wire import ECHO, REQUEST, STORE

HASTE = AcceptorLimits(timeouts=Timeouts(artim=0.2, idle=0.2, stall=0.2))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def receiver(house: House) -> Iterator[Acceptor]:
    with house.receiver() as acceptor:
        yield acceptor


def gone(acceptor: Acceptor) -> None:
    """Wait until no Association is open: what it had to undo is undone."""
    assert acceptor.wait_until_empty(20)


@pytest.mark.proves("R60")
def test_an_echo_is_answered(receiver: Acceptor, house: House) -> None:
    with Caller(receiver.port).associate() as us01:
        us01.say(ECHO, 3)
        assert us01.response() == ECHO.response(0)
        us01.release()
    assert house.callers.calls == [("US01", True)]


def test_many_instances_go_through_one_association(receiver: Acceptor, house: House) -> None:
    with Caller(receiver.port).associate() as us01:
        for number in range(5):
            command = dataclasses.replace(STORE, affected_sop_instance_uid=f"1.2.{number}")
            assert us01.store(bytes([number]) * 100_000, command).status == 0
        us01.release()
    assert [kept.sop_instance_uid for kept in house.kept] == [f"1.2.{number}" for number in range(5)]
    assert [house.data_set_of(kept.name)[:1] for kept in house.kept] == [bytes([number]) for number in range(5)]


def test_a_response_is_sent_in_one_piece(receiver: Acceptor) -> None:
    """Two pieces would meet the sender's delayed acknowledgement: 40 ms for each image."""
    with Caller(receiver.port).associate() as us01:
        us01.say(STORE)
        us01.data(b"data", last=True)
        piece = us01.sock.recv(65536)
    assert len(piece) == 6 + struct.unpack(">I", piece[2:6])[0]


REFUSALS: dict[str, tuple[Callable[[House], None], Command, bytes, int]] = {
    "disk under its reserve": (lambda house: setattr(house, "disk", DiskSpace(10**12, 0)), STORE, b"data", 0xA700),
    "catalogue down": (lambda house: setattr(house, "ready", False), STORE, b"data", 0xA700),
    "not authorised": (
        lambda house: setattr(house, "refuse", StoreRefused(Status.REFUSED_NOT_AUTHORIZED, "A PACS of ours.")),
        STORE,
        b"data",
        0x0124,
    ),
    "empty Data Set": (lambda _: None, STORE, b"", 0xC000),
    "UID of 65 characters": (
        lambda _: None,
        dataclasses.replace(STORE, affected_sop_instance_uid="1" + ".2" * 32),
        b"data",
        0x0117,
    ),
    "UID with a path": (
        lambda _: None,
        dataclasses.replace(STORE, affected_sop_instance_uid="../../etc/passwd"),
        b"data",
        0x0117,
    ),
    "no UID": (lambda _: None, dataclasses.replace(STORE, affected_sop_instance_uid=""), b"data", 0x0117),
}


@pytest.mark.parametrize(("arrange", "command", "data", "status"), REFUSALS.values(), ids=REFUSALS.keys())
def test_an_association_survives_a_refusal(
    receiver: Acceptor, house: House, arrange: Callable[[House], None], command: Command, data: bytes, status: int
) -> None:
    arrange(house)
    with Caller(receiver.port).associate() as us01:
        assert us01.store(data * 50_000, command).status == status
        house.disk, house.ready, house.refuse = DiskSpace(10**12, 10**12), True, None
        assert us01.store(b"good").status == 0
        us01.release()
    (kept,) = house.kept
    assert list(house.spool.names()) == [kept.name]


def test_an_operation_that_is_not_ours_is_answered_after_its_data_set(receiver: Acceptor) -> None:
    find = dataclasses.replace(STORE, field=CommandField.C_FIND_RQ)
    with Caller(receiver.port).associate() as us01:
        assert us01.store(b"query", find).status == Status.UNRECOGNIZED_OPERATION
        us01.say(ECHO, 3)
        assert us01.response().status == 0


def test_what_was_not_agreed_on_in_a_context_is_refused_in_it_and_the_association_goes_on(receiver: Acceptor) -> None:
    private = dataclasses.replace(STORE, affected_sop_class_uid="1.2.840.113619.4.30")
    unknown = dataclasses.replace(STORE, field=0x7ABC)
    with Caller(receiver.port).associate() as us01:
        us01.say(STORE, 3)
        us01.data(b"data", last=True, context_id=3)
        assert us01.response().status == Status.UNRECOGNIZED_OPERATION
        assert us01.store(b"data", private).status == Status.REFUSED_SOP_CLASS_NOT_SUPPORTED
        answer = us01.store(b"data", unknown)
        assert (answer.field, answer.status) == (0xFABC, Status.UNRECOGNIZED_OPERATION)
        us01.say(dataclasses.replace(ECHO, field=CommandField.N_GET_RQ, affected_sop_class_uid=""), 3)
        assert us01.response().status == Status.UNRECOGNIZED_OPERATION
        assert us01.store(b"data").status == 0


def test_a_response_that_nobody_waits_for_is_passed_over_with_its_data_set(receiver: Acceptor) -> None:
    reply = Command(CommandField.N_EVENT_REPORT_RSP, message_id_responded_to=1, data_set_type=WITH_DATA_SET)
    with Caller(receiver.port).associate() as us01:
        us01.say(reply)
        us01.data(b"reply", last=True)
        us01.say(ECHO, 3)
        assert us01.response().field == CommandField.C_ECHO_RSP


def test_requests_within_the_window_are_answered_in_their_order(receiver: Acceptor, house: House) -> None:
    """Sixteen images are sent before the first response is read (PS3.7 section D.3.3.3)."""
    request = dataclasses.replace(REQUEST, window=OperationsWindow(16, 1))
    with Caller(receiver.port).associate(request) as us01:
        for number in range(16):
            us01.say(dataclasses.replace(STORE, message_id=number, affected_sop_instance_uid=f"1.2.{number}"))
            us01.data(bytes([number]) * 5000, last=True)
        answers = [us01.response() for _ in range(16)]
        us01.release()
    assert [(answer.message_id_responded_to, answer.status) for answer in answers] == [(n, 0) for n in range(16)]
    assert [kept.sop_instance_uid for kept in house.kept] == [f"1.2.{number}" for number in range(16)]


class Talkative:
    """A service that has more to say than its response; it writes down what became of it."""

    def __init__(self) -> None:
        self.told: SimpleQueue[object] = SimpleQueue()

    def begin(self, peer: Peer, context: Context, command: Command) -> Answer:
        peer.owe(Later(context.context_id, self.told))
        return Answer(command.response(0))


@dataclasses.dataclass
class Later:
    context_id: int
    told: SimpleQueue[object]

    def question(self) -> Question:
        return Question(Command(CommandField.N_EVENT_REPORT_RQ, event_type_id=1, data_set_type=WITH_DATA_SET), b"news")

    def answered(self, status: int) -> None:
        self.told.put(status)

    def unanswered(self) -> None:
        self.told.put("unanswered")


def test_a_peer_that_stays_is_told_more_once_it_is_quiet(house: House) -> None:
    service = Talkative()
    house.services = {**house.services, CommandField.C_ECHO_RQ: service}
    with house.receiver() as receiver, Caller(receiver.port).associate() as us01:
        us01.say(ECHO, 3)
        assert us01.response().field == CommandField.C_ECHO_RSP
        report = us01.response()
        assert (report.field, report.message_id) == (CommandField.N_EVENT_REPORT_RQ, 1)
        news = us01.hear()
        assert isinstance(news, ul.DataFragment)
        assert (bytes(news.data), news.last) == (b"news", True)
        us01.say(report.response(0), 3)
        assert service.told.get(timeout=20) == 0
        assert us01.store(b"data").status == 0
        us01.release()


def test_a_peer_that_releases_at_once_is_not_disturbed(house: House) -> None:
    service = Talkative()
    house.services = {**house.services, CommandField.C_ECHO_RQ: service}
    with house.receiver() as receiver, Caller(receiver.port).associate() as us01:
        us01.say(ECHO, 3)
        assert us01.response().field == CommandField.C_ECHO_RSP
        us01.release()
        us01.sock.close()
        assert service.told.get(timeout=20) == "unanswered"


def test_a_cancel_gets_no_answer(receiver: Acceptor) -> None:
    with Caller(receiver.port).associate() as us01:
        us01.say(Command(CommandField.C_CANCEL_RQ), 3)
        us01.say(ECHO, 3)
        assert us01.response().field == CommandField.C_ECHO_RSP


def leave_by_close(us01: Caller) -> None:
    us01.sock.close()


def leave_by_reset(us01: Caller) -> None:
    us01.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    us01.sock.close()


def leave_by_abort(us01: Caller) -> None:
    us01.sock.sendall(us01.layer.abort(AbortSource.SERVICE_USER))


def leave_by_release(us01: Caller) -> None:
    us01.sock.sendall(us01.layer.release())
    us01.sock.close()


def leave_by_garbage(us01: Caller) -> None:
    us01.sock.sendall(b"\xff" * 100)
    us01.sock.close()


@pytest.mark.parametrize("leave", [leave_by_close, leave_by_reset, leave_by_abort, leave_by_release, leave_by_garbage])
def test_a_sender_that_leaves_midway_leaves_nothing_and_takes_nothing_along(
    receiver: Acceptor, house: House, leave: Callable[[Caller], None]
) -> None:
    with Caller(receiver.port).associate() as us01:
        assert us01.store(b"whole").status == 0
        us01.say(STORE)
        us01.data(b"half" * 20_000, last=False)
        leave(us01)
    gone(receiver)
    (kept,) = house.kept
    assert [path.name for path in house.folder.rglob("*") if path.is_file()] == [kept.name[3:]]


@pytest.mark.proves("R69")
def test_another_called_ae_title_is_rejected_and_noted_with_who_called(receiver: Acceptor, house: House) -> None:
    with Caller(receiver.port) as us01:
        event = us01.ask(dataclasses.replace(REQUEST, called_ae_title="SOMEONE"))
        assert event == ul.AssociationRejected(pdu.AssociateReject(1, 1, 7))
        assert us01.rest() == b""
    assert house.callers.refusals == [Refusal("127.0.0.1", "called AE title not recognised (1/1/7)", "US01", "SOMEONE")]


def test_syntaxes_that_are_not_ours_are_told(receiver: Acceptor, house: House) -> None:
    private = pdu.ProposedContext(5, "1.2.840.113619.4.30", ("1.2.840.10008.1.2",))
    with Caller(receiver.port).associate(dataclasses.replace(REQUEST, contexts=(*REQUEST.contexts, private))):
        assert house.callers.syntaxes == ["1.2.840.113619.4.30"]


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\1\0\xff\xff\xff\xff"],
    ids=["a browser", "TLS", "a length of 4 GB"],
)
def test_garbage_is_aborted_and_the_port_goes_on(receiver: Acceptor, garbage: bytes) -> None:
    with Caller(receiver.port) as stranger:
        heard = stranger.raw(garbage)
        assert pdu.decode_abort(heard[6:]) == pdu.Abort(0, 0)
    with Caller(receiver.port).associate() as us01:
        us01.say(ECHO, 3)
        assert us01.response().status == 0


def silent_before_request(_: Caller) -> None: ...


def silent_between_messages(us01: Caller) -> None:
    us01.associate()


def silent_within_a_data_set(us01: Caller) -> None:
    us01.associate()
    us01.say(STORE)
    us01.data(b"half", last=False)


@pytest.mark.parametrize("fall_silent", [silent_before_request, silent_between_messages, silent_within_a_data_set])
def test_a_silent_peer_is_let_go_and_leaves_nothing(house: House, fall_silent: Callable[[Caller], None]) -> None:
    with house.receiver(limits=HASTE) as receiver, Caller(receiver.port) as us01:
        fall_silent(us01)
        us01.rest()
        gone(receiver)
    assert list(house.spool.names()) == []


def trickle_before_request(us01: Caller) -> Iterator[bytes]:
    us01.layer.request(REQUEST)
    yield from (bytes([byte]) for byte in us01.layer.transport_opened())


def trickle_between_messages(us01: Caller) -> Iterator[bytes]:
    us01.associate()
    yield from (bytes([byte]) for byte in us01.layer.send_command(3, ECHO))


def trickle_within_a_data_set(us01: Caller) -> Iterator[bytes]:
    us01.associate()
    us01.say(STORE)
    while True:
        yield us01.layer.data_header(1, 1, last=False) + b"x"


@pytest.mark.parametrize("trickle", [trickle_before_request, trickle_between_messages, trickle_within_a_data_set])
def test_bytes_that_trickle_buy_no_time_and_leave_nothing(
    house: House, trickle: Callable[[Caller], Iterator[bytes]]
) -> None:
    patience = threading.Event()
    with house.receiver(limits=HASTE) as receiver, Caller(receiver.port) as us01:
        pieces = trickle(us01)
        with pytest.raises((ConnectionError, BrokenPipeError)):
            for piece in pieces:
                us01.sock.sendall(piece)
                patience.wait(0.02)
        gone(receiver)
    assert list(house.spool.names()) == []


def test_a_probe_of_the_port_leaves_no_line_in_the_log(receiver: Acceptor, house: House) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            leave_by_reset(Caller(receiver.port))
        gone(receiver)
    assert logs == []
    assert house.callers.refusals == []


def test_a_caller_that_speaks_tls_to_a_plain_port_is_told_apart(receiver: Acceptor, house: House) -> None:
    with Caller(receiver.port) as stranger:
        stranger.raw(b"\x16\x03\x01\x02\x00\x01\x00")
    with Caller(receiver.port) as stranger:
        stranger.raw(b"GET / HTTP/1.1\r\n\r\n")
    tls, browser = [refusal.why for refusal in house.callers.refusals]
    assert "speaks TLS" in tls
    assert "not DICOM" in browser


def test_a_mistake_of_ours_ends_one_association_and_is_logged_without_its_message(house: House) -> None:
    class Broken:
        def begin(self, *_: Any) -> Any:
            raise RuntimeError("MUSTERMANN")

    house.services = {**house.services, CommandField.C_ECHO_RQ: Broken()}
    with house.receiver() as receiver, capture_logs() as logs:
        with Caller(receiver.port).associate() as us01:
            us01.say(ECHO, 3)
            us01.rest()
        gone(receiver)
        with Caller(receiver.port).associate() as again:
            assert again.store(b"data").status == 0
    (line,) = [line for line in logs if line["event"] == "association_failed"]
    assert (line["log_level"], line["why"]) == ("error", "RuntimeError")
    assert "MUSTERMANN" not in repr(logs)


def test_what_is_kept_says_whence_it_came(receiver: Acceptor, house: House) -> None:
    with Caller(receiver.port).associate() as us01:
        us01.store(b"data")
    (kept,) = house.kept
    assert (kept.calling_ae_title, kept.called_ae_title, kept.peer_address) == (
        AETitle("US01"),
        "SMARTLINKRCVR",
        "127.0.0.1",
    )
    assert kept.sop_class_uid == ULTRASOUND_IMAGE
