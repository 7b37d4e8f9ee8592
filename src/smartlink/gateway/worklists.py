"""Asks the worklist servers and tells Works what they gave (R52-R58, F7).

Each server is asked on a lane of its own, so that one that hangs holds up no other. One that fails keeps its last
good list, and is asked again when its breaker lets it. Works is told the newest that is known; nothing is queued.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from smartlink.gateway.calling import AssociationFailed, Peer, SendLimits
from smartlink.gateway.connecting import peer_of
from smartlink.gateway.connections import where
from smartlink.gateway.errors import GiveUp, LicenceRevoked, TryAgain
from smartlink.gateway.retry import Breaker, Outage
from smartlink.gateway.store import configuration, connections, worklists
from smartlink.gateway.worklist import KEPT, Answers, Asked, Query, Window, asked, listed
from smartlink.link.connections import Kind
from smartlink.link.problems import ProblemType
from smartlink.link.worklist import WorklistPut, WorklistTaken

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from smartlink.gateway.connections import Connection
    from smartlink.gateway.loop import Clock
    from smartlink.gateway.settings import SmartLinkSettings
    from smartlink.gateway.store.database import Database, Transaction
    from smartlink.gateway.store.worklists import Worklist
    from smartlink.link.worklist import WorklistItem

log = structlog.get_logger()

AFTER_A_FAILURE: Final = timedelta(seconds=30)
"""Before Works is told again."""
SERVER: Final = "worklist server"
_ABOUT_THE_SERVER: Final = frozenset(
    {ProblemType.CONNECTION_UNKNOWN, ProblemType.REQUEST_INVALID, ProblemType.REQUEST_TOO_LARGE}
)
"""What Works does not take of this server; the others fare no worse for it."""


class Works(Protocol):
    """Works, as far as worklists need it. May raise TryAgain, GiveUp or LicenceRevoked."""

    def put_worklist(self, connection_id: UUID, worklist: WorklistPut) -> WorklistTaken:
        """Tell what a server gave, and how it does."""


Find = Callable[[Peer, Asked, SendLimits, Callable[[], bool]], Answers]
"""One C-FIND; raises AssociationFailed."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an administrator has set, asked anew for every query."""

    calling_ae_title: str
    """The Worklist Client AE title (R93)."""
    every: timedelta
    before: timedelta
    after: timedelta
    interval: timedelta
    """How often an outage is told of in the log while it lasts."""


def rules_of(settings: SmartLinkSettings) -> Rules:
    """Return what the settings say of worklists."""
    return Rules(
        calling_ae_title=settings.worklist_client_ae_title,
        every=timedelta(minutes=settings.worklist_minutes),
        before=timedelta(hours=settings.worklist_hours_before),
        after=timedelta(hours=settings.worklist_hours_after),
        interval=timedelta(minutes=settings.retry_pacs_minutes),
    )


@dataclass(frozen=True, slots=True)
class Tools:
    """What one query needs."""

    database: Database
    find: Find
    now: Clock
    rules: Callable[[], Rules]
    limits: SendLimits


def question(tools: Tools, query: Query) -> tuple[Window, Asked, str]:
    """Return the window of this moment, what to ask a server for it, and the facility's time zone."""
    rules = tools.rules()
    window = Window.around(tools.now(), rules.before, rules.after)
    facility = tools.database.read(configuration.find)
    zone = "UTC" if facility is None else facility.time_zone
    return window, asked(query, window, zone), zone


def refresh(tools: Tools, connection: Connection, stop: Callable[[], bool]) -> AssociationFailed | None:
    """Ask one server and keep what it gives; return why it gave nothing. The last good list outlives a failure."""
    at, query = tools.now(), connection.query or Query()
    window, wanted, zone = question(tools, query)
    peer = peer_of(connection, tools.rules().calling_ae_title)
    try:
        found = listed(tools.find(peer, wanted, tools.limits, stop), query, window, zone)
    except AssociationFailed as failed:
        why = failed.at(SERVER)
        checked_at = tools.now()

        def note(tx: Transaction) -> None:
            if _is_ours(tx, connection):
                worklists.failed(tx, connection.id, checked_at, why.sentence, why.remedy)

        if not stop():
            tools.database.write(note)
        return why
    until = at + KEPT

    def write(tx: Transaction) -> None:
        if _is_ours(tx, connection):
            content = [(item, min(until, item.start_at + KEPT)) for item in found.items]
            worklists.found(tx, connection.id, content, at, truncated=found.truncated, unreadable=found.unreadable)
            connections.verified(tx, connection, at)

    tools.database.write(write)
    return None


def _is_ours(tx: Transaction, connection: Connection) -> bool:
    """Whether the connection was not deleted meanwhile: then nothing of its patients is kept (R86)."""
    return any(one.id == connection.id for one in connections.live(tx))


@dataclass(slots=True)
class _Server:
    """One server as this loop sees it."""

    outage: Outage
    breaker: Breaker = field(default_factory=Breaker)
    next_at: datetime | None = None
    asked_as: object = None

    def is_due(self, connection: Connection, now: datetime) -> bool:
        """Whether it is time: at once when it is new or was changed (R55), when it may be well again, or regularly."""
        if self.asked_as != _way(connection):
            return True
        if self.breaker.is_open:
            return self.breaker.may_probe(now)
        return self.next_at is None or now >= self.next_at


class Worklists:
    """The loop's tick."""

    def __init__(  # noqa: PLR0913  the parts list of the way to the worklist servers; build gives each once
        self,
        database: Database,
        works: Works,
        find: Find,
        now: Clock,
        *,
        licensed: Callable[[], bool],
        revoked: Callable[[], None],
        rules: Callable[[], Rules],
        limits: SendLimits,
        lanes: int = 8,
    ) -> None:
        self._tools = Tools(database, find, now, rules, limits)
        self._works = works
        self._licensed = licensed
        self._revoked = revoked
        self._asked = threading.Event()
        self._stop = threading.Event()
        self._servers: dict[UUID, _Server] = {}
        self._under_way: dict[UUID, Future[None]] = {}
        self._next_tell: datetime | None = None
        self._untold = Outage(lambda: rules().interval)
        self._lanes = ThreadPoolExecutor(max_workers=lanes, thread_name_prefix="worklist")

    def ask(self) -> None:
        """Ask every server at the next tick, also one that fails: somebody waits for it."""
        self._asked.set()

    def tick(self, now: datetime) -> bool:
        """Ask the servers that are due, forget what is over, and tell Works. A lane's own error is raised here."""
        for key, work in list(self._under_way.items()):
            if work.done():
                del self._under_way[key]
                work.result()
        if self._is_to_end():
            return False
        self._purge(now)
        wanted = self._asked.is_set()
        self._asked.clear()
        live = self._live()
        self._servers = {key: server for key, server in self._servers.items() if key in live}
        for key, connection in live.items():
            server = self._servers.setdefault(key, _Server(Outage(lambda: self._tools.rules().interval)))
            if key not in self._under_way and (wanted or server.is_due(connection, now)):
                server.asked_as = _way(connection)
                self._under_way[key] = self._lanes.submit(self._work, connection, server)
        self._tell(live, now)
        return False

    def join(self) -> None:
        """Wait until nothing is under way."""
        for work in list(self._under_way.values()):
            work.exception()

    def end(self) -> None:
        """Let queries end early; returns at once."""
        self._stop.set()

    def close(self) -> None:
        """Let queries end, and wait for that."""
        self.end()
        self._lanes.shutdown()

    def _is_to_end(self) -> bool:
        return self._stop.is_set() or not self._licensed()

    def _live(self) -> dict[UUID, Connection]:
        return {one.id: one for one in self._tools.database.read(connections.live) if one.kind is Kind.WORKLIST}

    def _purge(self, now: datetime) -> None:
        database = self._tools.database
        if database.read(lambda tx: worklists.any_expired(tx, now)):
            count = database.write(lambda tx: worklists.purge(tx, now))
            log.info("worklist_items_purged", count=count)

    def _work(self, connection: Connection, server: _Server) -> None:
        failed = refresh(self._tools, connection, self._is_to_end)
        at = self._tools.now()
        told = {"connection_id": str(connection.id), "ae_title": connection.ae_title}
        if failed is None:
            if server.outage.is_on:
                log.info("worklist_read_again", **told)
            server.outage.is_over()
            server.breaker.succeeded()
            server.next_at = at + self._tools.rules().every
        elif not self._is_to_end():
            server.breaker.failed(at)
            if server.outage.should_be_told(at):
                log.error("worklist_not_read", **told, why=failed.sentence, action=failed.remedy)

    def _tell(self, live: dict[UUID, Connection], now: datetime) -> None:
        if self._next_tell is not None and now < self._next_tell:
            return
        database = self._tools.database
        for key, known in database.read(worklists.live).items():
            works_id = live[key].works_id if key in live else None
            if works_id is None or not known.is_news:
                continue
            items = database.read(lambda tx, key=key: worklists.items(tx, key))  # type: ignore[misc]
            if not self._tell_one(works_id, put_message(known, items), now):
                return
            database.write(lambda tx, known=known: worklists.told(tx, known))  # type: ignore[misc]

    def _tell_one(self, works_id: UUID, message: WorklistPut, now: datetime) -> bool:
        """Tell Works of one server; False when Works is not to be reached and the others would fare alike."""
        try:
            self._works.put_worklist(works_id, message)
        except LicenceRevoked:
            self._revoked()
            return False
        except (TryAgain, GiveUp) as error:
            if isinstance(error, TryAgain) and error.kind in _ABOUT_THE_SERVER:
                log.error("worklist_not_taken", connection_id=str(works_id), why=str(error))
                return True
            self._next_tell = now + AFTER_A_FAILURE
            if self._untold.should_be_told(now):
                log.error("worklist_not_told", why=str(error))
            return False
        self._untold.is_over()
        self._next_tell = None
        return True


def put_message(known: Worklist, items: list[WorklistItem]) -> WorklistPut:
    """Return what Works is told of one server."""
    return WorklistPut(
        checked_at=known.checked_at,
        fetched_at=known.fetched_at,
        items=None if known.fetched_at is None else tuple(items),
        truncated=known.truncated,
        unreadable=known.unreadable,
        failing_since=known.failing_since,
        problem=known.problem,
        remedy=known.remedy or None,
    )


def _way(connection: Connection) -> object:
    return where(connection), connection.query
