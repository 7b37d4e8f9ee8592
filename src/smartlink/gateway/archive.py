"""Stores in each PACS what is due there, one exam after the other; each PACS has a lane and a breaker of its own.

A PACS that fails opens its breaker and parks nothing; a probe lets one image through, and only its success lets all
go at once. Whatever a kill interrupts is sent once more at most. One PACS never holds up another.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.attempt import LEASE, Attempt, Line, Rules, Tools
from smartlink.gateway.calling import AssociationFailed, Layer, Peer, SendLimits
from smartlink.gateway.messages import Message
from smartlink.gateway.retry import Breaker, Outage, latest_attempt
from smartlink.gateway.store import connections, counters, deliveries, destinations, orders
from smartlink.gateway.store.deliveries import WORKS
from smartlink.link.connections import Kind
from smartlink.link.sentences import Sentence

if TYPE_CHECKING:
    from datetime import datetime

    from smartlink.gateway.connections import Connection
    from smartlink.gateway.loop import Clock
    from smartlink.gateway.store.database import Database, Transaction
    from smartlink.gateway.store.instances import Instance
    from smartlink.gateway.store.spool import Spool

log = structlog.get_logger()

MOST_AT_ONCE: Final = 200
CARE: Final = timedelta(minutes=1)
_GONE: Final = "The PACS connection was deleted."
_EXHAUSTED: Final = Sentence.TIME_OVER.of()


class Archive:
    """The loop's tick: lets each PACS that has something due work on a lane, and looks after retry windows."""

    def __init__(  # noqa: PLR0913  the parts list of the way to the PACS; build gives each once
        self,
        database: Database,
        spool_of: Callable[[Instance], Spool],
        line: Line,
        now: Clock,
        *,
        licensed: Callable[[], bool],
        rules: Callable[[], Rules],
        limits: SendLimits,
        lanes: int = 8,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._stop = threading.Event()
        self._licensed = licensed
        self._tools = Tools(database, spool_of, line, now, rules, limits, self._is_to_end, luck)
        self._routes: dict[str, Route] = {}
        self._under_way: dict[str, Future[None]] = {}
        self._next_care: datetime | None = None
        self._lanes = ThreadPoolExecutor(max_workers=lanes, thread_name_prefix="archive")

    def tick(self, now: datetime) -> bool:
        """Start what is due. Whatever failed on a lane without a name is raised here."""
        for destination, work in list(self._under_way.items()):
            if work.done():
                del self._under_way[destination]
                work.result()
        if self._is_to_end():
            return False
        live = {str(one.id): one for one in self._tools.database.read(connections.live) if one.kind is Kind.PACS}
        for destination in live.keys() - self._routes.keys():
            self._routes[destination] = Route(destination, self._tools)
        for destination, route in self._routes.items():
            route.connection = live.get(destination)
            if destination not in self._under_way and route.is_due(now):
                self._under_way[destination] = self._lanes.submit(route.work)
        if self._next_care is None or now >= self._next_care:
            self._next_care = now + CARE
            self._care(live, now)
        return False

    def join(self) -> None:
        """Wait until nothing is under way."""
        for work in list(self._under_way.values()):
            work.exception()

    def end(self) -> None:
        """Let Associations end after the image in hand, or after some seconds; returns at once."""
        self._stop.set()

    def close(self) -> None:
        """Let Associations end, and wait for that."""
        self.end()
        self._lanes.shutdown()

    def _is_to_end(self) -> bool:
        return self._stop.is_set() or not self._licensed()

    def _care(self, live: Collection[str], now: datetime) -> None:
        """Close retry windows (R144), follow a shorter interval (R111), clear up after deleted connections (R86)."""
        rules, database = self._tools.rules(), self._tools.database
        database.write(lambda tx: orders.drop_unwanted(tx, now))
        for destination in database.read(counters.destinations):
            if destination in live:
                if destination not in self._under_way:
                    # Whoever is at work there has a last try, and looks itself when that fails.
                    _exhaust(database, destination, now, rules.keep_trying)
                _hurry(database, destination, latest_attempt(now, rules.interval))
            elif destination != WORKS:
                _abandon(database, destination, now)


def _abandon(database: Database, destination: str, now: datetime) -> None:
    count = database.write(lambda tx: deliveries.abandon(tx, destination, now, _GONE))
    if count:
        log.error("destination_gone", connection_id=destination, count=count)


def _hurry(database: Database, destination: str, latest: datetime) -> None:
    if database.read(lambda tx: deliveries.is_any_later(tx, destination, latest)):
        database.write(lambda tx: deliveries.hurry(tx, destination, latest))


def _exhaust(database: Database, destination: str, now: datetime, keep_trying: timedelta) -> None:
    before = now - keep_trying
    since = database.read(lambda tx: destinations.find(tx, destination)).failing_since
    failing = since is not None and since <= before
    count = database.write(
        lambda tx: deliveries.exhaust(tx, destination, now, before, failing=failing, cause=_EXHAUSTED)
    )
    if count:
        log.error("retries_exhausted", connection_id=destination, count=count)


class Route:
    """One PACS: its breaker, its outage, and the work on what is due there."""

    def __init__(self, destination: str, tools: Tools) -> None:
        self._destination = destination
        self._tools = tools
        self._breaker = Breaker()
        self._outage = Outage(lambda: tools.rules().interval)
        self._unclear = False
        self.connection: Connection | None = None
        """The PACS as it is set up now; None when it was deleted. The archive keeps it up to date."""

    def is_due(self, now: datetime) -> bool:
        """Whether there is anything to be sent that may be tried now."""
        if self.connection is None:
            return False
        if self._unclear:
            return True
        if self._breaker.is_open and not self._breaker.may_probe(now):
            return False
        return self._tools.database.read(lambda tx: deliveries.is_any_due(tx, self._destination, now))

    def work(self) -> None:
        """Send exam by exam until nothing is due, the PACS fails or is gone, or the program ends."""
        if self._unclear:
            # The catalogue failed in the middle: what was in hand then is in nobody's hand now.
            at = self._tools.now()
            self._tools.database.write(lambda tx: deliveries.recall(tx, self._destination, at))
        self._unclear = True
        while not self._tools.stopping() and self.connection and self._turn(self.connection, self._tools.now()):
            pass
        self._unclear = False

    def _turn(self, connection: Connection, now: datetime) -> bool:
        """Send what is due of one exam; True when there may be more."""
        rules = self._tools.rules()
        peer = Peer(connection.host, connection.port or 0, connection.ae_title, rules.sender_ae_title, connection.tls)
        if self._breaker.is_open and not self._probe(peer, now):
            return False
        limit = self._breaker.limit(MOST_AT_ONCE)
        claims = self._tools.database.write(
            lambda tx: deliveries.claim_exam(tx, self._destination, now, now + LEASE, limit)
        )
        if not claims:
            return False
        attempt = Attempt(self, connection, claims, self._tools, now)
        try:
            attempt.send(peer)
        except AssociationFailed as error:
            self._failed(attempt, error.sentence, error.layer)
            return False
        if attempt.problem is not None:
            self._failed(attempt, attempt.problem, None)
            return False
        attempt.give_back()
        return True

    def _probe(self, peer: Peer, now: datetime) -> bool:
        """Ask whether the PACS is there: C-ECHO, or the Association alone where Verification is refused."""
        if not self._breaker.may_probe(now):
            return False
        try:
            self._tools.line.echo(peer, self._tools.limits, self._tools.stopping)
        except AssociationFailed as error:
            if error.layer is not Layer.CONTEXT:
                self._breaker.failed(self._tools.now())
                self._note_failure(error.sentence, error.layer)
                return False
        self._breaker.probed()
        return True

    def _failed(self, attempt: Attempt, problem: str, layer: Layer | None) -> None:
        """Nobody's fault but the PACS's: all go back, and the next attempt waits for a good probe."""
        if self._tools.stopping():
            attempt.give_back()
            return
        self._breaker.failed(self._tools.now())
        attempt.fail(problem, met=layer is None or layer in _MET)
        self._note_failure(problem, layer)

    def _note_failure(self, problem: str, layer: Layer | None) -> None:
        at = self._tools.now()

        def write(tx: Transaction) -> None:
            destinations.failing(tx, self._destination, at, problem, layer)
            orders.wait_because(tx, self._destination, problem, at)

        self._tools.database.write(write)
        _exhaust(self._tools.database, self._destination, at, self._tools.rules().keep_trying)
        self.tell(problem, layer)

    def tell(self, problem: str, layer: Layer | None = None) -> None:
        """Write message 1, once per outage and interval (design section 1)."""
        if self._outage.should_be_told(self._tools.now()):
            told = {"connection_id": self._destination, "layer": layer, "why": problem}
            log.error("store_failed", **Message.STORE_TO_PACS_FAILED.fields, **told)

    def succeeded(self) -> None:
        """An image went through."""
        self._breaker.succeeded()
        if self._outage.is_on:
            self._outage.is_over()
            log.info("store_recovered", connection_id=self._destination)


_MET: Final = frozenset({Layer.TIMEOUT, Layer.ABORTED, Layer.PROTOCOL})
"""Failures that an image may have brought about, as may a status: the next one goes first, and shows whether it did."""
