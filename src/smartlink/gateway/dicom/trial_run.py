"""Walks the way to a PACS step by step for Test Connection: name, route, port, association, contexts, C-ECHO (R47)."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from smartlink.gateway.calling import AssociationFailed, Layer, Peer, SendLimits
from smartlink.gateway.dicom import verification_scu
from smartlink.gateway.dicom.requestor import Call, Proposal, place, unconnected
from smartlink.gateway.trial import Ended, Line, Offered, Step, Trial, broken, concluded
from smartlink.standard.sop_class import SECONDARY_CAPTURE_IMAGE, STORAGE, ULTRASOUND_IMAGE, ULTRASOUND_MULTIFRAME_IMAGE
from smartlink.standard.transfer_syntax import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
    RLE_LOSSLESS,
    TRANSFER_SYNTAXES,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_JPEG_LOSSLESS: Final = "1.2.840.10008.1.2.4.70"
_JPEG_2000: Final = "1.2.840.10008.1.2.4.91"
_COMPREHENSIVE_SR: Final = "1.2.840.10008.5.1.4.1.1.88.33"
_UNCOMPRESSED: Final = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
_IMAGES: Final = (JPEG_BASELINE, _JPEG_LOSSLESS, _JPEG_2000, RLE_LOSSLESS, *_UNCOMPRESSED)

STORAGE_PROPOSALS: Final = (
    *(Proposal(ULTRASOUND_IMAGE, syntax) for syntax in _IMAGES),
    *(Proposal(ULTRASOUND_MULTIFRAME_IMAGE, syntax) for syntax in _IMAGES),
    *(Proposal(SECONDARY_CAPTURE_IMAGE, syntax) for syntax in _IMAGES),
    *(Proposal(_COMPREHENSIVE_SR, syntax) for syntax in _UNCOMPRESSED),
)
"""What ultrasound systems send, each as it may be stored."""


def try_out(peer: Peer, limits: SendLimits, clock: Callable[[], float] = time.monotonic) -> Trial:
    """Walk the way to the peer and return how far it goes; never raises, and leaves nothing behind at the peer."""
    run = _StorageRun(peer, limits, clock)
    try:
        run.walk()
    except AssociationFailed as failed:
        return broken(peer, run.lines, failed, run.step, run.contexts)
    return concluded(peer, run.lines, run.contexts)


@dataclass(slots=True)
class Run:
    """One trial under way, as far as it is the same for every peer; `examine` is what is asked of this one."""

    peer: Peer
    limits: SendLimits
    clock: Callable[[], float]
    step: Step = Step.NAME
    lines: list[Line] = field(default_factory=list)
    contexts: list[Offered] = field(default_factory=list)
    proposals: Sequence[Proposal] = ()

    def walk(self) -> None:
        """Go as far as it goes. Raises AssociationFailed."""
        began = self.clock()
        addresses = self._resolve()
        self._passed(f"{self.peer.host} is {', '.join(addresses[:3])}.", began)
        self.step, began = Step.ROUTE, self.clock()
        with Call(self.peer, self.limits, clock=self.clock) as call:
            self._passed(f"The machine {self.peer.host} answers.", began)
            self.step = Step.PORT
            self._passed(f"Something listens on port {self.peer.port}.", began)
            if self.peer.tls is not None:
                self.step = Step.TLS
                self._passed(f"The connection is secured: {call.secured_by}.", began)
            self.step, began = Step.ASSOCIATION, self.clock()
            accepted = call.associate([*verification_scu.PROPOSALS, *self.proposals])
            self._passed(f"{place(self.peer)} accepts {self.peer.calling_ae_title} as calling AE title.", began)
            self.examine(call, accepted)
            call.release()

    def examine(self, call: Call, accepted: dict[Proposal, int]) -> None:
        """Try what this peer is wanted for in the open Association. Raises AssociationFailed."""
        raise NotImplementedError

    def _resolve(self) -> list[str]:
        try:
            found = socket.getaddrinfo(self.peer.host, self.peer.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as problem:
            raise unconnected(self.peer, problem, self.limits.connect_seconds) from problem
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def echo(self, call: Call, accepted: dict[Proposal, int]) -> bool:
        """C-ECHO, where it is offered; whether it was answered. Raises AssociationFailed when it fails."""
        if not any(proposal in accepted for proposal in verification_scu.PROPOSALS):
            return False
        try:
            took = verification_scu.echo_in(call, accepted, self.clock)
        except AssociationFailed as failed:
            if failed.layer is not Layer.CONTEXT:
                raise
            raise AssociationFailed(Layer.PROTOCOL, failed.sentence, failed.remedy) from failed
        milliseconds = took * 1000
        self.lines.append(Line(self.step, Ended.OK, f"C-ECHO is answered in {milliseconds:.0f} ms.", milliseconds))
        return True

    def _passed(self, sentence: str, began: float) -> None:
        self.lines.append(Line(self.step, Ended.OK, sentence, (self.clock() - began) * 1000))


@dataclass(slots=True)
class _StorageRun(Run):
    """The trial of a PACS."""

    proposals: Sequence[Proposal] = STORAGE_PROPOSALS

    def examine(self, call: Call, accepted: dict[Proposal, int]) -> None:
        self.step = Step.CONTEXTS
        self.contexts += _offered(accepted)
        self._judge_contexts()
        self.step = Step.ECHO
        if not self.echo(call, accepted):
            sentence = f"{place(self.peer)} does not offer Verification (C-ECHO); it takes images nevertheless."
            self.lines.append(Line(self.step, Ended.SKIPPED, sentence))

    def _judge_contexts(self) -> None:
        accepted = sum(one.accepted for one in self.contexts)
        if not accepted:
            raise AssociationFailed(
                Layer.CONTEXT,
                f"{place(self.peer)} accepts the association, but no ultrasound images.",
                "Ask the administrator of the PACS to accept Ultrasound Image Storage for the AE title"
                f" {self.peer.calling_ae_title}.",
            )
        sentence = f"{accepted} of {len(self.contexts)} kinds of images are accepted."
        if all(one.accepted for one in self.contexts if one.transfer_syntax == TRANSFER_SYNTAXES[JPEG_BASELINE]):
            self.lines.append(Line(self.step, Ended.OK, sentence))
            return
        remedy = "Compressed images are sent uncompressed where the PACS server does not accept them."
        self.lines.append(Line(self.step, Ended.OK, sentence, remedy=remedy))


def _offered(accepted: dict[Proposal, int]) -> Iterable[Offered]:
    for proposal in STORAGE_PROPOSALS:
        yield Offered(
            STORAGE[proposal.abstract_syntax], TRANSFER_SYNTAXES[proposal.transfer_syntax], proposal in accepted
        )
