"""Tidies up: files go when their receipt is old enough, ended leases are returned. Nothing undelivered is touched.

What was fetched from Works goes as soon as its delivery is at its end and Works knows that (R144).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from smartlink.gateway.store import deliveries, instances

if TYPE_CHECKING:
    from datetime import datetime

    from smartlink.gateway.store.database import Database, Transaction
    from smartlink.gateway.store.spool import Spool

log = structlog.get_logger()

_AT_ONCE: Final = 100


class _Purged(NamedTuple):
    """How many files nobody needed, and how many of them are gone now."""

    found: int
    gone: int


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
        kept = self._purge(self._spool, lambda tx: instances.purgeable(tx, before, _AT_ONCE), now)
        served = self._purge(self._fetched, lambda tx: instances.served(tx, _AT_ONCE), now)
        gone = kept.gone + served.gone
        if gone:
            log.info("purged", count=gone)
        return max(kept.found, served.found) == _AT_ONCE and gone > 0

    def _purge(self, spool: Spool, needless: Callable[[Transaction], list[tuple[int, str]]], now: datetime) -> _Purged:
        """Remove files and mark their rows, in one transaction: meanwhile nobody can want one of them again."""
        if not self._database.read(needless):  # a look that costs no write
            return _Purged(0, 0)

        def write(tx: Transaction) -> _Purged:
            found = needless(tx)
            # The file first: a crash in between leaves a row without a file, which the next tick finishes.
            gone = [instance_id for instance_id, name in found if _remove(spool, name)]
            for instance_id in gone:
                instances.purged(tx, instance_id, now)
            return _Purged(len(found), len(gone))

        return self._database.write(write)


def _remove(spool: Spool, name: str) -> bool:
    try:
        spool.remove(name)
    except OSError as error:
        # On Windows another program may hold the file for a moment; the next tick tries again.
        log.error("purge_failed", spool_name=name, why=type(error).__name__)
        return False
    return True
