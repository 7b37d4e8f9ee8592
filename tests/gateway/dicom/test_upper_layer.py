"""The Upper Layer as a conversation: who says what, and what the other side makes of it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smartlink.gateway.dicom import command as dimse
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.states import IllegalMove, Role, State
from smartlink.standard.reject import CALLED_AE_TITLE_NOT_RECOGNIZED, AbortReason, AbortSource
from tests.gateway.dicom.wire import ACCEPT, ECHO, REQUEST, STORE, Wire, data_of, hear, p_data

COMMAND, LAST_COMMAND, DATA, LAST_DATA = 1, 3, 0, 2


def established(piece: int = 1 << 20) -> Wire:
    return Wire(piece).establish()


def opened() -> ul.UpperLayer:
    layer = ul.UpperLayer(Role.ACCEPTOR)
    layer.transport_opened()
    return layer


def abort_of(reply: bytes) -> pdu.Abort:
    assert reply[0] == pdu.PDUType.A_ABORT
    return pdu.decode_abort(reply[6:])


def fault_in(events: list[ul.Event]) -> ul.Faulted:
    fault = events[-1]
    assert isinstance(fault, ul.Faulted)
    return fault


@pytest.mark.parametrize("piece", [1, 2, 5, 7, 4096])
def test_an_association_from_request_to_release(piece: int) -> None:
    wire = established(piece)
    assert wire.to_acceptor(wire.requestor.send_command(3, ECHO)) == [ul.CommandReceived(3, ECHO)]
    response = ECHO.response(0)
    assert wire.to_requestor(wire.acceptor.send_command(3, response)) == [ul.CommandReceived(3, response)]
    assert wire.to_acceptor(wire.requestor.release()) == [ul.ReleaseRequested()]
    assert wire.to_requestor(wire.acceptor.respond_release()) == [ul.Released()]
    assert wire.acceptor.transport_closed() == ul.TransportClosed(expected=True)
    assert (wire.requestor.state, wire.acceptor.state) == (State.IDLE, State.IDLE)


@settings(max_examples=60)
@given(
    data=st.binary(max_size=600),
    fragment=st.integers(1, 97),
    piece=st.integers(1, 80),
    per_pdu=st.integers(1, 5),
)
@example(data=b"", fragment=1, piece=1, per_pdu=1)
def test_a_data_set_arrives_however_it_is_cut(data: bytes, fragment: int, piece: int, per_pdu: int) -> None:
    """Command and Data Set in fragments of any size, any number of PDVs to a PDU, in pieces of any size."""
    wire = established(piece)
    command = dimse.encode(STORE)
    pdvs = [(1, COMMAND, command[at : at + fragment]) for at in range(0, len(command), fragment)]
    pdvs[-1] = (1, LAST_COMMAND, pdvs[-1][2])
    fragments = [(1, DATA, data[at : at + fragment]) for at in range(0, len(data), fragment)] or [(1, DATA, b"")]
    fragments[-1] = (1, LAST_DATA, fragments[-1][2])
    pdvs += fragments
    stream = b"".join(p_data(*pdvs[at : at + per_pdu]) for at in range(0, len(pdvs), per_pdu))
    events = wire.to_acceptor(stream)
    assert events[0] == ul.CommandReceived(1, STORE)
    assert data_of(events) == data
    assert [event.last for event in events[1:] if isinstance(event, ul.DataFragment)].count(True) == 1
    assert isinstance(events[-1], ul.DataFragment)
    assert events[-1].last
    assert not wire.acceptor.message_under_way


def test_a_data_set_is_not_copied() -> None:
    wire = established()
    wire.to_acceptor(wire.requestor.send_command(1, STORE))
    buffer = bytearray(p_data((1, LAST_DATA, b"x" * 1000)))
    wire.acceptor.receive(buffer)
    event = wire.acceptor.next_event()
    assert isinstance(event, ul.DataFragment)
    assert event.data.obj is buffer


def test_two_messages_in_one_piece_are_two_messages() -> None:
    wire = established()
    both = wire.requestor.send_command(3, ECHO) * 2
    assert wire.to_acceptor(both) == [ul.CommandReceived(3, ECHO)] * 2


def test_a_command_longer_than_the_peers_pdu_is_sent_in_several() -> None:
    wire = Wire()
    wire.acceptor.transport_opened()
    request = pdu.AssociateRequest("A", "B", REQUEST.contexts, maximum_length=20)
    wire.requestor.request(request)
    wire.to_acceptor(wire.requestor.transport_opened())
    wire.to_requestor(wire.acceptor.accept(ACCEPT))
    sent = wire.acceptor.send_command(1, STORE.response(0))
    assert max(len(part) for part in split_pdus(sent)) == 6 + 20
    assert wire.to_requestor(sent) == [ul.CommandReceived(1, STORE.response(0))]


@pytest.mark.parametrize("maximum", [1, 7, 9, 21, 4097])
def test_fragments_are_of_even_length_whatever_the_peer_takes(maximum: int) -> None:
    """PS3.8 Annex E.1."""
    wire = Wire()
    wire.acceptor.transport_opened()
    wire.requestor.request(pdu.AssociateRequest("A", "B", REQUEST.contexts, maximum_length=maximum))
    wire.to_acceptor(wire.requestor.transport_opened())
    wire.to_requestor(wire.acceptor.accept(ACCEPT))
    assert wire.acceptor.largest_fragment % 2 == 0
    assert wire.acceptor.largest_fragment <= max(maximum - 6, 2)


def test_reserved_bytes_and_bits_are_not_looked_at() -> None:
    """PS3.8 sections 9.3.2 to 9.3.8 and Annex E.2: sent as zero, not tested when received."""
    stream = bytearray(pdu.encode_associate_request(REQUEST))
    stream[1] = 0xFF
    stream[8:10] = b"\xff\xff"
    stream[42:74] = b"\xff" * 32
    (asked,) = hear(opened(), bytes(stream))
    assert isinstance(asked, ul.AssociationRequested)
    wire = established()
    echo = dimse.encode(ECHO)
    told = wire.to_acceptor(b"\4\xff" + p_data((3, 0xFC | LAST_COMMAND, echo))[2:])
    assert told == [ul.CommandReceived(3, ECHO)]
    assert wire.to_acceptor(b"\5\xff\0\0\0\4\xff\xff\xff\xff") == [ul.ReleaseRequested()]


def split_pdus(stream: bytes) -> list[bytes]:
    parts = []
    while stream:
        size = 6 + struct.unpack(">I", stream[2:6])[0]
        parts.append(stream[:size])
        stream = stream[size:]
    return parts


def test_a_rejection_is_told_and_ends_it() -> None:
    wire = Wire()
    wire.acceptor.transport_opened()
    wire.requestor.request(REQUEST)
    wire.to_acceptor(wire.requestor.transport_opened())
    told = wire.to_requestor(wire.acceptor.reject(CALLED_AE_TITLE_NOT_RECOGNIZED))
    assert told == [ul.AssociationRejected(pdu.AssociateReject(1, 1, 7))]
    assert wire.acceptor.artim_running


def test_another_protocol_version_is_rejected() -> None:
    stream = bytearray(pdu.encode_associate_request(REQUEST))
    stream[7] = 2
    events = hear(opened(), bytes(stream) + b"and nothing after it is read")
    assert len(events) == 1
    assert pdu.decode_associate_reject(fault_in(events).reply[6:]) == pdu.AssociateReject(1, 2, 2)


def test_an_abort_is_told_with_its_numbers() -> None:
    wire = established()
    abort = wire.requestor.abort(AbortSource.SERVICE_USER)
    assert wire.to_acceptor(abort) == [ul.Aborted(0, 0)]
    assert wire.acceptor.state is State.IDLE


def test_nothing_is_heard_after_the_end() -> None:
    wire = established()
    abort = wire.requestor.abort(AbortSource.SERVICE_USER)
    assert wire.to_acceptor(abort + p_data((1, LAST_DATA, b"late")) + abort) == [ul.Aborted(0, 0)]


def test_data_after_the_release_is_passed_over() -> None:
    wire = established()
    wire.to_acceptor(wire.requestor.release())
    wire.acceptor.respond_release()
    assert wire.to_acceptor(p_data((1, LAST_DATA, b"late")) + pdu.RELEASE_RP) == []


def test_both_sides_may_release_at_once() -> None:
    wire = established()
    from_requestor, from_acceptor = wire.requestor.release(), wire.acceptor.release()
    assert wire.to_acceptor(from_requestor) == [ul.ReleaseRequested()]
    assert wire.to_requestor(from_acceptor) == [ul.ReleaseRequested()]
    assert wire.to_acceptor(wire.requestor.respond_release()) == []
    assert wire.to_requestor(wire.acceptor.respond_release()) == [ul.Released()]
    assert wire.acceptor.state is State.AWAITING_CLOSE


def test_an_unknown_pdu_type_is_aborted_as_unrecognised() -> None:
    fault = fault_in(established().to_acceptor(b"GET / HTTP/1.1\r\n\r\n"))
    assert abort_of(fault.reply) == pdu.Abort(AbortSource.SERVICE_PROVIDER, AbortReason.UNRECOGNIZED_PDU)


def test_who_never_asked_for_an_association_is_aborted_in_the_users_name() -> None:
    """AA-1 (PS3.8 table 9-8): the source is the service-user, and then no reason is given."""
    for stream in (b"GET / HTTP/1.1\r\n\r\n", pdu.RELEASE_RQ, b"\1\0\0\0\0\4\0\0\0\0"):
        assert abort_of(fault_in(hear(opened(), stream)).reply) == pdu.Abort(AbortSource.SERVICE_USER, 0)


LENGTHS = {
    "a request longer than the limit": b"\1\0" + (600 * 1024).to_bytes(4, "big"),
    "a request of four gigabytes": b"\1\0\xff\xff\xff\xff",
    "a release of five bytes": b"\5\0\0\0\0\5",
    "an abort of none": b"\7\0\0\0\0\0",
}


@pytest.mark.parametrize("stream", LENGTHS.values(), ids=LENGTHS.keys())
def test_a_length_out_of_bounds_is_refused_before_its_bytes_are_taken(stream: bytes) -> None:
    assert fault_in(hear(opened(), stream)).why == "length of a PDU out of bounds"
    fault = fault_in(established().to_acceptor(stream))
    assert abort_of(fault.reply).reason == AbortReason.INVALID_PDU_PARAMETER


BROKEN = {
    "a PDU beyond the limit": pdu.HEADER.pack(4, 2 * 1024 * 1024),
    "an empty PDU": pdu.HEADER.pack(4, 0),
    "a PDV longer than its PDU": p_data((1, DATA, b""))[:6] + pdu.PDV_HEADER.pack(3, 1, 0),
    "a PDV without its control header": pdu.HEADER.pack(4, 6) + pdu.PDV_HEADER.pack(1, 1, 0),
    "a PDV cut off in its header": p_data((1, LAST_COMMAND, dimse.encode(ECHO)), length=len(dimse.encode(ECHO)) + 9)
    + b"\0\0\0",
    "a context that was not accepted": p_data((5, LAST_COMMAND, dimse.encode(ECHO))),
    "a Data Set without a command": p_data((1, LAST_DATA, b"data")),
    "a Data Set in another context": p_data((1, LAST_COMMAND, dimse.encode(STORE)), (3, LAST_DATA, b"data")),
    "a command within a Data Set": p_data((1, LAST_COMMAND, dimse.encode(STORE)), (1, COMMAND, b"x")),
    "a command that changes its context": p_data((1, COMMAND, b"\0\0"), (3, LAST_COMMAND, b"\0\0")),
    "a command that is none": p_data((1, LAST_COMMAND, b"garbage!")),
    "a command beyond the limit": b"".join(p_data((1, COMMAND, b"\0" * 40_000)) for _ in range(2)),
}


@pytest.mark.parametrize("piece", [1, 1 << 20])
@pytest.mark.parametrize("stream", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_p_data_is_aborted_and_nothing_after_it_is_read(stream: bytes, piece: int) -> None:
    wire = established(piece)
    events = wire.to_acceptor(stream + wire.requestor.send_command(3, ECHO))
    assert abort_of(fault_in(events).reply).reason == AbortReason.INVALID_PDU_PARAMETER
    assert wire.acceptor.artim_running
    assert not wire.acceptor.message_under_way


def test_a_pdu_out_of_turn_is_aborted_as_unexpected() -> None:
    for stream in (pdu.RELEASE_RP, pdu.encode_associate_accept(ACCEPT), pdu.encode_associate_request(REQUEST)):
        fault = fault_in(established().to_acceptor(stream))
        assert abort_of(fault.reply) == pdu.Abort(AbortSource.SERVICE_PROVIDER, AbortReason.UNEXPECTED_PDU)


@settings(max_examples=200)
@given(noise=st.binary(max_size=200), piece=st.integers(1, 50), within=st.booleans())
def test_whatever_a_peer_sends_nothing_is_raised(noise: bytes, piece: int, within: bool) -> None:  # noqa: FBT001 - drawn
    layer = established().acceptor if within else opened()
    for start in (b"", b"\4\0\0\0\0\x20", b"\4\0\0\0\0\x20\0\0\0\x10\1\3", b"\1\0\0\0\0\x60"):
        events = hear(layer, start + noise, piece)
        assert sum(isinstance(event, ul.Faulted) for event in events) <= 1


def test_a_transport_that_closes_midway_is_unexpected() -> None:
    wire = established()
    wire.to_acceptor(wire.requestor.send_command(1, STORE))
    assert wire.acceptor.message_under_way
    assert wire.acceptor.transport_closed() == ul.TransportClosed(expected=False)


def test_a_connection_that_never_spoke_may_close() -> None:
    assert opened().transport_closed() == ul.TransportClosed(expected=True)


def test_artim_runs_before_the_request_and_after_the_end() -> None:
    layer = opened()
    assert layer.artim_running
    layer.artim_expired()
    assert layer.state is State.IDLE
    assert not established().acceptor.artim_running


def test_what_our_own_side_may_not_do_now_is_illegal() -> None:
    layer = opened()
    with pytest.raises(IllegalMove):
        layer.accept(ACCEPT)
    with pytest.raises(IllegalMove):
        layer.release()
    layer.receive(b"\1")
    with pytest.raises(IllegalMove):
        layer.receive(b"\0")
