"""What we ask of a peer on the Association that it opened: once it is quiet, and one request at a time.

A Storage Commitment SCU may release as soon as its N-ACTION is answered (PS3.4 section J.3.2.1.2); one that does
would be hurt by a request that crosses its release, so we wait for a moment in which it says nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from smartlink.gateway.dicom.framing import message

if TYPE_CHECKING:
    from smartlink.gateway.dicom.command import Command
    from smartlink.gateway.dicom.upper_layer import UpperLayer

QUIET_SECONDS: Final = 0.5
"""How long a peer has to be silent before it is asked something."""
_LAST_MESSAGE_ID: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class Question:
    """One request of ours, without its Message ID, and its Data Set."""

    command: Command
    data_set: bytes


class Notice(Protocol):
    """Something that a peer is to be told on its own Association, if it stays long enough."""

    @property
    def context_id(self) -> int:
        """The Presentation Context in which it is told."""

    def question(self) -> Question | None:
        """Return what to say, or None when there is nothing to say any more."""

    def answered(self, status: int) -> None:
        """The peer answered."""

    def unanswered(self) -> None:
        """The Association ended before the peer answered, or before it was asked."""


class Asking:
    """The requests that one Association of a peer still owes it."""

    def __init__(self, layer: UpperLayer) -> None:
        self._layer = layer
        self._owed: deque[Notice] = deque()
        self._asked: Notice | None = None
        self._message_id = 0

    def owe(self, notice: Notice) -> None:
        """Tell the peer when it is quiet."""
        self._owed.append(notice)

    @property
    def is_due(self) -> bool:
        """Whether there is something to ask, and nothing under way."""
        return bool(self._owed) and self._asked is None

    def next(self) -> bytes:
        """Return the next request as it is to be sent; nothing when there is none any more."""
        while self.is_due:
            notice = self._owed.popleft()
            question = notice.question()
            if question is not None:
                self._asked = notice
                self._message_id = self._message_id % _LAST_MESSAGE_ID + 1
                command = replace(question.command, message_id=self._message_id)
                return message(self._layer, notice.context_id, command, question.data_set)
        return b""

    def answered(self, response: Command) -> None:
        """Take a response of the peer; one to nothing that we asked is passed over."""
        if self._asked is not None and response.message_id_responded_to == self._message_id:
            asked, self._asked = self._asked, None
            asked.answered(response.status)

    def end(self) -> None:
        """The Association is over."""
        asked, self._asked = self._asked, None
        for notice in ([] if asked is None else [asked]) + list(self._owed):
            notice.unanswered()
        self._owed.clear()
