"""What a DIMSE service of ours looks like to the Association that carries it, and whom it tells about callers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smartlink.gateway.dicom.asking import Notice
    from smartlink.gateway.dicom.command import Command
    from smartlink.gateway.dicom.negotiation import Context
    from smartlink.gateway.refusals import Refusal
    from smartlink.standard.names import AETitle


def _tell_nobody(notice: Notice) -> None:
    """There is no Association on which the peer could be told."""
    notice.unanswered()


@dataclass(frozen=True, slots=True)
class Peer:
    """The other side of one Association, as it was accepted."""

    calling_ae_title: AETitle
    called_ae_title: str
    address: str
    local_address: str
    owe: Callable[[Notice], None] = _tell_nobody
    """Tells the peer something on this Association, when it is quiet."""


class Callers(Protocol):
    """Who called, for the list of connections; each call returns at once and does not fail."""

    def seen(self, calling_ae_title: str, address: str, verified: bool) -> None:  # noqa: FBT001 - by keyword
        """A caller asked for its first C-ECHO (`verified`) or C-STORE (not) on an Association."""

    def refused(self, refusal: Refusal) -> None:
        """A caller was turned away: the one place where that is counted and logged."""

    def syntaxes_refused(self, calling_ae_title: str, address: str, abstract_syntax_uids: Sequence[str]) -> None:
        """A caller also proposed Abstract Syntaxes that are not ours."""


class Exchange(Protocol):
    """One request being answered: its Data Set comes in pieces, then the response goes out."""

    def write(self, fragment: memoryview) -> None:
        """Take the next bytes of the Data Set; never fails, a refusal waits for `finish`."""

    def finish(self) -> Command:
        """Return the response; the Data Set is complete."""

    def abandon(self) -> None:
        """The Association ended before the Data Set did: undo."""


class Service(Protocol):
    """One kind of request that we answer."""

    def begin(self, peer: Peer, context: Context, command: Command) -> Exchange:
        """Begin to answer one request."""


@dataclass(slots=True)
class Answer:
    """An Exchange that needs no Data Set: what comes is passed over, so that the Association stays usable."""

    response: Command

    def write(self, fragment: memoryview) -> None:
        """Pass over what nobody asked for."""

    def finish(self) -> Command:
        """Return the response."""
        return self.response

    def abandon(self) -> None:
        """There is nothing to undo."""
