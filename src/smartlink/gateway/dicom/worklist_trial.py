"""Walks the way to a worklist server for Test Connection: C-ECHO, and a small C-FIND of today's list (R57)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.calling import AssociationFailed, Layer, Peer, SendLimits
from smartlink.gateway.dicom import worklist_scu
from smartlink.gateway.dicom.requestor import place
from smartlink.gateway.dicom.trial_run import Run
from smartlink.gateway.trial import Ended, Line, Offered, Step, Trial, broken, concluded
from smartlink.standard.transfer_syntax import TRANSFER_SYNTAXES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smartlink.gateway.dicom.requestor import Call, Proposal
    from smartlink.gateway.worklist import Asked

MOST: Final = 20
"""Answers that are taken: enough to see that there is a list."""
_SERVER: Final = "worklist server"


def try_out_worklist(
    peer: Peer, asked: Asked, limits: SendLimits, clock: Callable[[], float] = time.monotonic
) -> Trial:
    """Walk the way to the server and return how far it goes; never raises.

    It passes when C-ECHO is answered, or where the server does not offer that, the query; the lines say which.
    """
    run = _WorklistRun(peer, limits, clock, asked=asked)
    try:
        run.walk()
    except AssociationFailed as failed:
        return broken(peer, run.lines, failed.at(_SERVER), run.step, run.contexts, last=Step.FIND)
    return concluded(peer, run.lines, run.contexts)


@dataclass(slots=True, kw_only=True)
class _WorklistRun(Run):
    """The trial of a worklist server."""

    asked: Asked
    proposals: Sequence[Proposal] = worklist_scu.PROPOSALS

    def examine(self, call: Call, accepted: dict[Proposal, int]) -> None:
        self.step = Step.CONTEXTS
        self.contexts += [
            Offered("Modality Worklist", TRANSFER_SYNTAXES[one.transfer_syntax], one in accepted)
            for one in self.proposals
        ]
        offered = any(one.accepted for one in self.contexts)
        if offered:
            self.lines.append(Line(self.step, Ended.OK, "Modality Worklist is offered."))
        else:
            sentence, remedy = worklist_scu.not_offered(self.peer)
            self.lines.append(Line(self.step, Ended.WARNED, sentence, remedy=remedy))
        self.step = Step.ECHO
        echoed = self.echo(call, accepted)
        if not echoed:
            sentence = f"{place(self.peer)} does not offer Verification (C-ECHO)."
            self.lines.append(Line(self.step, Ended.SKIPPED, sentence))
        self.step = Step.FIND
        if offered:
            self._find(call, accepted, echoed=echoed)
        elif echoed:
            self.lines.append(Line(self.step, Ended.SKIPPED, "Not tried."))
        else:
            raise AssociationFailed(Layer.PROTOCOL, *worklist_scu.not_offered(self.peer))

    def _find(self, call: Call, accepted: dict[Proposal, int], *, echoed: bool) -> None:
        began = self.clock()
        try:
            found = worklist_scu.find_in(call, accepted, self.asked, self.limits, self.clock, MOST)
        except AssociationFailed as failed:
            if not echoed or failed.layer is not Layer.PROTOCOL:
                raise
            self.lines.append(Line(self.step, Ended.WARNED, failed.sentence, remedy=failed.remedy))
            return
        milliseconds = (self.clock() - began) * 1000
        count = f"{'more than ' if found.truncated else ''}{len(found.answers)}"
        sentence = f"C-FIND is answered with {count} scheduled steps."
        self.lines.append(Line(self.step, Ended.OK, sentence, milliseconds))
