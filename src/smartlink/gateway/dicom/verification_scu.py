"""Verification SCU (PS3.4 Annex A): whether a peer answers C-ECHO, and how fast."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from smartlink.gateway.calling import AssociationFailed, Layer
from smartlink.gateway.dicom.command import Command, CommandField
from smartlink.gateway.dicom.requestor import Call, Proposal, Stopped, never, place
from smartlink.standard.sop_class import VERIFICATION
from smartlink.standard.status import Status
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smartlink.gateway.calling import Peer, SendLimits

PROPOSALS: Final = (
    Proposal(VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN),
    Proposal(VERIFICATION, EXPLICIT_VR_LITTLE_ENDIAN),
)
"""The default Transfer Syntax, and one more for peers without it."""


def echo(
    peer: Peer,
    limits: SendLimits,
    stop: Callable[[], bool] = never,
    clock: Callable[[], float] = time.monotonic,
) -> float:
    """Return the seconds between C-ECHO request and Success, in an Association of its own.

    Raises AssociationFailed; its layer is CONTEXT when the peer takes the Association and not Verification.
    When `stop` ends it early the layer is TIMEOUT: nothing is known of the peer.
    """
    try:
        with Call(peer, limits, stop, clock) as call:
            took = echo_in(call, call.associate(PROPOSALS), clock)
            call.release()
    except Stopped:
        raise AssociationFailed(Layer.TIMEOUT, f"{place(peer)} was not waited for: SmartLink is stopping.") from None
    return took


def echo_in(call: Call, accepted: Mapping[Proposal, int], clock: Callable[[], float]) -> float:
    """Return the seconds that C-ECHO took in an open Association. Raises AssociationFailed."""
    context_id = next((accepted[one] for one in PROPOSALS if one in accepted), None)
    if context_id is None:
        raise AssociationFailed(
            Layer.CONTEXT,
            f"{place(call.peer)} does not offer Verification (C-ECHO).",
            "Nothing need be done if images arrive: some PACS servers offer storage only.",
        )
    began = clock()
    answer = call.ask(
        context_id, Command(field=CommandField.C_ECHO_RQ, message_id=1, affected_sop_class_uid=VERIFICATION)
    )
    if answer.status != Status.SUCCESS:
        raise AssociationFailed(
            Layer.CONTEXT,
            f"{place(call.peer)} answered C-ECHO with the status {answer.status:04X}.",
            "Look into the log of the PACS server, or ask its administrator.",
        )
    return clock() - began
