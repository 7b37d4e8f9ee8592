"""Verification SCP (PS3.4 Annex A): a scanner's Test button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smartlink.gateway.dicom.service import Answer, Callers, Peer
from smartlink.standard.status import Status

if TYPE_CHECKING:
    from smartlink.gateway.dicom.command import Command
    from smartlink.gateway.dicom.negotiation import Context


STATUSES: Final = {Status.SUCCESS: "The receiver is there."}
"""What a C-ECHO is answered with."""


class VerificationSCP:
    """Answers C-ECHO with Success and says who asked."""

    def __init__(self, callers: Callers) -> None:
        """Take who is told of callers."""
        self._callers = callers

    def begin(self, peer: Peer, context: Context, command: Command) -> Answer:  # noqa: ARG002 - a Service
        """Answer one C-ECHO (PS3.7 section 9.1.5)."""
        self._callers.seen(peer.calling_ae_title, peer.address, verified=True)
        return Answer(command.response(Status.SUCCESS))
