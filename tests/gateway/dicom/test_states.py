from __future__ import annotations

from itertools import product

import pytest
from pynetdicom.fsm import TRANSITION_TABLE

from smartlink.gateway.dicom.states import MOVES, Evt, IllegalMove, Role, State, step

PAIRS = list(product(Evt, State))


def test_the_table_is_the_one_that_pynetdicom_typed_in_from_the_standard() -> None:
    theirs = {
        (Evt(int(event[3:])), State(int(state[3:]))): action for (event, state), action in TRANSITION_TABLE.items()
    }
    assert {pair: action.value for pair, (action, _) in MOVES.items()} == theirs


@pytest.mark.parametrize("role", Role)
def test_every_pair_moves_or_is_illegal(role: Role) -> None:
    for event, state in PAIRS:
        if (event, state) in MOVES:
            assert step(state, event, role)[1] in State
        else:
            with pytest.raises(IllegalMove):
                step(state, event, role)


def test_a_release_collision_leads_each_side_to_its_own_state() -> None:
    move = State.AWAITING_RELEASE_RP, Evt.RELEASE_RQ_PDU
    assert step(*move, Role.REQUESTOR)[1] is State.COLLISION_REQUESTOR_LOCAL
    assert step(*move, Role.ACCEPTOR)[1] is State.COLLISION_ACCEPTOR_RP


def test_whatever_a_peer_sends_is_in_the_table_once_the_transport_is_open() -> None:
    of_peers = (3, 4, 6, 10, 12, 13, 16, 17, 19)
    open_states = set(State) - {State.IDLE, State.AWAITING_TRANSPORT}
    assert all((Evt(event), state) in MOVES for event in of_peers for state in open_states)
