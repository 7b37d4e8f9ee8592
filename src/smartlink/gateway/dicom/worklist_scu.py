"""Modality Worklist SCU (PS3.4 Annex K): one bounded C-FIND in an Association of its own.

It stands on our requestor like every other call of the gateway, so that TLS, waits and the sentences about what is
broken are the same for a worklist server as for a PACS.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.calling import AssociationFailed, Layer
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.command import WITH_DATA_SET, Command, CommandField
from smartlink.gateway.dicom.framing import message
from smartlink.gateway.dicom.requestor import Call, Proposal, Stopped, never, place
from smartlink.gateway.dicom.worklist_data import LONGEST, UnreadableAnswer, read_answers, write_identifier
from smartlink.gateway.worklist import Answer, Answers, Asked
from smartlink.link.sentences import Sentence
from smartlink.link.worklist import MOST_ITEMS
from smartlink.standard.sop_class import MODALITY_WORKLIST_FIND
from smartlink.standard.status import Status, find_meaning, shown
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smartlink.gateway.calling import Peer, SendLimits

PROPOSALS: Final = (
    Proposal(MODALITY_WORKLIST_FIND, EXPLICIT_VR_LITTLE_ENDIAN),
    Proposal(MODALITY_WORKLIST_FIND, IMPLICIT_VR_LITTLE_ENDIAN),
)
"""Both uncompressed Transfer Syntaxes, the better first."""
LONGEST_SECONDS: Final = 120.0
"""For all answers together: a server that answers for ever is given up."""
_MOST_AFTER_CANCEL: Final = 200
"""Answers that a server may still send after it was told to end; more, and it has not heard."""
STATUSES: Final = {
    Status.SUCCESS: "The list is whole.",
    Status.PENDING: "One scheduled step of the list.",
    Status.PENDING_WITHOUT_OPTIONAL_KEYS: "One scheduled step of the list.",
    Status.CANCEL: f"The list was cut off after {MOST_ITEMS} steps, as we asked.",
}
"""What a status of C-FIND leads to; with any other nothing of the list is used, and the server is asked again later."""
_PENDING: Final = frozenset({Status.PENDING, Status.PENDING_WITHOUT_OPTIONAL_KEYS})
_MESSAGE_ID: Final = 2  # C-ECHO in the same Association is 1


def find(
    peer: Peer,
    asked: Asked,
    limits: SendLimits,
    stop: Callable[[], bool] = never,
    clock: Callable[[], float] = time.monotonic,
) -> Answers:
    """Return at most 500 answers of the server; the rest is cancelled and `truncated` says so.

    Raises AssociationFailed, also when the server refuses the query: nothing of a broken list is used.
    """
    try:
        with Call(peer, limits, stop, clock) as call:
            found = find_in(call, call.associate(PROPOSALS), asked, limits, clock)
            call.release()
    except Stopped:
        raise AssociationFailed(Layer.TIMEOUT, f"{place(peer)} was not waited for: SmartLink is stopping.") from None
    return found


def find_in(
    call: Call,
    accepted: Mapping[Proposal, int],
    asked: Asked,
    limits: SendLimits,
    clock: Callable[[], float],
    most: int = MOST_ITEMS,
) -> Answers:
    """Return the answers to one C-FIND in an open Association. Raises AssociationFailed."""
    chosen = next((one for one in PROPOSALS if one in accepted), None)
    if chosen is None:
        raise AssociationFailed(Layer.CONTEXT, *not_offered(call.peer))
    return _Query(call, accepted[chosen], chosen.transfer_syntax, asked, most).run(limits, clock)


def not_offered(peer: Peer) -> tuple[str, str]:
    """Return what to say of a server that has no worklist for us, and what to do."""
    return (
        Sentence.NO_WORKLIST.of(place=place(peer)),
        (
            "Ask the administrator of the worklist server to allow Modality Worklist (FIND) for the AE title"
            f" {peer.calling_ae_title}."
        ),
    )


@dataclass(slots=True)
class _Query:
    """One C-FIND under way."""

    call: Call
    context_id: int
    transfer_syntax: str
    asked: Asked
    most: int

    def run(self, limits: SendLimits, clock: Callable[[], float]) -> Answers:
        ends = clock() + LONGEST_SECONDS
        request = Command(
            field=CommandField.C_FIND_RQ,
            message_id=_MESSAGE_ID,
            affected_sop_class_uid=MODALITY_WORKLIST_FIND,
            data_set_type=WITH_DATA_SET,
        )
        identifier = write_identifier(self.asked, self.transfer_syntax)
        self.call.send(message(self.call.upper_layer, self.context_id, request, identifier))
        answers: list[Answer] = []
        unreadable = after = 0
        truncated = False
        while (response := self.call.response(request)).status in _PENDING:
            data = self._data_set(limits, clock, ends) if response.has_data_set else b""
            if clock() > ends:
                raise self._endless()
            if truncated:
                after += 1
                if after > _MOST_AFTER_CANCEL:
                    break
                continue
            try:
                answers += read_answers(data, self.transfer_syntax, self.asked.character_set)
            except UnreadableAnswer:
                unreadable += 1
            if len(answers) > self.most or len(answers) + unreadable > 2 * self.most:
                truncated = True
                self._cancel(request)
        else:
            if response.has_data_set:
                self._data_set(limits, clock, ends)
            if response.status != Status.SUCCESS and not (truncated and response.status == Status.CANCEL):
                raise self._refused(response.status)
        return Answers(tuple(answers[: self.most]), truncated, unreadable)

    def _data_set(self, limits: SendLimits, clock: Callable[[], float], ends: float) -> bytes:
        """Return the Data Set that follows; one that is too long is passed over and reads as nothing.

        Raises AssociationFailed when it goes on after the time for all answers together.
        """
        gathered = bytearray()
        while True:
            event = self.call.receive(limits.response_seconds, "a query")
            if not isinstance(event, ul.DataFragment):
                raise self.call.failure(event)
            if clock() > ends:
                raise self._endless()
            if len(gathered) <= LONGEST:
                gathered += event.data
            if event.last:
                return bytes(gathered) if len(gathered) <= LONGEST else b""

    def _cancel(self, request: Command) -> None:
        """Tell the server that it is enough (PS3.7 section 9.3.2.3)."""
        cancel = Command(field=CommandField.C_CANCEL_RQ, message_id_responded_to=request.message_id)
        self.call.send(message(self.call.upper_layer, self.context_id, cancel))

    def _endless(self) -> AssociationFailed:
        return AssociationFailed(
            Layer.TIMEOUT,
            Sentence.ENDLESS.of(place=place(self.call.peer), seconds=f"{LONGEST_SECONDS:g}"),
            "Look into the log of the worklist server: it may be overloaded.",
        )

    def _refused(self, status: int) -> AssociationFailed:
        return AssociationFailed(
            Layer.PROTOCOL,
            Sentence.QUERY_REFUSED.of(place=place(self.call.peer), meaning=find_meaning(status), status=shown(status)),
            "Look into the log of the worklist server, or ask its administrator.",
        )
