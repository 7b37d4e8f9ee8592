"""Tidies up: files go when their receipt is old enough, ended leases are returned. Nothing undelivered is touched.

What was fetched from Works goes as soon as its delivery is at its end and Works knows that (R144).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.store import deliveries, instances

if TYPE_CHECKING:
    from datetime import datetime

    from smartlink.gateway.store.database import Database, Transaction
    from smartlink.gateway.store.spool import Spool

log = structlog.get_logger()

_AT_ONCE: Final = 100


class Janitor:
    """The loop's tick."""

    def __init__(self, database: Database, spool: Spool, fetched: Spool, retention: Callable[[], timedelta]) -> None:
        self._database = database
        self._spool = spool
        self._fetched = fetched
        self._retention = retention

    def tick(self, now: datetime) -> bool:
        """Return ended leases and remove some files that nobody needs any more; True when there may be more."""
        expired = self._database.write(lambda tx: deliveries.expire_leases(tx, now))
        if expired:
            log.error("leases_expired", count=expired)
        before = now - self._retention()
        kept = self._database.read(lambda tx: instances.purgeable(tx, before, _AT_ONCE))
        served = self._database.read(lambda tx: instances.served(tx, _AT_ONCE))
        gone = self._purge(self._spool, kept, now) + self._purge(self._fetched, served, now)
        if gone:
            log.info("purged", count=gone)
        return max(len(kept), len(served)) == _AT_ONCE and gone > 0

    def _purge(self, spool: Spool, found: Sequence[tuple[int, str]], now: datetime) -> int:
        # The file first: a crash in between leaves a row without a file, which the next tick finishes.
        gone = [instance_id for instance_id, name in found if _remove(spool, name)]

        def write(tx: Transaction) -> None:
            for instance_id in gone:
                instances.purged(tx, instance_id, now)

        if gone:
            self._database.write(write)
        return len(gone)


def _remove(spool: Spool, name: str) -> bool:
    try:
        spool.remove(name)
    except OSError as error:
        # On Windows another program may hold the file for a moment; the next tick tries again.
        log.error("purge_failed", spool_name=name, why=type(error).__name__)
        return False
    return True
