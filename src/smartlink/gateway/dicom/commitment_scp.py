"""Storage Commitment SCP (PS3.4 Annex J): takes the N-ACTION, and tells the result to a peer that stays.

Many scanners delete an exam after it. A response Success says only that the request is taken: it is on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.commitments import Asked, CommitmentRefused, Commitments
from smartlink.gateway.dicom.asking import Question
from smartlink.gateway.dicom.command import WITH_DATA_SET, Command, CommandField
from smartlink.gateway.dicom.commitment_data import (
    LONGEST,
    TooManyReferences,
    UnreadableRequest,
    event_type_of,
    read_request,
    write_result,
)
from smartlink.standard.sop_class import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from smartlink.standard.status import Status

if TYPE_CHECKING:
    from smartlink.gateway.commitments import Result
    from smartlink.gateway.dicom.negotiation import Context
    from smartlink.gateway.dicom.service import Callers, Peer

log = structlog.get_logger(__name__)

REQUEST_STORAGE_COMMITMENT: Final = 1
"""Action Type ID (PS3.4 table J.3-1)."""

STATUSES: Final = {
    Status.SUCCESS: "The request is taken; its result follows.",
    Status.NO_SUCH_SOP_CLASS: "Another SOP Class than Storage Commitment Push Model.",
    Status.NO_SUCH_OBJECT_INSTANCE: "Another SOP Instance than the well-known one.",
    Status.NO_SUCH_ACTION: "Another Action Type than 1.",
    Status.INVALID_ARGUMENT_VALUE: "A Data Set that is no request, or names no SOP Instance.",
    Status.RESOURCE_LIMITATION: "A request that is too long, or too many whose results are not told yet.",
    Status.PROCESSING_FAILURE: "The catalogue cannot be written.",
}
"""What an N-ACTION is answered with."""

FAILURE_REASONS: Final = {
    Status.NO_SUCH_OBJECT_INSTANCE: "The gateway neither holds the SOP Instance nor has Works' receipt for it.",
    Status.CLASS_INSTANCE_CONFLICT: "It holds the SOP Instance under another SOP Class.",
    Status.PROCESSING_FAILURE: "What it holds cannot be read, is damaged, or only refers to its pixels.",
}
"""Failure Reasons in a result."""


class StorageCommitmentSCP:
    """Takes requests for the use case `commitments`."""

    def __init__(self, commitments: Commitments, callers: Callers) -> None:
        """Take the use case and who is told of callers."""
        self._commitments = commitments
        self._callers = callers

    def begin(self, peer: Peer, context: Context, command: Command) -> CommitmentExchange:
        """Begin one N-ACTION (PS3.7 section 10.1.4)."""
        self._callers.seen(peer.calling_ae_title, peer.address, verified=True)
        return CommitmentExchange(self._commitments, peer, context, command)


class CommitmentExchange:
    """One N-ACTION under way; its Data Set is small and is held."""

    def __init__(self, commitments: Commitments, peer: Peer, context: Context, command: Command) -> None:
        """Begin with an empty Data Set."""
        self._commitments = commitments
        self._peer = peer
        self._context = context
        self._command = command
        self._data = bytearray()
        self._too_long = False

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes; those beyond the limit are passed over."""
        self._too_long = self._too_long or len(self._data) + len(fragment) > LONGEST
        if not self._too_long:
            self._data += fragment

    def finish(self) -> Command:
        """Return the response; Success when the request is on disk."""
        try:
            number = self._commitments.ask(self._asked())
        except CommitmentRefused as refusal:
            log.error(
                "commitment_refused",
                status=refusal.status.shown,
                why=str(refusal),
                calling_ae_title=self._peer.calling_ae_title,
                address=self._peer.address,
            )
            return self._command.response(refusal.status, str(refusal))
        self._peer.owe(ResultNotice(self._commitments, number, self._context))
        return self._command.response(Status.SUCCESS)

    def abandon(self) -> None:
        """There is nothing to undo."""

    def _asked(self) -> Asked:
        """Return what is asked, or raise CommitmentRefused."""
        if self._command.requested_sop_class_uid != STORAGE_COMMITMENT:
            raise CommitmentRefused(Status.NO_SUCH_SOP_CLASS, "The SOP Class is not Storage Commitment Push Model.")
        if self._command.requested_sop_instance_uid != STORAGE_COMMITMENT_INSTANCE:
            raise CommitmentRefused(Status.NO_SUCH_OBJECT_INSTANCE, "The SOP Instance is not the well-known one.")
        if self._command.action_type_id != REQUEST_STORAGE_COMMITMENT:
            raise CommitmentRefused(Status.NO_SUCH_ACTION, "The Action Type ID is not 1.")
        if self._too_long:
            raise CommitmentRefused(Status.RESOURCE_LIMITATION, "The Data Set is too long.")
        try:
            transaction_uid, instances = read_request(bytes(self._data), self._context.transfer_syntax)
        except TooManyReferences as problem:
            raise CommitmentRefused(Status.RESOURCE_LIMITATION, str(problem)) from problem
        except UnreadableRequest as problem:
            raise CommitmentRefused(Status.INVALID_ARGUMENT_VALUE, str(problem)) from problem
        return Asked(
            calling_ae_title=self._peer.calling_ae_title,
            called_ae_title=self._peer.called_ae_title,
            address=self._peer.address,
            transaction_uid=transaction_uid,
            instances=instances,
        )


class ResultNotice:
    """The result of one request, for the Association on which it was asked for."""

    def __init__(self, commitments: Commitments, number: int, context: Context) -> None:
        """Nothing is decided before the peer is quiet."""
        self._commitments = commitments
        self._number = number
        self._context = context

    @property
    def context_id(self) -> int:
        """The Presentation Context of the request."""
        return self._context.context_id

    def question(self) -> Question | None:
        """Return the N-EVENT-REPORT, or None when the result is told elsewhere."""
        result = self._commitments.fresh(self._number)
        return None if result is None else report(result, self._context.transfer_syntax)

    def answered(self, status: int) -> None:
        """The peer took the result, or did not."""
        self._commitments.told(self._number, status)

    def unanswered(self) -> None:
        """The Association ended: the result is told on a new one."""
        self._commitments.untold(self._number)


def report(result: Result, transfer_syntax: str) -> Question:
    """Return the N-EVENT-REPORT of a result (PS3.4 section J.3.3)."""
    command = Command(
        CommandField.N_EVENT_REPORT_RQ,
        affected_sop_class_uid=STORAGE_COMMITMENT,
        affected_sop_instance_uid=STORAGE_COMMITMENT_INSTANCE,
        data_set_type=WITH_DATA_SET,
        event_type_id=event_type_of(result),
    )
    return Question(command, write_result(result, transfer_syntax))
