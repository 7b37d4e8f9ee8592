"""The result of a Storage Commitment on an Association of our own (PS3.4 section J.3.3): we are SCP and requestor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from smartlink.gateway.calling import AssociationFailed, Layer, SendLimits
from smartlink.gateway.dicom.commitment_scp import report
from smartlink.gateway.dicom.framing import message
from smartlink.gateway.dicom.requestor import Call, Proposal, Stopped, place
from smartlink.gateway.dicom.user_information import RoleSelection
from smartlink.gateway.errors import Stopping
from smartlink.standard.sop_class import STORAGE_COMMITMENT
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from smartlink.gateway.calling import Peer
    from smartlink.gateway.commitments import Result

PROPOSALS: Final = (
    Proposal(STORAGE_COMMITMENT, EXPLICIT_VR_LITTLE_ENDIAN),
    Proposal(STORAGE_COMMITMENT, IMPLICIT_VR_LITTLE_ENDIAN),
)
ROLES: Final = (RoleSelection(STORAGE_COMMITMENT, scu=False, scp=True),)
"""We are the SCP although we call (PS3.7 section D.3.3.4). A peer that does not answer this is told nevertheless."""
LIMITS: Final = SendLimits(connect_seconds=10, associate_seconds=15, response_seconds=30, idle_seconds=30)


def tell(peer: Peer, result: Result, stop: Callable[[], bool], limits: SendLimits = LIMITS) -> int:
    """Tell the result and return the Status answered. Raises AssociationFailed, or Stopping when told to."""
    try:
        with Call(peer, limits, stop) as call:
            accepted = call.associate(PROPOSALS, ROLES)
            chosen = next((one for one in PROPOSALS if one in accepted), None)
            if chosen is None:
                raise AssociationFailed(
                    Layer.CONTEXT,
                    f"{place(peer)} does not take results of Storage Commitment.",
                    "Check the port: some ultrasound systems hear them at one of its own.",
                )
            question = report(result, chosen.transfer_syntax)
            command = replace(question.command, message_id=1)
            call.send(message(call.upper_layer, accepted[chosen], command, question.data_set))
            answer = call.response(command)
            call.release()
            return answer.status
    except Stopped:
        raise Stopping("SmartLink is stopping.") from None
