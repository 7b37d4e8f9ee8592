"""Storage Commitment: what we vouch for, and how the one who asked hears of it (PS3.4 Annex J).

We vouch for an instance that lies in the spool, whole and readable, because nothing undelivered is ever deleted; and
for one whose file went after Works' receipt, because Works has it: its row stays as the tombstone that says so.

The request is on disk before it is answered. Its result is told on the same Association if the peer stays, otherwise
on a new one to the address of its connection, again and again for a week; a restart forgets nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.calling import AssociationFailed, Peer
from smartlink.gateway.errors import GatewayError, Stopping, StoreFailed
from smartlink.gateway.store import commitments, connections
from smartlink.gateway.store.commitments import Asked, Commitment, Held, Reference
from smartlink.gateway.store.spool import Spool, SpoolDamaged
from smartlink.standard.names import AETitle
from smartlink.standard.status import Status, shown
from smartlink.standard.transfer_syntax import REFERENCED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from smartlink.gateway.loop import Clock
    from smartlink.gateway.store.database import Database

__all__ = ["MOST_REFERENCES", "Asked", "CommitmentRefused", "Commitments", "Failure", "Reference", "Result", "judge"]

log = structlog.get_logger()

MOST_REFERENCES: Final = 5_000
"""SOP Instances in one request."""
MOST_WAITING: Final = 1_000
"""Requests whose results are not told yet; nobody can fill the disk with more."""
_TO_STAY: Final = timedelta(seconds=30)
"""How long the peer's own Association has to take the result, before a new one is opened."""
_LEASE: Final = timedelta(minutes=10)
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=1)
GIVE_UP_AFTER: Final = timedelta(days=7)
_PATIENCE_SECONDS: Final = 10.0


class CommitmentRefused(GatewayError):
    """The request is not taken; `status` goes to the peer with the sentence."""

    def __init__(self, status: Status, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class Failure:
    """One SOP Instance for which we do not vouch, with the Failure Reason (PS3.3 section C.14.1.1)."""

    reference: Reference
    reason: Status


@dataclass(frozen=True, slots=True)
class Result:
    """What one transaction comes to."""

    transaction_uid: str
    committed: tuple[Reference, ...]
    failed: tuple[Failure, ...]


Tell = Callable[[Peer, Result, Callable[[], bool]], int]
"""Tells a result on a new Association and returns the Status answered. Raises AssociationFailed, or Stopping."""


class Commitments:
    """Takes requests from Association threads (`ask`, `fresh`, `told`, `untold`), and tells the rest in its `tick`."""

    def __init__(
        self, database: Database, spool: Spool, tell: Tell, now: Clock, *, caught_up: Callable[[float], bool]
    ) -> None:
        """`caught_up` waits until the catalogue knows all that was answered before, for so many seconds."""
        self._database = database
        self._spool = spool
        self._tell = tell
        self._now = now
        self._caught_up = caught_up
        self._ending = False

    def end(self) -> None:
        """Tell nobody any more: what is left waits for the next start."""
        self._ending = True

    def ask(self, asked: Asked) -> int:
        """Take a request; it is on disk when this returns its number. Raises CommitmentRefused."""
        try:
            if self._database.read(commitments.count) >= MOST_WAITING:
                raise CommitmentRefused(Status.RESOURCE_LIMITATION, "Too many results are still to be told.")
            now = self._now()
            number = self._database.write(lambda tx: commitments.add(tx, asked, now, now + _TO_STAY))
        except StoreFailed as problem:
            raise CommitmentRefused(Status.PROCESSING_FAILURE, "The catalogue cannot be written.") from problem
        log.info("commitment_asked", calling_ae_title=asked.calling_ae_title, instances=len(asked.instances))
        return number

    def fresh(self, number: int) -> Result | None:
        """Return the result of a request to be told on its own Association, or None when it is not to be told there."""
        try:
            until = self._now() + _LEASE
            found = self._database.write(lambda tx: commitments.claim_fresh(tx, number, until))
            result = None if found is None else self._result(found.asked)
        except StoreFailed:
            return None
        if found is not None and result is None:
            self.untold(number)
        return result

    def told(self, number: int, status: int) -> None:
        """The peer answered the result of a request on its own Association. Never fails."""
        try:
            problem = self._answered(number, status)
            if problem is not None:
                at = self._now() + _FIRST_PAUSE
                self._database.write(lambda tx: commitments.postpone(tx, number, at, problem))
        except StoreFailed as problem:
            log.error("commitment_not_closed", why=str(problem))

    def untold(self, number: int) -> None:
        """The peer's own Association ended before it heard the result: a new one is tried at once. Never fails."""
        try:
            now = self._now()
            self._database.write(lambda tx: commitments.postpone(tx, number, now, None))
        except StoreFailed as problem:
            log.error("commitment_not_closed", why=str(problem))

    def tick(self, now: datetime) -> bool:
        """Tell one result on a new Association; True when there may be more. Raises StoreFailed."""
        if self._ending:
            return False
        found = self._database.write(lambda tx: commitments.claim(tx, now, now + _LEASE))
        if found is None:
            return False
        if found.asked_at + GIVE_UP_AFTER <= now:
            self._give_up(found)
            return True
        peer = self._peer_of(found.asked)
        if peer is None:
            # Not tried: its own Association may still take the result.
            self._postpone(found, _unknown(found.asked.calling_ae_title), now, tried=False)
            return True
        try:
            problem = self._tell_one(found, peer)
        except Stopping:
            self._database.write(lambda tx: commitments.postpone(tx, found.id, now, None))
            return False
        if problem is not None:
            self._postpone(found, problem, now, tried=True)
        return True

    def _postpone(self, found: Commitment, problem: str, now: datetime, *, tried: bool) -> None:
        """Try again after a pause that doubles; say so when there is something new to say."""
        pause = min(_FIRST_PAUSE * (1 << min(found.attempts - 1, 10)), _LONGEST_PAUSE)
        self._database.write(lambda tx: commitments.postpone(tx, found.id, now + pause, problem, tried=tried))
        if problem != found.problem:
            log.error("commitment_not_told", calling_ae_title=found.asked.calling_ae_title, why=problem)

    def _tell_one(self, found: Commitment, peer: Peer) -> str | None:
        """Tell one result and close it; return what was in the way, if anything was."""
        result = self._result(found.asked)
        if result is None:
            return "The catalogue does not know yet all that was received."
        try:
            status = self._tell(peer, result, lambda: self._ending)
        except AssociationFailed as problem:
            return f"{problem.sentence} {problem.remedy}".strip()
        return self._answered(found.id, status)

    def _answered(self, number: int, status: int) -> str | None:
        """Close a request whose result was taken; return the answer of a peer that did not take it."""
        if status == Status.SUCCESS:
            self._database.write(lambda tx: commitments.delete(tx, number))
            log.info("commitment_told")
            return None
        return f"The result was answered with the status {shown(status)}."

    def _give_up(self, found: Commitment) -> None:
        self._database.write(lambda tx: commitments.delete(tx, found.id))
        log.error(
            "commitment_given_up",
            calling_ae_title=found.asked.calling_ae_title,
            attempts=found.attempts,
            why=found.problem,
            action="Ask for the commitment again on the ultrasound system; its images are safe.",
        )

    def _peer_of(self, asked: Asked) -> Peer | None:
        """Return where the one who asked is called, or None while its port is not known."""
        ae_title = AETitle(asked.calling_ae_title)
        connection = self._database.read(lambda tx: connections.find_by_ae(tx, ae_title))
        if connection is None or connection.port is None:
            return None
        return Peer(connection.host or asked.address, connection.port, asked.calling_ae_title, asked.called_ae_title)

    def _result(self, asked: Asked) -> Result | None:
        """Return what we vouch for now, or None while the catalogue does not know all that was answered before."""
        if not self._caught_up(_PATIENCE_SECONDS):
            return None
        uids = [one.sop_instance_uid for one in asked.instances]
        known = self._database.read(lambda tx: commitments.held(tx, uids))
        return judge(asked.transaction_uid, asked.instances, known, self._is_whole)

    def _is_whole(self, held: Held) -> bool:
        """Whether the file of a kept instance is there with all its bytes: we vouch for no row without its file."""
        try:
            return self._spool.path(held.spool_name).stat().st_size == held.size
        except (OSError, SpoolDamaged):
            log.error("instance_missing", spool_name=held.spool_name)
            return False


def _unknown(ae_title: str) -> str:
    return (
        f"The port at which {ae_title} hears the results of storage commitment is not known."
        f" Set it: smartlink connections edit {ae_title} --port PORT"
    )


def judge(
    transaction_uid: str, asked: Iterable[Reference], known: Collection[Held], is_whole: Callable[[Held], bool]
) -> Result:
    """Return for which instances we vouch. Of several under one UID one that is safe suffices."""
    by_uid: dict[str, list[Held]] = {}
    for one in known:
        by_uid.setdefault(one.sop_instance_uid, []).append(one)
    committed: list[Reference] = []
    failed: list[Failure] = []
    for reference in dict.fromkeys(asked):
        reason = _reason(reference, by_uid.get(reference.sop_instance_uid, ()), is_whole)
        if reason is None:
            committed.append(reference)
        else:
            failed.append(Failure(reference, reason))
    return Result(transaction_uid, tuple(committed), tuple(failed))


def _reason(reference: Reference, known: Collection[Held], is_whole: Callable[[Held], bool]) -> Status | None:
    """Return why we do not vouch for an instance, or None."""
    here = [one for one in known if one.kept or one.received]
    if not here:
        return Status.NO_SUCH_OBJECT_INSTANCE
    same = [one for one in here if one.sop_class_uid == reference.sop_class_uid]
    if not same:
        return Status.CLASS_INSTANCE_CONFLICT
    if any(_has_image(one) and (one.received or is_whole(one)) for one in same):
        return None
    return Status.PROCESSING_FAILURE


def _has_image(held: Held) -> bool:
    """What cannot be read is never uploaded; what only refers to its pixels has none (PS3.4 section J.1.1)."""
    return not held.unreadable and held.transfer_syntax_uid not in REFERENCED
