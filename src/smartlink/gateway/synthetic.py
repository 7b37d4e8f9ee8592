"""The synthetic exam: sent to our own port as a scanner would, followed until Works has it, and removed again.

It is known by its UIDs (`link.test_exam`), so that neither side ever sends it to a PACS. What it leaves behind when it
does not arrive is harmless: Works removes test exams after a day, and here they end with the retention.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from smartlink.gateway import connecting, exam_journey
from smartlink.gateway.calling import Answered, AssociationFailed, Outcome, Peer
from smartlink.gateway.errors import GatewayError, Refused
from smartlink.gateway.status import status_of
from smartlink.gateway.store import connections, instances
from smartlink.link.insight import SyntheticEnded, SyntheticGone
from smartlink.link.test_exam import AE_TITLE
from smartlink.standard.names import AETitle
from smartlink.standard.status import Status

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from smartlink.gateway.connections import Connection
    from smartlink.gateway.loop import Clock
    from smartlink.gateway.store.database import Database, Transaction
    from smartlink.gateway.store.spool import Spool

log = structlog.get_logger()

MOST_IMAGES: Final = 20


class Works(connecting.Works, exam_journey.Works, Protocol):
    """Works, as far as the synthetic exam needs it."""

    def synthetic_ended(self, ended: SyntheticEnded) -> SyntheticGone:
        """Remove the exam. May raise a GatewayError."""


Send = Callable[[Peer, Callable[[Outcome], None]], None]
"""Sends the exam's images in one Association. Raises AssociationFailed."""


@dataclass(frozen=True, slots=True)
class Around:
    """What the run stands on; `rest` waits a moment between two looks."""

    database: Database
    spool: Spool
    works: Works
    now: Clock
    folder: Path
    bind: str
    rest: Callable[[], None]


@dataclass(slots=True)
class Run:
    """One synthetic exam under way."""

    around: Around
    study: str
    images: int
    began_at: datetime
    sent: list[dict[str, Any]] = field(default_factory=list)
    problem: str | None = None
    remedy: str | None = None
    journey: dict[str, Any] = field(default_factory=dict)
    cleaned: bool = False
    left: list[str] = field(default_factory=list)
    """What could not be cleaned up, in sentences."""

    def send(self, peer: Peer, send: Send) -> bool:
        """Send all images; whether each was answered with Success."""

        def tell(outcome: Outcome) -> None:
            status = outcome.status if isinstance(outcome, Answered) else None
            words = "not answered" if status is None else f"{status:04X}"
            self.sent.append({"image": outcome.key, "answered_at": self.around.now(), "status": words})
            if status != Status.SUCCESS and self.problem is None:
                self.problem = f"The receiver answered image {outcome.key} with {words}."
                self.remedy = "See smartlink diagnose and the log of today."

        try:
            send(peer, tell)
        except AssociationFailed as error:
            self.problem = error.sentence
            self.remedy = error.remedy or f"Callers are limited by settings: let {AE_TITLE} in, or see diagnose."
        return self.problem is None and len(self.sent) == self.images

    def follow(self, until: datetime) -> bool:
        """Look until every image is ingested and the exam is in a folder; False when that takes too long."""
        while True:
            self.journey = exam_journey.journey(self.around.database, self.around.works, self.study)
            found = self.journey["instances"]
            if self.journey["exam"] and sum(one["ingested_at"] is not None for one in found) >= self.images:
                return True
            if self.around.now() >= until:
                self.problem = "Works does not have the whole exam in the time given."
                self.remedy = " ".join(self.journey["missing"][:3]) or "See smartlink diagnose."
                return False
            self.around.rest()

    def clean(self, *, registered: bool) -> None:
        """Remove the exam on both sides and, when this run `registered` it, the connection that it came by."""
        around = self.around
        try:
            around.works.synthetic_ended(SyntheticEnded(study_instance_uid=self.study))
            _purge(around, self.study)
            connection = _connection(around.database)
            if registered and connection is not None:
                connecting.delete(around.database, around.works, connection, around.now())
        except (GatewayError, OSError) as error:
            self.left.append(f"Not all of it could be removed: {error} Works removes test exams after a day.")
        self.cleaned = not self.left

    def told(self) -> dict[str, Any]:
        """What the run found, for programs."""
        hops = [f"{hop}_at" for hop in exam_journey.HOPS]
        found = self.journey.get("instances", [])
        return {
            "arrived": self.problem is None,
            "study_instance_uid": self.study,
            "began_at": self.began_at,
            "sent": self.sent,
            "instances": [{name: one[name] for name in ("sop_instance_uid", *hops)} for one in found],
            "exam": self.journey.get("exam"),
            "seconds": {hop: _last(found, hop, self.began_at) for hop in hops},
            "problem": self.problem,
            "remedy": self.remedy,
            "cleaned_up": self.cleaned,
            "left": self.left,
        }


def run(around: Around, study: str, images: int, send: Send, patience: timedelta) -> Run:
    """Send the exam, follow it, remove it again. Raises Refused when this gateway cannot receive now."""
    peer = receiver(around)
    registered = _connection(around.database) is None
    one = Run(around, study, images, around.now())
    arrived = one.send(peer, send) and one.follow(one.began_at + patience)
    if arrived:
        one.clean(registered=registered)
    elif one.sent:
        one.left.append("The images go on by themselves; Works removes test exams after a day.")
    log.info("test_exam", arrived=arrived, images=images, problem=one.problem)
    return one


def receiver(around: Around) -> Peer:
    """Return our own port as a scanner would call it. Raises Refused when it is closed."""
    told = status_of(around.database, around.folder, around.now())
    if told["licence"]["state"] != "active":
        raise Refused("This gateway has no license, so that its port is closed: smartlink activate KEY")
    if not told["service"]["running"] or not told["receiver"]["open"]:
        raise Refused("The receiver is closed. Start the service: smartlink run; then see smartlink diagnose.")
    if told["receiver"]["port"] is None:
        raise Refused("Only the TLS port is open: a test exam has no certificate to show.")
    host = "127.0.0.1" if around.bind in {"0.0.0.0", "::"} else around.bind  # noqa: S104
    return Peer(host, told["receiver"]["port"], told["receiver"]["ae_title"], AE_TITLE)


def _connection(database: Database) -> Connection | None:
    """Return the connection by which test exams come, if there is one."""
    return database.read(lambda tx: connections.find_by_ae(tx, AETitle.parse(AE_TITLE)))


def _purge(around: Around, study: str) -> None:
    """Remove the files of the exam's instances that Works has; the file first, as the janitor does."""
    found = around.database.read(lambda tx: instances.received(tx, study))
    for _, name in found:
        around.spool.remove(name)

    def write(tx: Transaction) -> None:
        for instance_id, _ in found:
            instances.purged(tx, instance_id, around.now())

    around.database.write(write)


def _last(found: Sequence[dict[str, Any]], hop: str, began_at: datetime) -> float | None:
    """Return how many seconds after the beginning the last image passed this hop; None while one has not."""
    moments = [one[hop] for one in found]
    if not moments or None in moments:
        return None
    return round(float((max(moments) - began_at).total_seconds()), 3)
