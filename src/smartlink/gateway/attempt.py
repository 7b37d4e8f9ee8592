"""One attempt at one exam: what is due of it goes to a PACS in one Association, and each answer is written down.

What the PACS says of an image decides about that image; what it says of itself is left to its route. An image of
whose answer nothing is known goes back to waiting, and nobody else knows that it was ever tried.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from smartlink.gateway.calling import Answered, ContextRefused, Layer, Outcome, Outgoing, Peer, SendLimits
from smartlink.gateway.retry import next_attempt
from smartlink.gateway.store import connections, deliveries, destinations, instances, orders
from smartlink.gateway.store.deliveries import Claim
from smartlink.gateway.store.spool import Spool, SpoolDamaged
from smartlink.link.sentences import Sentence
from smartlink.standard.status import Verdict, meaning, shown, verdict
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN

if TYPE_CHECKING:
    from datetime import datetime

    from smartlink.gateway.connections import Connection
    from smartlink.gateway.loop import Clock
    from smartlink.gateway.store.database import Database, Transaction
    from smartlink.gateway.store.instances import Instance

log = structlog.get_logger()

LEASE: Final = timedelta(hours=1)
MOST_FAULTS: Final = 3
MOST_FETCHES: Final = 3
_A_MOMENT: Final = timedelta(seconds=1)
_PIECE: Final = 1024**2
_MANY: Final = 3
"""From so many attempts on, the one under which an Association ended waits for the interval."""

_LOOK: Final = Sentence.LOOK_AT_THE_IMAGE.of()
_DAMAGED: Final = Sentence.SEND_IT_AGAIN.of()
_SYNTAX: Final = Sentence.SYNTAX_NOT_ACCEPTED.of()
_SYNTAX_REMEDY: Final = (
    "Submit the exam in Works, which makes a copy that every PACS reads,"
    " or allow the Transfer Syntax on the PACS server and press Retry."
)
_CLASS: Final = Sentence.CLASS_NOT_ACCEPTED.of()
_CLASS_REMEDY: Final = Sentence.ALLOW_THE_CLASS.of()


Tell = Callable[[Outcome], None]
Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Line:
    """The way to a PACS. Both raise AssociationFailed, and end early, in order, when `Stop` says so."""

    store: Callable[[Peer, Sequence[Outgoing], SendLimits, Tell, Stop], None]
    """Stores items in one Association, telling each outcome at once; those not told are unanswered."""
    echo: Callable[[Peer, SendLimits, Stop], float]
    """Returns how many seconds a C-ECHO took."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an administrator has set for the way to the PACS (R106-R109), asked anew for every attempt."""

    sender_ae_title: str
    interval: timedelta
    keep_trying: timedelta
    """Continue Retry Until."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all routes share."""

    database: Database
    spool_of: Callable[[Instance], Spool]
    line: Line
    now: Clock
    rules: Callable[[], Rules]
    limits: SendLimits
    stopping: Callable[[], bool]
    luck: Callable[[], float]


class Tidings(Protocol):
    """Who is told how the PACS does."""

    def tell(self, problem: str, layer: Layer | None = None) -> None:
        """An image did not go through."""

    def succeeded(self) -> None:
        """An image went through."""


class Attempt:
    """What was claimed of one exam, and what becomes of each image in its Association."""

    def __init__(
        self, tidings: Tidings, connection: Connection, claims: Sequence[Claim], tools: Tools, began: datetime
    ) -> None:
        self._tidings = tidings
        self._connection = connection
        self._destination = str(connection.id)
        self._tools = tools
        self._began = began
        self._left = {claim.id: claim for claim in claims}
        self._verified = False
        self.problem: str | None = None
        """What the PACS answered when it can store nothing now."""
        self._status: str | None = None

    def send(self, peer: Peer) -> None:
        """Send all that can be read. Raises AssociationFailed; what was not answered is then still left."""
        items = [item for claim in list(self._left.values()) if (item := self._outgoing(claim)) is not None]
        if items:
            self._tools.line.store(peer, items, self._tools.limits, self._told, self._is_over)

    def fail(self, problem: str, *, met: bool) -> None:
        """Return what is left to waiting; `met`: the first of it was being sent and lets the others go first."""
        at, interval = self._tools.now(), self._tools.rules().interval
        claims = list(self._left.values())

        def write(tx: Transaction) -> None:
            for number, claim in enumerate(claims):
                pause = timedelta()
                if met and number == 0:
                    pause = interval if claim.attempts >= _MANY else _A_MOMENT
                deliveries.failed(tx, claim, at, at + pause, problem, status=self._status if number == 0 else None)
            orders.drop_unwanted(tx, at)

        self._tools.database.write(write)
        self._left.clear()

    def give_back(self) -> None:
        """Return what is left to waiting: nobody is to blame."""
        claims, at = list(self._left.values()), self._tools.now()

        def write(tx: Transaction) -> None:
            for claim in claims:
                deliveries.given_back(tx, claim, at)
            orders.drop_unwanted(tx, at)

        if claims:
            self._tools.database.write(write)
            self._left.clear()

    def _is_over(self) -> bool:
        return self.problem is not None or self._tools.stopping()

    # -- before sending: the file, and whether it was sent before

    def _outgoing(self, claim: Claim) -> Outgoing | None:
        """Return the image as it lies in its file, every byte of it looked at; None when it does not go."""
        instance = claim.instance
        spool = self._tools.spool_of(instance)
        try:
            digest = digest_of(spool, instance)
        except SpoolDamaged as error:
            self._unreadable(self._left.pop(claim.id), str(error))
            return None
        if self._is_there_already(claim, digest):
            return None
        return Outgoing(
            key=claim.id,
            path=spool.path(instance.spool_name),
            dataset_offset=instance.dataset_offset,
            dataset_length=instance.dataset_length,
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            transfer_syntax_uid=instance.transfer_syntax_uid,
        )

    def _is_there_already(self, claim: Claim, digest: str) -> bool:
        """Whether a scanner sent the same image before: what goes directly goes once (R152)."""
        if self._is_ordered(claim):
            return False

        def write(tx: Transaction) -> instances.Twin | None:
            if claim.instance.dataset_sha256 is None:
                instances.store_dataset_digest(tx, claim.instance.id, digest)
            return instances.twin(tx, claim.instance, digest, self._destination)

        twin = self._tools.database.write(write)
        if twin is None:
            return False
        del self._left[claim.id]
        at = self._tools.now()
        if twin.is_sent:
            self._write(deliveries.accepted, claim, at, "Duplicate: the PACS has this image already.")
        else:
            again = at + _A_MOMENT
            self._write(deliveries.failed, claim, at, again, "The same image is on its way already.")
        return True

    def _is_ordered(self, claim: Claim) -> bool:
        return self._tools.database.read(lambda tx: orders.is_ordered(tx, claim.id))

    # -- what the PACS says

    def _told(self, outcome: Outcome) -> None:
        claim = self._left[outcome.key]
        if isinstance(outcome, Answered):
            self._answered(claim, outcome.status)
            return
        del self._left[outcome.key]
        if isinstance(outcome, ContextRefused):
            self._context_refused(claim, outcome.accepted)
        else:
            self._unreadable(claim, outcome.why)

    def _answered(self, claim: Claim, status: int) -> None:
        found = verdict(status)
        if found is Verdict.DESTINATION:
            # It stays among those that are left: all of them go back.
            self.problem = Sentence.PACS_CANNOT_STORE.of(meaning=meaning(status), status=shown(status))
            self._status = shown(status)
            return
        del self._left[claim.id]
        if found is Verdict.INSTANCE:
            self._faulted(claim, status)
        else:
            self._accepted(claim, status)

    def _accepted(self, claim: Claim, status: int) -> None:
        at = self._tools.now()
        note = None
        if verdict(status) is Verdict.STORED_BEFORE:
            note = Sentence.PACS_HAD_IT.of(status=shown(status))
        elif status:
            note = Sentence.PACS_WARNED.of(meaning=meaning(status), status=shown(status))

        def write(tx: Transaction) -> None:
            deliveries.accepted(tx, claim, at, note, status=shown(status))
            deliveries.extend(tx, claim, at + LEASE)
            destinations.accepted(tx, self._destination, at)
            if not self._verified:
                connections.verified(tx, self._connection, at)

        self._tools.database.write(write)
        self._verified = True
        self._tidings.succeeded()
        log.info("stored", delivery_id=claim.id, connection_id=self._destination, status=shown(status))

    def _faulted(self, claim: Claim, status: int) -> None:
        """Count a fault; the third one parks, if the PACS took others since the first."""
        at = self._tools.now()
        cause = Sentence.PACS_REFUSES.of(meaning=meaning(status), status=shown(status))
        first = claim.first_fault_at or self._began

        def write(tx: Transaction) -> bool:
            deliveries.fault(tx, claim, self._began)
            last = destinations.find(tx, self._destination).last_accepted_at
            if claim.faults + 1 >= MOST_FAULTS and last is not None and last >= first:
                return deliveries.refused(tx, claim, at, cause, _LOOK, status=shown(status))
            again = next_attempt(at, self._tools.rules().interval, self._tools.luck())
            deliveries.failed(tx, claim, at, again, cause, status=shown(status))
            return False

        parked = self._tools.database.write(write)
        self._tidings.tell(cause)
        log.error("store_refused_by_pacs", delivery_id=claim.id, status=shown(status), parked=parked)

    def _context_refused(self, claim: Claim, accepted: tuple[str, ...]) -> None:
        """The PACS is well and does not take the image in its Transfer Syntax: Works can make another copy."""
        helps = EXPLICIT_VR_LITTLE_ENDIAN in accepted and (
            claim.instance.transfer_syntax_uid != EXPLICIT_VR_LITTLE_ENDIAN
        )
        at = self._tools.now()
        if helps and self._is_ordered(claim):
            self._write(deliveries.dropped, claim, at, _SYNTAX, accepted)
        elif helps:
            self._write(deliveries.refused, claim, at, _SYNTAX, _SYNTAX_REMEDY)
        else:
            self._write(deliveries.refused, claim, at, _CLASS, _CLASS_REMEDY)
        self._tidings.tell(_SYNTAX if helps else _CLASS, Layer.CONTEXT)
        log.error("context_refused", delivery_id=claim.id, syntax=claim.instance.transfer_syntax_uid, accepts=accepted)

    def _unreadable(self, claim: Claim, why: str) -> None:
        """The file is no longer good: Works has another for what it ordered, nobody has one for the rest."""
        at = self._tools.now()
        cause = Sentence.FILE_DAMAGED.of(why=why)

        def write(tx: Transaction) -> int:
            if orders.is_ordered(tx, claim.id) and deliveries.dropped(tx, claim, at, cause):
                return orders.fetch_again(tx, claim.id, at, MOST_FETCHES, cause, _DAMAGED)
            deliveries.refused(tx, claim, at, cause, _DAMAGED)
            return 0

        again = self._tools.database.write(write)
        log.error("stored_file_damaged", delivery_id=claim.id, why=why, fetched_again=again)

    def _write(self, move: Callable[..., bool], *values: object) -> None:
        self._tools.database.write(lambda tx: move(tx, *values))


def digest_of(spool: Spool, instance: Instance) -> str:
    """Return SHA-256 of the Data Set as it lies on disk, or raise SpoolDamaged when it is not what was kept."""
    dataset = hashlib.sha256()
    crc = size = 0
    try:
        with spool.open(instance.spool_name) as file:
            file.seek(instance.dataset_offset)
            while piece := file.read(_PIECE):
                dataset.update(piece)
                crc = zlib.crc32(piece, crc)
                size += len(piece)
    except OSError as error:
        raise SpoolDamaged(f"{type(error).__name__}.") from error
    if crc != instance.crc32 or size != instance.dataset_length:
        raise SpoolDamaged("It no longer has the bytes that were kept.")
    return dataset.hexdigest()
