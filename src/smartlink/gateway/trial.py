"""Test Connection: the steps of the way to a PACS or worklist server, from the outside in (R47, R57).

Values only; `dicom.trial_run` walks the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from smartlink.gateway.calling import AssociationFailed, Layer, Peer

if TYPE_CHECKING:
    from collections.abc import Sequence


class Step(StrEnum):
    """One step of the way, in its order."""

    NAME = "name"
    ROUTE = "route"
    PORT = "port"
    TLS = "tls"
    ASSOCIATION = "association"
    CONTEXTS = "contexts"
    ECHO = "echo"
    FIND = "find"


class Ended(StrEnum):
    """How a step ended."""

    OK = "ok"
    WARNED = "warned"
    """It did not go as it should, and the test passes all the same (R57)."""
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Line:
    """One step of a trial, in a sentence for a person."""

    step: Step
    ended: Ended
    sentence: str
    milliseconds: float | None = None
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Offered:
    """One Presentation Context that was proposed, by the names of the standard, and whether it was accepted."""

    sop_class: str
    transfer_syntax: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a trial: a line for every step, and every context."""

    peer: Peer
    lines: tuple[Line, ...]
    contexts: tuple[Offered, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether the peer can be used: nothing failed."""
        return not any(line.ended is Ended.FAILED for line in self.lines)

    @property
    def failure(self) -> Line | None:
        """The step at which the way is broken."""
        return next((line for line in self.lines if line.ended is Ended.FAILED), None)


_BROKEN_AT: Final = {
    Layer.NAME: Step.NAME,
    Layer.ROUTE: Step.ROUTE,
    Layer.PORT: Step.PORT,
    Layer.TLS: Step.TLS,
    Layer.ASSOCIATION: Step.ASSOCIATION,
    Layer.CONTEXT: Step.CONTEXTS,
}
"""The other layers break whatever step is under way."""

_PASSED: Final = {
    Step.NAME: "The name has an address.",
    Step.ROUTE: "The machine answers.",
    Step.PORT: "Something listens on the port.",
    Step.TLS: "The connection is secured.",
}


def concluded(peer: Peer, lines: Sequence[Line], contexts: Sequence[Offered] = ()) -> Trial:
    """Return a trial that went to its end."""
    return Trial(peer, tuple(lines), tuple(contexts))


def broken(
    peer: Peer,
    lines: Sequence[Line],
    failed: AssociationFailed,
    under_way: Step,
    contexts: Sequence[Offered] = (),
    last: Step = Step.ECHO,
) -> Trial:
    """Return a trial that failed: what came before passed, what would come after is skipped.

    `last` is the step at which such a trial ends.
    """
    at = _BROKEN_AT.get(failed.layer, under_way)
    told = {line.step: line for line in lines}
    result: list[Line] = []
    before = True
    for step in Step:
        if step is Step.TLS and peer.tls is None and at is not step:
            continue
        if step is Step.FIND and last is not Step.FIND:
            continue
        if step is at:
            result.append(Line(step, Ended.FAILED, failed.sentence, remedy=failed.remedy))
            before = False
        elif before:
            result.append(told.get(step) or Line(step, Ended.OK, _PASSED.get(step, "")))
        else:
            result.append(Line(step, Ended.SKIPPED, "Not tried."))
    return Trial(peer, tuple(result), tuple(contexts))
