"""The Upper Layer itself, brought into every state and met there with every event: table 9-10 as it is lived."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from smartlink.gateway.dicom import command as dimse
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.states import MOVES, Action, Evt, IllegalMove, Role, State
from smartlink.standard.reject import CALLED_AE_TITLE_NOT_RECOGNIZED, AbortSource
from tests.gateway.dicom.wire import ACCEPT, ECHO, REQUEST, hear, p_data

ACCEPT_PDU, REQUEST_PDU = pdu.encode_associate_accept(ACCEPT), pdu.encode_associate_request(REQUEST)

ACCEPTOR: dict[State, list[str | bytes]] = {
    State.IDLE: [],
    State.AWAITING_REQUEST: ["opened"],
    State.AWAITING_LOCAL_ANSWER: ["opened", REQUEST_PDU],
    State.ESTABLISHED: ["opened", REQUEST_PDU, "accept"],
    State.AWAITING_RELEASE_RP: ["opened", REQUEST_PDU, "accept", "release"],
    State.AWAITING_LOCAL_RELEASE: ["opened", REQUEST_PDU, "accept", pdu.RELEASE_RQ],
    State.COLLISION_ACCEPTOR_RP: ["opened", REQUEST_PDU, "accept", "release", pdu.RELEASE_RQ],
    State.COLLISION_ACCEPTOR_LOCAL: ["opened", REQUEST_PDU, "accept", "release", pdu.RELEASE_RQ, pdu.RELEASE_RP],
    State.AWAITING_CLOSE: ["opened", REQUEST_PDU, "reject"],
}
REQUESTOR: dict[State, list[str | bytes]] = {
    State.AWAITING_TRANSPORT: ["request"],
    State.AWAITING_ANSWER: ["request", "opened"],
    State.ESTABLISHED: ["request", "opened", ACCEPT_PDU],
    State.AWAITING_RELEASE_RP: ["request", "opened", ACCEPT_PDU, "release"],
    State.AWAITING_LOCAL_RELEASE: ["request", "opened", ACCEPT_PDU, pdu.RELEASE_RQ],
    State.COLLISION_REQUESTOR_LOCAL: ["request", "opened", ACCEPT_PDU, "release", pdu.RELEASE_RQ],
    State.COLLISION_REQUESTOR_RP: ["request", "opened", ACCEPT_PDU, "release", pdu.RELEASE_RQ, "respond"],
    State.AWAITING_CLOSE: ["request", "opened", ACCEPT_PDU, pdu.RELEASE_RQ, "respond"],
}
PLACES = [(Role.ACCEPTOR, state) for state in ACCEPTOR] + [(Role.REQUESTOR, state) for state in REQUESTOR]

LOCAL: dict[Evt, tuple[str, Callable[[ul.UpperLayer], object]]] = {
    Evt.ASSOCIATE_REQUEST: ("request", lambda layer: layer.request(REQUEST)),
    Evt.ASSOCIATE_ACCEPTED: ("accept", lambda layer: layer.accept(ACCEPT)),
    Evt.ASSOCIATE_REJECTED: ("reject", lambda layer: layer.reject(CALLED_AE_TITLE_NOT_RECOGNIZED)),
    Evt.P_DATA_REQUEST: ("say", lambda layer: layer.send_command(3, ECHO)),
    Evt.RELEASE_REQUEST: ("release", lambda layer: layer.release()),
    Evt.RELEASE_RESPONSE: ("respond", lambda layer: layer.respond_release()),
    Evt.ARTIM_EXPIRED: ("artim", lambda layer: layer.artim_expired()),
}
BY_NAME = dict(LOCAL.values()) | {"opened": lambda layer: layer.transport_opened()}

PDUS = {
    Evt.ASSOCIATE_AC_PDU: ACCEPT_PDU,
    Evt.ASSOCIATE_RJ_PDU: pdu.encode_associate_reject(pdu.AssociateReject(1, 1, 7)),
    Evt.ASSOCIATE_RQ_PDU: REQUEST_PDU,
    Evt.P_DATA_TF_PDU: p_data((3, 3, dimse.encode(ECHO))),
    Evt.RELEASE_RQ_PDU: pdu.RELEASE_RQ,
    Evt.RELEASE_RP_PDU: pdu.RELEASE_RP,
    Evt.ABORT_PDU: pdu.encode_abort(pdu.Abort(0, 0)),
    Evt.INVALID_PDU: b"\x99\0\0\0\0\0",
}
TOLD = {
    Action.AE_3: ul.AssociationAccepted,
    Action.AE_4: ul.AssociationRejected,
    Action.AE_6: ul.AssociationRequested,
    Action.AR_2: ul.ReleaseRequested,
    Action.AR_3: ul.Released,
    Action.AR_6: ul.CommandReceived,
    Action.AR_8: ul.ReleaseRequested,
    Action.DT_2: ul.CommandReceived,
    Action.AA_1: ul.Faulted,
    Action.AA_2: ul.Aborted,
    Action.AA_3: ul.Aborted,
    Action.AA_7: ul.Faulted,
    Action.AA_8: ul.Faulted,
}
"""What the user is told for each action that a PDU leads to; nothing for the others."""


def brought_to(role: Role, state: State) -> ul.UpperLayer:
    layer = ul.UpperLayer(role)
    for step in (ACCEPTOR if role is Role.ACCEPTOR else REQUESTOR)[state]:
        if isinstance(step, bytes):
            hear(layer, step)
        else:
            BY_NAME[step](layer)
    assert layer.state is state
    return layer


def following(role: Role, state: State, event: Evt) -> State:
    action, after = MOVES[event, state]
    return State.COLLISION_ACCEPTOR_RP if (action, role) == (Action.AR_8, Role.ACCEPTOR) else after


def test_every_state_of_the_table_is_reached() -> None:
    assert {state for _, state in PLACES} == set(State)


@pytest.mark.parametrize("event", PDUS, ids=lambda event: event.name)
@pytest.mark.parametrize(("role", "state"), PLACES, ids=lambda word: word.name)
def test_every_pdu_in_every_state_does_what_the_table_says(role: Role, state: State, event: Evt) -> None:
    layer = brought_to(role, state)
    if (event, state) not in MOVES:
        assert state in (State.IDLE, State.AWAITING_TRANSPORT)  # no transport, so nothing can come
        return
    events = hear(layer, PDUS[event])
    action = MOVES[event, state][0]
    assert [type(one) for one in events] == ([TOLD[action]] if action in TOLD else [])
    assert layer.state is following(role, state, event)
    if events and isinstance(events[0], ul.Faulted):
        abort = pdu.decode_abort(events[0].reply[6:])
        assert abort.source == (AbortSource.SERVICE_USER if action is Action.AA_1 else AbortSource.SERVICE_PROVIDER)


@pytest.mark.parametrize("event", LOCAL, ids=lambda event: event.name)
@pytest.mark.parametrize(("role", "state"), PLACES, ids=lambda word: word.name)
def test_every_primitive_in_every_state_moves_or_is_illegal(role: Role, state: State, event: Evt) -> None:
    layer = brought_to(role, state)
    call = LOCAL[event][1]
    if (event, state) not in MOVES:
        with pytest.raises(IllegalMove):
            call(layer)
        assert layer.state is state
        return
    call(layer)
    assert layer.state is following(role, state, event)


@pytest.mark.parametrize(("role", "state"), PLACES, ids=lambda word: word.name)
def test_an_abort_of_ours_is_sent_where_there_is_something_to_abort(role: Role, state: State) -> None:
    layer = brought_to(role, state)
    sent = layer.abort(AbortSource.SERVICE_USER)
    move = MOVES.get((Evt.ABORT_REQUEST, state))
    assert bool(sent) is (move is not None and move[0] is Action.AA_1)
    assert layer.state is (state if move is None else move[1])


@pytest.mark.parametrize(("role", "state"), PLACES, ids=lambda word: word.name)
def test_a_transport_that_closes_ends_every_state(role: Role, state: State) -> None:
    layer = brought_to(role, state)
    nothing_lost = {State.IDLE, State.AWAITING_REQUEST, State.AWAITING_CLOSE}
    assert layer.transport_closed() == ul.TransportClosed(expected=state in nothing_lost)
    assert layer.state is State.IDLE


def test_a_peer_that_aborts_while_both_release_is_heard() -> None:
    for role, state in PLACES:
        if state in (State.COLLISION_ACCEPTOR_RP, State.COLLISION_REQUESTOR_RP, State.AWAITING_RELEASE_RP):
            layer = brought_to(role, state)
            assert hear(layer, PDUS[Evt.ABORT_PDU]) == [ul.Aborted(0, 0)]
            assert layer.state is State.IDLE


def test_a_message_that_crosses_our_release_is_still_heard_in_pieces() -> None:
    layer = brought_to(Role.REQUESTOR, State.AWAITING_RELEASE_RP)
    echo = replace(ECHO, message_id=12)
    assert hear(layer, p_data((3, 3, dimse.encode(echo))) + pdu.RELEASE_RP, 3) == [
        ul.CommandReceived(3, echo),
        ul.Released(),
    ]
