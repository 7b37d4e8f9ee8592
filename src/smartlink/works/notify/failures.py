"""What a gateway says that fails, received: kept in place of what it said before, and told when it is time (F11)."""

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from smartlink.link.failures import FailureNotice, FailureNoticed
from smartlink.works.access import Access, Site
from smartlink.works.fleet.tokens import Caller
from smartlink.works.notify import digest
from smartlink.works.store import notices
from smartlink.works.store.notices import Notice


class Later(Protocol):
    """Defers the writing of a digest in the transaction that finds it due."""

    def digest(self, site: Site, facility_id: uuid.UUID) -> None:
        """One job writes the facility's digest."""


def take(access: Access, later: Later, caller: Caller, notice: FailureNotice, now: datetime) -> FailureNoticed:
    """Keep what the gateway says. Repeats are harmless."""
    with access.organisation(caller.organisation_id) as site:
        kept = Notice(
            gateway_id=caller.gateway_id,
            facility_id=caller.facility_id,
            at=notice.at,
            received_at=now,
            notify_hours=notice.notify_hours,
            failing=bool(notice.failures),
            snapshot=notice.model_dump(mode="json"),
        )
        progress = notices.lock(site, caller.facility_id)
        notices.put(site, kept)
        said = notices.of_facility(site, caller.facility_id)
        kind, then = digest.step(progress, failing=digest.is_failing(said), every=digest.interval(said), now=now)
        if kind is None:
            notices.keep(site, then)
        elif progress.due_at is None or progress.due_at > now:
            # Due now, for the job below, and for the tick if that job should be lost.
            notices.keep(site, replace(progress, due_at=now))
            later.digest(site, caller.facility_id)
    return FailureNoticed()
