"""The state machine of the DICOM Upper Layer, typed in as the table of the standard (PS3.8 section 9.2, table 9-10)."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final


class Role(Enum):
    """Which side of the Association we are (PS3.8 section 7.1.1)."""

    ACCEPTOR = "acceptor"
    REQUESTOR = "requestor"


class State(IntEnum):
    """States (PS3.8 tables 9-1 to 9-5)."""

    IDLE = 1
    AWAITING_REQUEST = 2
    AWAITING_LOCAL_ANSWER = 3
    AWAITING_TRANSPORT = 4
    AWAITING_ANSWER = 5
    ESTABLISHED = 6
    AWAITING_RELEASE_RP = 7
    AWAITING_LOCAL_RELEASE = 8
    COLLISION_REQUESTOR_LOCAL = 9
    COLLISION_ACCEPTOR_RP = 10
    COLLISION_REQUESTOR_RP = 11
    COLLISION_ACCEPTOR_LOCAL = 12
    AWAITING_CLOSE = 13


class Evt(IntEnum):
    """Events (PS3.8 table 9-10, first column)."""

    ASSOCIATE_REQUEST = 1
    TRANSPORT_CONFIRMED = 2
    ASSOCIATE_AC_PDU = 3
    ASSOCIATE_RJ_PDU = 4
    TRANSPORT_INDICATED = 5
    ASSOCIATE_RQ_PDU = 6
    ASSOCIATE_ACCEPTED = 7
    ASSOCIATE_REJECTED = 8
    P_DATA_REQUEST = 9
    P_DATA_TF_PDU = 10
    RELEASE_REQUEST = 11
    RELEASE_RQ_PDU = 12
    RELEASE_RP_PDU = 13
    RELEASE_RESPONSE = 14
    ABORT_REQUEST = 15
    ABORT_PDU = 16
    TRANSPORT_CLOSED = 17
    ARTIM_EXPIRED = 18
    INVALID_PDU = 19


class Action(Enum):
    """Actions (PS3.8 tables 9-6 to 9-9)."""

    AE_1 = "AE-1"
    AE_2 = "AE-2"
    AE_3 = "AE-3"
    AE_4 = "AE-4"
    AE_5 = "AE-5"
    AE_6 = "AE-6"
    AE_7 = "AE-7"
    AE_8 = "AE-8"
    DT_1 = "DT-1"
    DT_2 = "DT-2"
    AR_1 = "AR-1"
    AR_2 = "AR-2"
    AR_3 = "AR-3"
    AR_4 = "AR-4"
    AR_5 = "AR-5"
    AR_6 = "AR-6"
    AR_7 = "AR-7"
    AR_8 = "AR-8"
    AR_9 = "AR-9"
    AR_10 = "AR-10"
    AA_1 = "AA-1"
    AA_2 = "AA-2"
    AA_3 = "AA-3"
    AA_4 = "AA-4"
    AA_5 = "AA-5"
    AA_6 = "AA-6"
    AA_7 = "AA-7"
    AA_8 = "AA-8"


class IllegalMove(Exception):
    """The table has no entry for this event in this state: a mistake of the caller, never of the peer."""


_A = Action

_AA_1_IN_2: Final = {2: (_A.AA_1, 13)}
_AA_8_IN_3_TO_12: Final = dict.fromkeys((3, 5, 6, 7, 8, 9, 10, 11, 12), (_A.AA_8, 13))
_AA_6_IN_13: Final = {13: (_A.AA_6, 13)}
_UNEXPECTED: Final = _AA_1_IN_2 | _AA_8_IN_3_TO_12 | _AA_6_IN_13
"""What the table says of a PDU nearly everywhere; each row below lists where it differs."""

_ROWS: Final[dict[int, dict[int, tuple[Action, int]]]] = {
    1: {1: (_A.AE_1, 4)},
    2: {4: (_A.AE_2, 5)},
    3: _UNEXPECTED | {5: (_A.AE_3, 6)},
    4: _UNEXPECTED | {5: (_A.AE_4, 1)},
    5: {1: (_A.AE_5, 2)},
    6: _UNEXPECTED | {2: (_A.AE_6, 3), 13: (_A.AA_7, 13)},
    7: {3: (_A.AE_7, 6)},
    8: {3: (_A.AE_8, 13)},
    9: {6: (_A.DT_1, 6), 8: (_A.AR_7, 8)},
    10: _UNEXPECTED | {6: (_A.DT_2, 6), 7: (_A.AR_6, 7)},
    11: {6: (_A.AR_1, 7)},
    12: _UNEXPECTED | {6: (_A.AR_2, 8), 7: (_A.AR_8, 9)},
    13: _UNEXPECTED | {7: (_A.AR_3, 1), 10: (_A.AR_10, 12), 11: (_A.AR_3, 1)},
    14: {8: (_A.AR_4, 13), 9: (_A.AR_9, 11), 12: (_A.AR_4, 13)},
    15: dict.fromkeys((3, 5, 6, 7, 8, 9, 10, 11, 12), (_A.AA_1, 13)) | {4: (_A.AA_2, 1)},
    16: dict.fromkeys((3, 5, 6, 7, 8, 9, 10, 11, 12), (_A.AA_3, 1)) | {2: (_A.AA_2, 1), 13: (_A.AA_2, 1)},
    17: dict.fromkeys(range(3, 13), (_A.AA_4, 1)) | {2: (_A.AA_5, 1), 13: (_A.AR_5, 1)},
    18: {2: (_A.AA_2, 1), 13: (_A.AA_2, 1)},
    19: _UNEXPECTED | {13: (_A.AA_7, 13)},
}

MOVES: Final[dict[tuple[Evt, State], tuple[Action, State]]] = {
    (Evt(event), State(state)): (action, State(following))
    for event, row in _ROWS.items()
    for state, (action, following) in row.items()
}
"""Table 9-10. Where it names two next states the first is given: AE-6 leads to Sta13 when it rejects,
AR-8 to Sta10 on the acceptor's side."""


def step(state: State, event: Evt, role: Role) -> tuple[Action, State]:
    """Return the action and the next state of table 9-10, or raise IllegalMove."""
    try:
        action, following = MOVES[event, state]
    except KeyError:
        raise IllegalMove(f"Evt{event.value} in Sta{state.value}") from None
    if action is Action.AR_8 and role is Role.ACCEPTOR:
        return action, State.COLLISION_ACCEPTOR_RP
    return action, following
