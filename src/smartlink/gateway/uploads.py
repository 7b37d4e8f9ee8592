"""Carries kept instances to Works: claim, digest, offer, put, confirm, receipt; one batch a tick.

A crash at any point is harmless: the lease ends, the next attempt offers again, and Works or object storage answer
that they have it already. A failure of the destination parks nothing and opens the breaker; a fault of one
instance parks that one and nobody else.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from smartlink.gateway import parts as in_parts
from smartlink.gateway.errors import GiveUp, LicenceRevoked, Stopping, TryAgain
from smartlink.gateway.messages import Message
from smartlink.gateway.offers import CONTACT, Offers, Ready, grouped
from smartlink.gateway.parts import DAMAGED, Objects, PartsUpload, Put
from smartlink.gateway.retry import latest_attempt, next_attempt
from smartlink.gateway.store import connections, deliveries, instances, parts, service
from smartlink.gateway.store.deliveries import WORKS, Claim
from smartlink.gateway.store.spool import Spool, SpoolDamaged
from smartlink.gateway.way_to_works import WayToWorks
from smartlink.link.problems import FAULTS_OF_AN_INSTANCE, ProblemType
from smartlink.link.uploads import (
    Confirm,
    Confirmed,
    Held,
    Missing,
    Multipart,
    Offer,
    Offered,
    Refused,
    Stored,
    Ticket,
    Verifying,
)

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from smartlink.gateway.loop import Clock
    from smartlink.gateway.store.database import Database, Transaction
    from smartlink.link.uploads import Receipt

log = structlog.get_logger()

MOST_AT_ONCE: Final = 16
LEASE: Final = timedelta(minutes=15)
_A_MOMENT: Final = timedelta(seconds=1)
_FAULT_OF_THE_REQUEST: Final = frozenset(
    {ProblemType.REQUEST_INVALID, ProblemType.REQUEST_TOO_LARGE, ProblemType.CONNECTION_UNKNOWN}
)


class Works(in_parts.Works, Protocol):
    """Works, as far as uploads need it. Each may raise TryAgain, GiveUp or LicenceRevoked."""

    def health(self) -> None:
        """Return if Works is well."""

    def offer(self, offer: Offer) -> Offered:
        """Offer a batch."""

    def confirm(self, confirm: Confirm) -> Confirmed:
        """Confirm what was put."""


class Uploads:
    """The loop's tick. One object, one thread; the PUTs of a batch share a few lanes."""

    def __init__(  # noqa: PLR0913  the parts list of the way out; build gives each once
        self,
        database: Database,
        spool: Spool,
        works: Works,
        objects: Objects,
        now: Clock,
        *,
        licensed: Callable[[], bool],
        revoked: Callable[[], None],
        interval: Callable[[], timedelta],
        lanes: int = 3,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._spool = spool
        self._works = works
        self._objects = objects
        self._now = now
        self._licensed = licensed
        self._revoked = revoked
        self._interval = interval
        self._luck = luck
        self._followed: timedelta | None = None
        self._put_at: dict[int, datetime] = {}
        """When the bytes of a delivery were in storage: written down with its receipt."""
        self._way = WayToWorks(works.health, now, interval, _tell)
        self._lanes = ThreadPoolExecutor(max_workers=lanes, thread_name_prefix="upload")
        self._offers = Offers(database, spool)
        self._parts = PartsUpload(database, spool, works, objects, self._lanes, at_once=lanes)

    def tick(self, now: datetime) -> bool:
        """Carry one batch; True when there may be more."""
        if not self._licensed():
            return False
        self._follow_interval(now)
        claims: list[Claim] = []
        try:
            if self._way.is_open(now) and (claims := self._claim(now)):
                self._carry(claims)
                return True
        except LicenceRevoked:
            self._give_back_all(claims, "The licence of this gateway was revoked.")
            self._revoked()
        except Stopping as error:
            self._give_back_all(claims, str(error))
        except TryAgain as error:
            self._destination_failed(claims, error)
        finally:
            self._put_at.clear()
        return False

    @property
    def failing(self) -> tuple[datetime, str] | None:
        """Since when nothing can be uploaded, and why; None when all is well."""
        return self._way.failing

    def close(self) -> None:
        """Wait for the PUTs under way."""
        self._lanes.shutdown()

    def _follow_interval(self, now: datetime) -> None:
        """A shorter interval holds for what waits already (R111)."""
        interval = self._interval()
        if interval == self._followed:
            return
        latest = latest_attempt(now, interval)
        if self._database.read(lambda tx: deliveries.is_any_later(tx, WORKS, latest)):
            self._database.write(lambda tx: deliveries.hurry(tx, WORKS, latest))
        self._followed = interval

    def _claim(self, now: datetime) -> list[Claim]:
        if not self._database.read(lambda tx: deliveries.is_any_due(tx, WORKS, now)):
            return []
        limit = self._way.limit(MOST_AT_ONCE)
        return self._database.write(lambda tx: deliveries.claim(tx, WORKS, now, now + LEASE, limit))

    def _carry(self, claims: Sequence[Claim]) -> None:
        ready = self._without_twins([one for claim in claims if (one := self._prepare(claim)) is not None])
        if ready:
            for group in grouped(self._confirm_earlier(ready), self._objects.most_at_once):
                self._extend(claims[0])
                self._hand_over(group)
            self._destination_is_well()

    # -- getting ready: the connection, the digests, the twins

    def _prepare(self, claim: Claim) -> Ready | None:
        """Return the claim with its digests, or None when it went elsewhere: held, parked."""
        connection_id = claim.instance.connection_id
        connection = (
            None if connection_id is None else self._database.read(lambda tx: connections.find(tx, connection_id))
        )
        if connection is None or connection.works_id is None:
            cause = "Received for another facility." if connection is None else "The connection is not in Works yet."
            self._write(deliveries.withheld, claim, self._now(), cause)
            return None
        try:
            return self._offers.of(claim, connection.works_id)
        except GiveUp as fault:
            self._park(claim, fault)
            return None

    def _without_twins(self, batch: Sequence[Ready]) -> list[Ready]:
        """Return the batch without instances that are another one once more (R152)."""
        going: dict[tuple[str, str], Ready] = {}
        for one in batch:
            identity = (one.claim.instance.sop_instance_uid, one.offered.dataset_sha256)
            twin = self._database.read(
                lambda tx, one=one: instances.twin(tx, one.claim.instance, one.offered.dataset_sha256, WORKS)  # type: ignore[misc]
            )
            if twin is not None and twin.is_sent:
                self._finish_duplicate(one.claim, twin.id)
            elif identity in going or twin is not None:
                # Its elder is on the way: what becomes of that one decides.
                self._go_on_in_a_moment(one.claim, "The same image is on its way already.")
            else:
                going[identity] = one
        return list(going.values())

    def _finish_duplicate(self, claim: Claim, of: int) -> None:
        def write(tx: Transaction) -> None:
            at = self._now()
            if deliveries.accepted(tx, claim, at, "Duplicate: Works has this image already."):
                instances.flag_duplicate(tx, claim.instance.id, of, at)

        self._database.write(write)
        log.info("duplicate_not_uploaded", delivery_id=claim.id, duplicate_of=of)

    # -- handing over: offer, put, confirm

    def _confirm_earlier(self, batch: Sequence[Ready]) -> list[Ready]:
        """Ask about uploads of an attempt that ended midway, and return what has to be offered.

        What was put before a crash is thus never put again: only a PUT whose answer was lost can be repeated.
        """
        earlier = [
            (one, upload_id)
            for one in batch
            if (upload_id := one.claim.upload_id) is not None
            and not self._parts.is_under_way(one.claim.instance, upload_id)
        ]
        answers = self._confirmed([upload_id for _, upload_id in earlier])
        done = set()
        for one, upload_id in earlier:
            answer = answers.get(upload_id)
            if isinstance(answer, Stored):
                self._receive(one.claim, answer.receipt, conflict=answer.conflict)
                done.add(one.claim.id)
            elif isinstance(answer, Verifying):
                self._go_on_in_a_moment(one.claim, _VERIFYING)
                done.add(one.claim.id)
            else:
                self._parts.doubt(one.claim.instance)
        return [one for one in batch if one.claim.id not in done]

    def _hand_over(self, batch: Sequence[Ready], *, renewed: bool = False) -> None:
        """Carry a batch to its receipts. Raises TryAgain for the destination; a single fault stays single.

        `renewed`: these had tickets already, which object storage no longer took.
        """
        try:
            answers = self._offer(batch)
        except (TryAgain, GiveUp) as error:
            if isinstance(error, TryAgain) and error.kind not in _FAULT_OF_THE_REQUEST:
                raise
            self._isolate(batch, error)
            return
        tickets, large = self._permitted(batch, answers)
        expired = self._put_and_confirm(tickets)
        for one, permission in large:
            self._carry_parts(one, permission)
        if expired and renewed:
            raise TryAgain("Object storage does not take the tickets of Works.", status=403)
        if expired:
            self._hand_over(expired, renewed=True)

    def _permitted(
        self, batch: Sequence[Ready], answers: dict[str, Held | Ticket | Multipart | Refused]
    ) -> tuple[list[tuple[Ready, Ticket]], list[tuple[Ready, Multipart]]]:
        """Finish what Works has or refuses; return what may be put, as a whole and in parts."""
        tickets: list[tuple[Ready, Ticket]] = []
        large: list[tuple[Ready, Multipart]] = []
        for one in batch:
            answer = answers.get(str(one.claim.id))
            if isinstance(answer, Held):
                self._receive(one.claim, answer.receipt, "Works had this image already.")
            elif isinstance(answer, Refused):
                self._refused(one.claim, answer)
            elif isinstance(answer, Ticket):
                tickets.append((one, answer))
            elif isinstance(answer, Multipart):
                large.append((one, answer))
            else:
                raise TryAgain("Works did not answer for every offered instance.")
        return tickets, large

    def _offer(self, batch: Sequence[Ready]) -> dict[str, Held | Ticket | Multipart | Refused]:
        try:
            offered = self._works.offer(Offer(instances=tuple(one.offered for one in batch)))
        except TryAgain as error:
            log.error("offer_failed", **Message.NO_UPLOAD_URL.fields, why=str(error))
            raise
        return {answer.reference: answer for answer in offered.answers}

    def _isolate(self, batch: Sequence[Ready], error: TryAgain | GiveUp) -> None:
        """Find out whom Works means: offer one by one; one that fails alone is at fault itself."""
        if len(batch) > 1:
            for one in batch:
                self._hand_over([one])
        elif isinstance(error, GiveUp):
            self._park(batch[0].claim, error)
        elif error.kind is ProblemType.CONNECTION_UNKNOWN:
            self._withhold_unknown(batch[0].claim)
        else:
            self._try_later(batch[0].claim, str(error))

    def _put_and_confirm(self, tickets: Sequence[tuple[Ready, Ticket]]) -> list[Ready]:
        """Put all, then confirm what is there, even if a PUT in between met a failing destination.

        Returns those whose ticket object storage no longer takes.
        """
        if not tickets:
            return []
        self._database.write(lambda tx: deliveries.offered(tx, [(one.claim, to.upload_id) for one, to in tickets]))
        outcomes = list(self._lanes.map(lambda pair: self._put(*pair), tickets))
        put = list(zip(tickets, outcomes, strict=True))
        self._confirm([pair for pair, outcome in put if outcome in {Put.STORED, Put.ALREADY_THERE}])
        for (one, _), outcome in put:
            if isinstance(outcome, GiveUp):
                self._park(one.claim, outcome)
        for outcome in outcomes:
            if isinstance(outcome, TryAgain):
                raise outcome
        return [one for (one, _), outcome in put if outcome is Put.TICKET_EXPIRED]

    def _carry_parts(self, one: Ready, permission: Multipart) -> None:
        """Put the next parts of a large image; the others of the queue have their turn before the rest of it."""
        self._database.write(lambda tx: deliveries.offered(tx, [(one.claim, permission.upload_id)]))
        self._extend(one.claim)
        try:
            progress = self._parts.carry(one.claim.instance, permission.upload_id)
        except GiveUp as fault:
            self._park(one.claim, fault)
            return
        except TryAgain as error:
            if error.kind not in _FAULT_OF_THE_REQUEST:
                raise
            self._try_later(one.claim, str(error))
            return
        if progress.is_complete:
            self._put_at[one.claim.id] = self._now()
            self._confirm([(one, permission)])
        else:
            at = self._now()
            self._write(deliveries.failed, one.claim, at, at, str(progress))

    def _put(self, one: Ready, ticket: Ticket) -> Put | TryAgain | GiveUp:
        """Put one file; a failure is returned, so that the others of the batch go on."""
        try:
            return self._put_once(one, ticket)
        except (TryAgain, GiveUp) as error:
            return error

    def _confirm(self, there: Sequence[tuple[Ready, Ticket | Multipart]]) -> None:
        answers = self._confirmed([ticket.upload_id for _, ticket in there])
        for one, ticket in there:
            answer = answers.get(ticket.upload_id)
            if isinstance(answer, Stored):
                self._receive(one.claim, answer.receipt, conflict=ticket.conflict or answer.conflict)
            elif isinstance(answer, Verifying):
                self._go_on_in_a_moment(one.claim, _VERIFYING)
            else:
                self._parts.doubt(one.claim.instance)
                self._try_later(one.claim, "Works did not find the uploaded file.")

    def _confirmed(self, upload_ids: Sequence[UUID]) -> dict[UUID, Stored | Missing | Verifying]:
        if not upload_ids:
            return {}
        try:
            answers = self._works.confirm(Confirm(upload_ids=tuple(upload_ids))).answers
        except GiveUp as error:
            raise TryAgain(f"Works does not confirm: {error}") from error
        return {answer.upload_id: answer for answer in answers}

    def _put_once(self, one: Ready, ticket: Ticket) -> Put:
        instance = one.claim.instance
        try:
            with self._spool.part10_parts(instance.spool_name) as file:
                outcome = self._objects.put(ticket, file, instance.size)
        except (OSError, SpoolDamaged) as error:
            raise GiveUp(f"The stored file cannot be read ({type(error).__name__}).", DAMAGED) from error
        if outcome is Put.STORED:
            self._put_at[one.claim.id] = self._now()
        return outcome

    # -- how it ended

    def _receive(self, claim: Claim, receipt: Receipt, note: str | None = None, *, conflict: bool = False) -> None:
        """Store the receipt: here the gateway's duty ends."""

        def write(tx: Transaction) -> bool:
            at = self._now()
            told = _CONFLICT_NOTE if conflict else note
            if not deliveries.accepted(tx, claim, at, told, put_at=self._put_at.get(claim.id)):
                return False
            instances.receipt(tx, claim.instance.id, at)
            parts.forget(tx, claim.instance.id)
            service.receipt(tx, at)
            if conflict:
                instances.flag_conflict(tx, claim.instance.id)
            return True

        if self._database.write(write):
            log.info("uploaded", delivery_id=claim.id, upload_id=str(receipt.upload_id), size=claim.instance.size)
        if conflict:
            log.error("conflict", delivery_id=claim.id, why="Works holds other bytes under the same SOP Instance UID.")

    def _refused(self, claim: Claim, answer: Refused) -> None:
        if answer.type in set(FAULTS_OF_AN_INSTANCE):
            self._park(claim, GiveUp(answer.detail, CONTACT))
        elif answer.type == ProblemType.CONNECTION_UNKNOWN:
            self._withhold_unknown(claim)
        else:
            self._try_later(claim, answer.detail)

    def _withhold_unknown(self, claim: Claim) -> None:
        """Works lost or dropped the connection: hold the image until it was put anew (R66)."""
        at = self._now()
        self._write(deliveries.withheld, claim, at, "Works does not know the connection.")
        origin = claim.instance.connection_id
        if origin is not None:
            self._database.write(lambda tx: connections.forgotten_by_works(tx, origin, at))

    def _park(self, claim: Claim, fault: GiveUp) -> None:
        self._write(deliveries.refused, claim, self._now(), fault.cause, fault.remedy)
        log.error("upload_parked", **Message.UPLOADING_IMAGE_FAILED.fields, delivery_id=claim.id, why=fault.cause)

    def _go_on_in_a_moment(self, claim: Claim, cause: str) -> None:
        at = self._now()
        self._write(deliveries.failed, claim, at, at + _A_MOMENT, cause)

    def _extend(self, claim: Claim) -> None:
        """Hold the whole batch for longer: a slow line is no crash."""
        until = self._now() + LEASE
        self._database.write(lambda tx: deliveries.extend(tx, claim, until))

    def _try_later(self, claim: Claim, cause: str) -> None:
        at = self._now()
        self._write(deliveries.failed, claim, at, next_attempt(at, self._interval(), self._luck()), cause)
        log.error("upload_failed", **Message.UPLOADING_IMAGE_FAILED.fields, delivery_id=claim.id, why=cause)

    def _destination_failed(self, claims: Sequence[Claim], error: TryAgain) -> None:
        """Nobody's fault but the destination's: all go back, and the next attempt waits for a good probe."""
        self._give_back_all(claims, str(error))
        self._way.failed(str(error))
        self._database.write(lambda tx: service.failing(tx, self._now(), str(error)))

    def _destination_is_well(self) -> None:
        if self._way.is_well():
            self._database.write(service.recovered)
            log.info("uploads_recovered")

    def _give_back_all(self, claims: Sequence[Claim], cause: str) -> None:
        """Return to waiting what is still in hand; whatever was finished meanwhile has lost its lease."""
        at = self._now()

        def write(tx: Transaction) -> None:
            for claim in claims:
                deliveries.failed(tx, claim, at, at, cause)

        self._database.write(write)

    def _write(self, move: Callable[..., bool], *values: object) -> None:
        self._database.write(lambda tx: move(tx, *values))


_VERIFYING: Final = "Works reads the image to verify it."
_CONFLICT_NOTE: Final = "Conflict: Works holds other bytes under the same SOP Instance UID. Both are kept."


def _tell(why: str) -> None:
    log.error("uploads_failing", **Message.UPLOADING_IMAGE_FAILED.fields, why=why)
