"""A person's wish to try deliveries again at once (R146)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.delivery import IllegalMove, State
from smartlink.gateway.errors import Refused
from smartlink.gateway.store import audit, deliveries, delivery_list

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()

_MOST_AT_ONCE: Final = 1000


def try_again(database: Database, wanted: Sequence[int], *, parked: bool, now: datetime) -> list[int]:
    """Try these deliveries at once, and all that are parked if `parked`; return their ids. All, or Refused and none."""

    def write(tx: Transaction) -> list[int]:
        ids = list(dict.fromkeys(wanted))
        for one in ids:
            _try(tx, one, now)
        while parked and (found := delivery_list.listing(tx, State.PARKED, _MOST_AT_ONCE)):
            for listed in found:
                _try(tx, listed.id, now)
                ids.append(listed.id)
        if ids:
            audit.add(tx, "deliveries_tried_again", f"{len(ids)} deliveries", now, new={"delivery_ids": ids})
        return ids

    tried = database.write(write)
    log.info("tried_again", count=len(tried))
    return tried


def _try(tx: Transaction, delivery_id: int, now: datetime) -> None:
    try:
        deliveries.try_again(tx, delivery_id, now)
    except LookupError as error:
        raise Refused(str(error)) from None
    except IllegalMove as error:
        words = error.state.words.lower()
        raise Refused(f"Delivery {delivery_id} is {words}: there is nothing to try again.") from None
