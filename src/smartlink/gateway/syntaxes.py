"""Private and unknown SOP Classes that callers propose: counted by caller, so that a person may allow one (R68)."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.store import offered
from smartlink.gateway.store.offered import Offered
from smartlink.standard.names import UID

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from smartlink.gateway.loop import Clock
    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()

MOST: Final = 1000
"""Pairs of caller and SOP Class that are told apart; what comes under ever new names beyond that is not listed."""


@dataclass(slots=True)
class _Tally:
    """What is not yet written of one caller's proposals of one SOP Class."""

    address: str
    first_at: datetime
    last_at: datetime
    unwritten: int = 0


class Syntaxes:
    """Counts what is proposed in vain. `note` never waits and never fails; `tick` does the writing."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now
        self._lock = threading.Lock()
        self._tallies: dict[tuple[str, str], _Tally] = {}

    def note(self, calling_ae_title: str, address: str, abstract_syntax_uids: Iterable[str]) -> None:
        """Count one proposal of each, and log those that this caller did not propose before since the start."""
        now = self._now()
        fresh = []
        with self._lock:
            for uid in filter(_is_uid, abstract_syntax_uids):
                tally = self._tallies.get((calling_ae_title, uid))
                if tally is None:
                    if len(self._tallies) >= MOST:
                        continue
                    tally = self._tallies[calling_ae_title, uid] = _Tally(address, now, now)
                    fresh.append(uid)
                tally.address, tally.last_at = address, now
                tally.unwritten += 1
        if fresh:
            log.info(
                "syntaxes_refused",
                calling_ae_title=calling_ae_title,
                address=address,
                uids=fresh,
                action="If these are images, allow them: smartlink syntaxes --allow UID",
            )

    def tick(self, now: datetime) -> bool:  # noqa: ARG002  a tick
        """Write what was counted since. Raises StoreFailed."""
        with self._lock:
            counted = [(key, tally, tally.unwritten) for key, tally in self._tallies.items() if tally.unwritten]
        if not counted:
            return False

        def write(tx: Transaction) -> None:
            for (calling_ae_title, uid), tally, times in counted:
                offered.add(tx, Offered(calling_ae_title, uid, tally.address, times, tally.first_at, tally.last_at))
            offered.forget(tx, 2 * MOST)

        self._database.write(write)
        with self._lock:
            for _, tally, times in counted:
                tally.unwritten -= times
        return False


def _is_uid(text: str) -> bool:
    try:
        UID.parse(text)
    except ValueError:
        return False
    return True
