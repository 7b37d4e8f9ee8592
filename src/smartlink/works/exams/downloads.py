"""Download tickets: a gateway gets the objects that it was ordered to deliver, and no others (F6 step 4)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from smartlink.link.downloads import Downloads, DownloadTicket, NotWanted
from smartlink.works.access import Access
from smartlink.works.blobs.store import SignedGet
from smartlink.works.exams.delivery import Item, Reason, State, is_open
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import deliveries
from smartlink.works.store.deliveries import OrderedRow

log = structlog.get_logger(__name__)

TICKET_LIFETIME: Final = timedelta(minutes=15)
NOT_WANTED: Final = "This instance is no longer to be delivered."


class Storage(Protocol):
    """What downloads need of the object store."""

    def presign_get(self, key: str, *, lifetime: timedelta, now: datetime) -> SignedGet:
        """A permission to read `key`."""


@dataclass(frozen=True, slots=True)
class Tickets:
    """The one call of the link, given its parts."""

    access: Access
    storage: Storage

    def give(self, caller: Caller, item_ids: Sequence[uuid.UUID], now: datetime) -> Downloads:
        """A ticket, or that it is not wanted, for each item in its order."""
        with self.access.organisation(caller.organisation_id) as site:
            known = {row.item_id: row for row in deliveries.ordered(site, caller.gateway_id, item_ids)}
        answers = tuple(self._answer(item_id, known.get(item_id), now) for item_id in item_ids)
        refused = sum(isinstance(one, NotWanted) for one in answers)
        log.info(
            "downloads_ticketed", gateway_id=str(caller.gateway_id), tickets=len(answers) - refused, refused=refused
        )
        return Downloads(answers=answers)

    def _answer(self, item_id: uuid.UUID, row: OrderedRow | None, now: datetime) -> DownloadTicket | NotWanted:
        if row is None or not _wanted(row):
            return NotWanted(item_id=item_id, detail=NOT_WANTED)
        signed = self.storage.presign_get(row.object_key, lifetime=TICKET_LIFETIME, now=now)
        return DownloadTicket(
            item_id=item_id,
            url=signed.url,
            headers=dict(signed.headers),
            size=row.size,
            object_sha256=row.object_sha256.hex(),
            expires_at=signed.expires_at,
        )


def _wanted(row: OrderedRow) -> bool:
    reason = None if row.delivery_reason is None else Reason(row.delivery_reason)
    return is_open(State(row.delivery_state), reason) and row.state not in {Item.CANCELLED, Item.EXHAUSTED}
