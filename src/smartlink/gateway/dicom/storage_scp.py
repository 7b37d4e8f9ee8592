"""Storage SCP (PS3.4 Annex B): the door through which images come. Success means on disk for good."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.dicom.service import Callers, Peer
from smartlink.gateway.intake import Intake, Reception, StoreRefused, StoreRequest
from smartlink.standard.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from smartlink.gateway.dicom.command import Command
    from smartlink.gateway.dicom.negotiation import Context

log = structlog.get_logger(__name__)

_TELL_EVERY: Final = 60.0
_MOST_TOLD: Final = 1000

STATUSES: Final = {
    Status.SUCCESS: "The instance is on disk for good: it would survive a power cut.",
    Status.OUT_OF_RESOURCES: (
        "Free disk space is below the reserve, the disk refuses, the instance is larger than `largest_instance_bytes`,"
        " or the catalogue cannot be written. Nothing is kept; send again later."
    ),
    Status.CANNOT_UNDERSTAND: "The Data Set is empty.",
    Status.INVALID_SOP_INSTANCE: "The SOP Instance UID of the command is not a UID.",
    Status.REFUSED_SOP_CLASS_NOT_SUPPORTED: "The SOP Class UID of the command is not a UID, or not one that is taken.",
    Status.REFUSED_NOT_AUTHORIZED: "The calling AE title is that of a PACS or worklist server of ours.",
}
"""What a C-STORE is answered with. No warnings: nothing is coerced and nothing discarded."""


class StorageSCP:
    """Hands each C-STORE to the intake and says who asked."""

    def __init__(self, intake: Intake, callers: Callers, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the intake and who is told of callers."""
        self._intake = intake
        self._callers = callers
        self._teller = _Teller(clock)

    def begin(self, peer: Peer, context: Context, command: Command) -> StoreExchange:
        """Begin one C-STORE (PS3.7 section 9.1.1); a refusal is answered after the Data Set, as the standard has it."""
        self._callers.seen(peer.calling_ae_title, peer.address, verified=False)
        return StoreExchange(
            self._intake,
            self._teller.tell,
            command,
            StoreRequest(
                sop_class_uid=command.affected_sop_class_uid,
                sop_instance_uid=command.affected_sop_instance_uid,
                transfer_syntax_uid=context.transfer_syntax,
                calling_ae_title=peer.calling_ae_title,
                called_ae_title=peer.called_ae_title,
                peer_address=peer.address,
                local_address=peer.local_address,
            ),
        )


class StoreExchange:
    """One C-STORE under way. After a refusal its bytes are passed over, so that the Association stays usable."""

    def __init__(
        self,
        intake: Intake,
        tell: Callable[[StoreRefused, StoreRequest], None],
        command: Command,
        request: StoreRequest,
    ) -> None:
        """Ask the intake at once: what is refused is never written."""
        self._tell = tell
        self._command = command
        self._request = request
        self._reception: Reception | None = None
        self._refusal: StoreRefused | None = None
        try:
            self._reception = intake.begin(request)
        except StoreRefused as refusal:
            self._refuse(refusal)

    def write(self, fragment: memoryview) -> None:
        """Stream the Data Set's next bytes to the spool."""
        if self._reception is None:
            return
        try:
            self._reception.write(fragment)
        except StoreRefused as refusal:
            self._refuse(refusal)

    def finish(self) -> Command:
        """Return Success when the instance is on disk for good, the refusal's Status otherwise."""
        try:
            if self._reception is not None:
                self._reception.finish()
        except StoreRefused as refusal:
            self._refuse(refusal)
        self._reception = None
        if self._refusal is None:
            return self._command.response(Status.SUCCESS)
        return self._command.response(self._refusal.status, self._refusal.reason)

    def abandon(self) -> None:
        """The sender went away midway: leave nothing behind."""
        if self._reception is not None:
            self._reception.abandon()
            self._reception = None

    def _refuse(self, refusal: StoreRefused) -> None:
        self._reception = None
        self._refusal = refusal
        self._tell(refusal, self._request)


class _Teller:
    """Logs refused instances: each scanner and reason at once, then once a minute with their number.

    A full disk refuses every image of every scanner, again and again, and must not be filled by saying so.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[tuple[str, ...], tuple[float, int]] = {}

    def tell(self, refusal: StoreRefused, request: StoreRequest) -> None:
        """Log one refusal, or only count it."""
        key = (refusal.status.shown, refusal.reason, request.calling_ae_title, request.peer_address)
        with self._lock:
            now = self._clock()
            told_at, untold = self._told.get(key, (None, 0))
            if told_at is not None and now - told_at < _TELL_EVERY:
                self._told[key] = told_at, untold + 1
                return
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            self._told[key] = now, 0
        log.error(
            "store_refused",
            status=refusal.status.shown,
            why=refusal.reason,
            calling_ae_title=request.calling_ae_title,
            address=request.peer_address,
            times=untold + 1,
        )
