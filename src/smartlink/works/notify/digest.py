"""One digest per facility and interval while something fails there, and one mail when it ended (R110, R113).

What happens when is a pure decision (`step`); writing the mails happens in the same transaction that notes it, so
that two workers never tell the same thing twice. Sending is a job of its own (`mailing`).
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

import structlog

from smartlink.link.failures import Failure, FailureNotice
from smartlink.ui.preferences import Language
from smartlink.works.access import Access, Site
from smartlink.works.notify import recipients, words
from smartlink.works.notify.words import Failing, Situation
from smartlink.works.store import configuration, connections, lookups, mails, notices
from smartlink.works.store.notices import Notice, Progress

log = structlog.get_logger()

EVERY_HOURS: Final = 4
"""The interval of a facility whose gateway has not said another one."""


class Kind(StrEnum):
    """What a mail is about."""

    DIGEST = "digest"
    RECOVERED = "recovered"


class Later(Protocol):
    """Defers the sending of a mail in the transaction that writes it."""

    def mail(self, site: Site, mail_id: uuid.UUID) -> None:
        """One job sends this mail."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every mail of this deployment has in common."""

    url: str
    language: Language = Language.ENGLISH
    support: str | None = None


def step(progress: Progress, *, failing: bool, every: timedelta, now: datetime) -> tuple[Kind | None, Progress]:
    """What is to be told now, and how far the telling is then.

    A failure is told at once, unless the last digest is younger than the interval (a destination that comes and goes
    fills no mailbox); then once per interval. Its end is told once, and only if its beginning was.
    """
    if not failing:
        ended = replace(progress, announced_at=None, due_at=None)
        return (None if progress.announced_at is None else Kind.RECOVERED), ended
    due = now if progress.told_at is None else max(now, progress.told_at + every)
    if due > now:
        return None, replace(progress, due_at=due)
    announced = progress.announced_at or now
    return Kind.DIGEST, replace(progress, announced_at=announced, told_at=now, due_at=now + every)


class Digests:
    """Writes what is due."""

    def __init__(self, access: Access, later: Later, letterhead: Letterhead) -> None:
        """`later` sends what is written."""
        self._access = access
        self._later = later
        self._letterhead = letterhead

    def tick(self, now: datetime) -> int:
        """Write every digest whose time has come; how many facilities were looked at."""
        with self._access.outside() as transaction:
            due = lookups.digests_due(transaction, now)
        for ids in due:
            self.write(ids.organisation_id, ids.facility_id, now)
        return len(due)

    def write(self, organisation_id: uuid.UUID, facility_id: uuid.UUID, now: datetime) -> Kind | None:
        """Write the facility's mails if something is to be told now; what was told. Repeats tell nothing twice."""
        with self._access.organisation(organisation_id) as site:
            progress = notices.lock(site, facility_id)
            said = notices.of_facility(site, facility_id)
            kind, then = step(progress, failing=is_failing(said), every=interval(said), now=now)
            notices.keep(site, then)
            if kind is not None:
                situation = replace(_situation(site, said, progress, now), url=self._letterhead.url)
                self._write(site, facility_id, kind, situation)
        return kind

    def _write(self, site: Site, facility_id: uuid.UUID, kind: Kind, situation: Situation) -> None:
        told = words.digest if kind is Kind.DIGEST else words.recovered
        text = told(situation, self._letterhead.language)
        mails.supersede(site, facility_id, situation.now, kinds=list(Kind))
        addresses = recipients.of_facility(site, facility_id, support=self._letterhead.support)
        for address in addresses:
            mail_id = uuid.uuid4()
            mails.add(
                site,
                id=mail_id,
                facility_id=facility_id,
                kind=kind,
                recipient=address,
                subject=text.subject,
                body=text.body,
                now=situation.now,
            )
            self._later.mail(site, mail_id)
        tell = log.info if addresses else log.error
        tell("digest_written", facility_id=str(facility_id), kind=kind, recipients=len(addresses))


def is_failing(said: Sequence[Notice]) -> bool:
    """Whether any gateway of the facility says that something fails."""
    return any(one.failing for one in said)


def interval(said: Sequence[Notice]) -> timedelta:
    """How often the facility wants to be told: as its gateway's settings say, the more often of several."""
    return timedelta(hours=min((one.notify_hours for one in said), default=EVERY_HOURS))


def _situation(site: Site, said: Sequence[Notice], progress: Progress, now: datetime) -> Situation:
    facility = configuration.facility(site, progress.facility_id)
    failing = [one for notice in said for one in FailureNotice.model_validate(notice.snapshot).failures]
    return Situation(
        facility="" if facility is None else facility.name,
        time_zone="UTC" if facility is None else facility.time_zone,
        now=now,
        failing=[_failing(site, progress.facility_id, one) for one in failing],
        hours=int(interval(said).total_seconds()) // 3600,
        heard_at=min((one.received_at for one in said if one.failing), default=None),
        begun_at=progress.announced_at,
        outbox=notices.exams_in_outbox(site, progress.facility_id),
    )


def _failing(site: Site, facility_id: uuid.UUID, one: Failure) -> Failing:
    """The failure with the name of its system, if that is one of the facility's."""
    known = None if one.connection_id is None else connections.get(site, one.connection_id)
    mine = known is not None and known.facility_id == facility_id
    system = f"{known.name} ({known.ae_title})" if known is not None and mine else ""
    return Failing(one.kind, system, one.count, one.since, one.oldest_at, one.cause)
