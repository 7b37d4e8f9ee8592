"""Tells Works what fails and goes on failing, so that it can mail people about it (F11, R110, R113).

What is told is the whole of what fails now. A notice that cannot be told is therefore not queued: the next one says
the same, or what has become of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from smartlink.gateway.delivery import State
from smartlink.gateway.errors import GiveUp, LicenceRevoked, TryAgain
from smartlink.gateway.messages import Message
from smartlink.gateway.retry import Outage
from smartlink.gateway.store import connections, counters, deliveries, destinations, orders
from smartlink.gateway.store.deliveries import WORKS
from smartlink.link.connections import Kind
from smartlink.link.failures import Failure, FailureKind, FailureNotice, FailureNoticed

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()

PAUSE: Final = timedelta(seconds=30)
"""Between two notices, and between two attempts to tell one."""
REFRESH: Final = timedelta(minutes=5)
"""After so long the counts of a failure that lasts are told anew."""
_MOST: Final = 100
_LONGEST: Final = 500
_STUBBORN: Final = "Some images are tried again and again without success while others go through."
_PARKED: Final = (
    "These images need attention: they are not tried again by themselves. SmartLink shows cause and remedy."
)


Trouble = tuple["datetime", str]
"""Since when something fails, and why, in a sentence without patient data."""


class Works(Protocol):
    """Works, as far as notices need it. May raise TryAgain, GiveUp or LicenceRevoked."""

    def notify(self, notice: FailureNotice) -> FailureNoticed:
        """Tell what fails."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an administrator has set (R107, R108, R110), asked anew for every notice.

    A failure is told when it outlasted one retry interval: that is when it goes on failing.
    """

    notify_hours: int
    works_interval: timedelta
    pacs_interval: timedelta


@dataclass(frozen=True, slots=True)
class Sources:
    """Who knows of failures of the way to and from Works; the catalogue knows of everything else."""

    uploads: Callable[[], Trouble | None]
    downloads: Callable[[], Trouble | None]


class Notices:
    """The loop's tick."""

    def __init__(
        self,
        database: Database,
        works: Works,
        sources: Sources,
        *,
        licensed: Callable[[], bool],
        revoked: Callable[[], None],
        rules: Callable[[], Rules],
    ) -> None:
        self._database = database
        self._works = works
        self._sources = sources
        self._licensed = licensed
        self._revoked = revoked
        self._rules = rules
        self._told: FailureNotice | None = None
        """What Works has of this gateway; None: nobody knows, so that even an empty notice is told."""
        self._next: datetime | None = None
        self._untold: dict[Message, Outage] = {}

    def tick(self, now: datetime) -> bool:
        """Tell what fails, if that is news or was told a while ago."""
        if not self._licensed():
            self._told, self._next = None, None
            return False
        if self._next is not None and now < self._next:
            return False
        self._next = now + PAUSE
        notice = self._notice(now)
        if self._is_news(notice):
            self._tell(notice)
        return False

    def _notice(self, now: datetime) -> FailureNotice:
        rules = self._rules()

        def ask(tx: Transaction) -> list[Failure]:
            return [*self._of_works(tx, rules, now), *_of_pacs(tx, rules, now)]

        failures = sorted(self._database.read(ask), key=lambda one: one.since)[:_MOST]
        return FailureNotice(failures=tuple(failures), notify_hours=rules.notify_hours, at=now)

    def _of_works(self, tx: Transaction, rules: Rules, now: datetime) -> Iterator[Failure]:
        """Return what fails between here and Works."""
        counts = counters.deliveries(tx, WORKS)
        uploads, downloads = self._sources.uploads(), self._sources.downloads()
        if uploads is not None and _lasts(uploads[0], rules.works_interval, now):
            count = counts[State.WAITING] + counts[State.SENDING]
            oldest = deliveries.oldest(tx, WORKS, State.WAITING)
            yield _failure(FailureKind.UPLOAD, count, uploads[0], oldest, uploads[1])
        elif uploads is None and (stubborn := deliveries.stubborn(tx, WORKS, now)).count:
            yield _failure(FailureKind.UPLOAD, stubborn.count, stubborn.since or now, stubborn.since, _STUBBORN)
        yield from _parked(tx, WORKS, FailureKind.UPLOAD, None, counts[State.PARKED])
        missing = orders.missing(tx)
        if downloads is not None and missing.count and _lasts(downloads[0], rules.works_interval, now):
            yield _failure(FailureKind.DOWNLOAD, missing.count, downloads[0], missing.oldest, downloads[1])

    def _is_news(self, notice: FailureNotice) -> bool:
        told = self._told
        if told is None or _names(told) != _names(notice) or told.notify_hours != notice.notify_hours:
            return True
        return bool(notice.failures) and notice.at - told.at >= REFRESH

    def _tell(self, notice: FailureNotice) -> None:
        try:
            self._works.notify(notice)
        except LicenceRevoked:
            self._revoked()
        except (TryAgain, GiveUp) as error:
            self._not_told(notice, str(error))
        else:
            self._told = notice
            self._untold.clear()
            log.info("failures_told", count=len(notice.failures))

    def _not_told(self, notice: FailureNotice, why: str) -> None:
        """Write messages 3 and 4, each once per outage and interval."""
        kinds = {one.kind for one in notice.failures}
        if FailureKind.UPLOAD in kinds:
            self._say(Message.UPLOAD_FAILURE_NOT_NOTIFIED, notice.at, why)
        if kinds - {FailureKind.UPLOAD}:
            self._say(Message.DOWNLOAD_FAILURE_NOT_NOTIFIED, notice.at, why)

    def _say(self, message: Message, at: datetime, why: str) -> None:
        outage = self._untold.setdefault(message, Outage(lambda: self._rules().works_interval))
        if outage.should_be_told(at):
            log.error("failures_not_told", **message.fields, why=why)


def _of_pacs(tx: Transaction, rules: Rules, now: datetime) -> Iterator[Failure]:
    """Return what fails between here and each PACS, as long as something waits for it."""
    for connection in connections.live(tx):
        if connection.kind is not Kind.PACS:
            continue
        destination = str(connection.id)
        counts = counters.deliveries(tx, destination)
        count = counts[State.WAITING] + counts[State.SENDING]
        how = destinations.find(tx, destination)
        since = how.failing_since
        if count and since is not None and _lasts(since, rules.pacs_interval, now):
            oldest = deliveries.oldest(tx, destination, State.WAITING)
            yield _failure(FailureKind.STORE, count, since, oldest, how.problem or "", connection.works_id)
        yield from _parked(tx, destination, FailureKind.STORE, connection.works_id, counts[State.PARKED])


def _parked(
    tx: Transaction, destination: str, kind: FailureKind, connection_id: UUID | None, count: int
) -> Iterator[Failure]:
    """Return that images need a person: nothing else would bring them on."""
    since = deliveries.oldest(tx, destination, State.PARKED) if count else None
    if since is not None:
        yield _failure(kind, count, since, since, _PARKED, connection_id)


def _failure(
    kind: FailureKind,
    count: int,
    since: datetime,
    oldest_at: datetime | None,
    cause: str,
    connection_id: UUID | None = None,
) -> Failure:
    return Failure(
        kind=kind,
        connection_id=connection_id,
        count=count,
        since=since,
        oldest_at=oldest_at,
        cause=cause[:_LONGEST],
    )


def _lasts(since: datetime, interval: timedelta, now: datetime) -> bool:
    return now - since >= interval


def _names(notice: FailureNotice) -> set[tuple[FailureKind, UUID | None, str]]:
    """What fails, whatever its count: another one is news."""
    return {(one.kind, one.connection_id, one.cause) for one in notice.failures}
