"""What is wrong with the fleet itself, told by mail: a gateway offline, a scanner silent, a disk that fills up (F12).

Each is told when it begins, once a day while it lasts, and when it is over. What happens when is a pure decision
(`step`); the mails are written in the transaction that notes it.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog

from smartlink.link.heartbeat import Disk, Scanner
from smartlink.works import audit
from smartlink.works.access import Access, Site
from smartlink.works.errors import Invalid, NotFound
from smartlink.works.notify import alarm_words, recipients
from smartlink.works.notify.alarm_words import Matter
from smartlink.works.notify.digest import Later, Letterhead
from smartlink.works.notify.words import Text
from smartlink.works.store import alarms, configuration, lookups, mails
from smartlink.works.store.alarms import Told, WatchedGateway

log = structlog.get_logger()

HORIZON_DAYS: Final = 3.0
AGAIN: Final = timedelta(days=1)
"""While it lasts, it is told again so often."""
REST: Final = timedelta(hours=1)
"""What comes and goes is told no more often than that."""
_LONGEST_HOURS: Final = 8760


class Kind(StrEnum):
    """What can be wrong."""

    OFFLINE = "offline"
    """No sign of life of a gateway."""
    SILENT = "silent"
    """No word of an ultrasound system for longer than an administrator has set; off unless set."""
    DISK = "disk"
    """Little space left, or little time until there is little."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `wrong` None: it cannot be told now, and whatever was told of it stays."""

    kind: Kind
    subject_id: uuid.UUID
    wrong: bool | None
    since: datetime
    matter: Matter


def step(told: Told, *, wrong: bool, now: datetime) -> tuple[bool, Told]:
    """Whether a mail is to be written now, and how far the telling is then; of what is well, that it is over."""
    if not wrong:
        return told.announced_at is not None, replace(told, announced_at=None)
    pause = REST if told.announced_at is None else AGAIN
    if told.told_at is not None and now - told.told_at < pause:
        return False, told
    return True, replace(told, announced_at=told.announced_at or now, told_at=now)


class Alarms:
    """Looks at every facility and writes what is due."""

    def __init__(self, access: Access, later: Later, letterhead: Letterhead, offline_after: timedelta) -> None:
        """`later` sends what is written."""
        self._access = access
        self._later = later
        self._letterhead = letterhead
        self._offline_after = offline_after

    def tick(self, now: datetime) -> int:
        """Look at every facility with a gateway; how many mails were written."""
        with self._access.outside() as transaction:
            watched = lookups.watched(transaction)
        return sum(self.look(ids.organisation_id, ids.facility_id, now) for ids in watched)

    def look(self, organisation_id: uuid.UUID, facility_id: uuid.UUID, now: datetime) -> int:
        """Look at one facility; how many things were told. Repeats tell nothing twice."""
        count = 0
        with self._access.organisation(organisation_id) as site:
            known = {(one.kind, one.subject_id): one for one in alarms.lock(site, facility_id)}
            for finding in found(site, facility_id, now, self._offline_after):
                told = known.pop((finding.kind, finding.subject_id), None)
                if finding.wrong is not None:
                    count += self._settle(site, facility_id, finding, told, now)
            for told in known.values():  # its gateway was replaced, its connection deleted, its watch ended
                alarms.forget(site, facility_id, told)
        return count

    def _settle(self, site: Site, facility_id: uuid.UUID, finding: Finding, told: Told | None, now: datetime) -> int:
        if told is None:
            if not finding.wrong:
                return 0
            told = Told(finding.kind, finding.subject_id, finding.since)
        elif finding.wrong and told.announced_at is None:
            told = replace(told, since=finding.since)
        mail, then = step(told, wrong=bool(finding.wrong), now=now)
        if not finding.wrong and (then.told_at is None or now - then.told_at >= REST):
            alarms.forget(site, facility_id, then)
        elif then != told or mail:
            alarms.keep(site, facility_id, then)
        if mail:
            self._write(site, facility_id, finding, replace(finding.matter, since=told.since), now)
        return int(mail)

    def _write(self, site: Site, facility_id: uuid.UUID, finding: Finding, matter: Matter, now: datetime) -> None:
        kind = finding.kind.value if finding.wrong else f"{finding.kind.value}_over"
        text = _text(finding, replace(matter, url=self._letterhead.url, now=now), self._letterhead)
        pair = (finding.kind.value, f"{finding.kind.value}_over")
        mails.supersede(site, facility_id, now, kinds=pair, subject_id=finding.subject_id)
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
                now=now,
                subject_id=finding.subject_id,
            )
            self._later.mail(site, mail_id)
        tell = log.info if addresses else log.error
        tell("alarm_written", facility_id=str(facility_id), kind=kind, recipients=len(addresses))


def found(site: Site, facility_id: uuid.UUID, now: datetime, offline_after: timedelta) -> Iterator[Finding]:
    """Everything of a facility that is looked at, well or not."""
    facility = configuration.facility(site, facility_id)
    matter = Matter("" if facility is None else facility.name, "UTC" if facility is None else facility.time_zone, now)
    gateways = alarms.gateways(site, facility_id)
    away = {one.id for one in gateways if now - one.last_sign_of_life >= offline_after}
    for one in gateways:
        since = one.last_sign_of_life
        yield Finding(Kind.OFFLINE, one.id, one.id in away, since, replace(matter, since=since))
        disk = _disk(one)
        if disk is not None:
            wrong = None if one.id in away else _fills_up(disk)
            yield Finding(Kind.DISK, one.id, wrong, now, replace(matter, since=now, disk=disk))
    heard = _heard(gateways)
    # Nobody can say that a scanner is silent while its gateway is, too.
    deaf = not gateways or bool(away)
    for scanner in alarms.scanners(site, facility_id):
        last = max((at for at in (scanner.last_seen_at, heard.get(scanner.id)) if at is not None), default=None)
        if last is not None:
            wrong = None if deaf else now - last >= timedelta(hours=scanner.silent_after_hours)
            system = f"{scanner.name} ({scanner.ae_title})"
            yield Finding(Kind.SILENT, scanner.id, wrong, last, replace(matter, since=last, system=system))


def watch_silence(
    site: Site, connection_id: uuid.UUID, hours: int | None, now: datetime, *, by: uuid.UUID | None = None
) -> None:
    """Tell people of an ultrasound system that is silent for so many hours; None: never. Raises Invalid, NotFound."""
    if hours is not None and not 1 <= hours <= _LONGEST_HOURS:
        message = "Hours are between 1 and 8760."
        raise Invalid(message)
    if not alarms.silent_after(site, connection_id, hours):
        message = "There is no such ultrasound system."
        raise NotFound(message)
    audit.record(
        site,
        now=now,
        actor_kind="operator" if by is None else "person",
        actor_id=by,
        action="silence_watched",
        object_kind="connection",
        object_id=connection_id,
        detail={"hours": hours},
    )


def _text(finding: Finding, matter: Matter, letterhead: Letterhead) -> Text:
    begin, over = {
        Kind.OFFLINE: (alarm_words.offline, alarm_words.online),
        Kind.SILENT: (alarm_words.silent, alarm_words.heard),
        Kind.DISK: (alarm_words.disk_fills, alarm_words.disk_well),
    }[finding.kind]
    return (begin if finding.wrong else over)(matter, letterhead.language)


def _disk(gateway: WatchedGateway) -> Disk | None:
    told = gateway.status.get("disk")
    return None if told is None else Disk.model_validate(told)


def _fills_up(disk: Disk) -> bool:
    """Design 1.2: under twice what is kept back, or under three days as the last week went."""
    return disk.free < 2 * disk.reserve or (disk.days_left is not None and disk.days_left < HORIZON_DAYS)


def _heard(gateways: Sequence[WatchedGateway]) -> dict[uuid.UUID, datetime]:
    """When each ultrasound system was last heard of, as the gateways' heartbeats say."""
    heard: dict[uuid.UUID, datetime] = {}
    for gateway in gateways:
        for told in gateway.status.get("scanners") or ():
            one = Scanner.model_validate(told)
            for at in (one.last_seen_at, one.last_image_at, heard.get(one.connection_id)):
                if at is not None:
                    heard[one.connection_id] = max(at, heard.get(one.connection_id, at))
    return heard
