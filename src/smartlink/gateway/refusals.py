"""Who was turned away at the DICOM port, and why: counted by caller, logged now and then, listed.

A scanner that calls every second with a wrong AE title is one row, and one line an hour.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.store import refusals
from smartlink.gateway.store.refusals import Refused

if TYPE_CHECKING:
    from smartlink.gateway.loop import Clock
    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()

TELL_EVERY: Final = timedelta(hours=1)
KEEP: Final = timedelta(days=30)
MOST: Final = 500
"""Callers that are told apart; whoever calls under ever new names gets no more rows than that."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One caller that was turned away. AE titles are what it sent, any 16 characters; empty if it came to none."""

    address: str
    why: str
    calling_ae_title: str = ""
    called_ae_title: str = ""


_THE_REST: Final = Refusal("", f"more than {MOST} different callers were turned away; this row counts the others")


@dataclass(slots=True)
class _Tally:
    """What is not yet written of one caller, and what was not yet logged."""

    first_at: datetime
    last_at: datetime
    told_at: datetime
    unwritten: int = 0
    untold: int = 0


class Refusals:
    """Counts refusals. `note` never waits and never fails; `tick` does the writing."""

    def __init__(self, database: Database, now: Clock) -> None:
        self._database = database
        self._now = now
        self._lock = threading.Lock()
        self._tallies: dict[Refusal, _Tally] = {}

    def note(self, refusal: Refusal) -> None:
        """Count one refusal, and log it unless the same was logged a little while ago."""
        now = self._now()
        with self._lock:
            key, times = self._count(_legible(refusal), now)
        if times:
            log.error(
                "association_refused",
                address=key.address,
                calling_ae_title=key.calling_ae_title,
                called_ae_title=key.called_ae_title,
                why=key.why,
                times=times,
            )

    def tick(self, now: datetime) -> bool:
        """Write what was counted since, and forget whoever did not come back for long. Raises StoreFailed."""
        with self._lock:
            counted = [(key, tally, tally.unwritten) for key, tally in self._tallies.items() if tally.unwritten]
        if not counted:
            return False

        def write(tx: Transaction) -> None:
            for key, tally, times in counted:
                refusals.add(tx, _row(key, tally, times))
            refusals.forget(tx, now - KEEP, 2 * MOST)

        self._database.write(write)
        with self._lock:
            for _, tally, times in counted:
                tally.unwritten -= times
            self._forget(now)
        return False

    def _count(self, refusal: Refusal, now: datetime) -> tuple[Refusal, int]:
        """Return under what it was counted, and how many there were since the last log line if one is due."""
        key = refusal if refusal in self._tallies or len(self._tallies) < MOST else _THE_REST
        tally = self._tallies.get(key)
        if tally is None:
            self._tallies[key] = _Tally(now, now, now, unwritten=1)
            return key, 1
        tally.last_at = now
        tally.unwritten += 1
        tally.untold += 1
        if now - tally.told_at < TELL_EVERY:
            return key, 0
        times, tally.untold, tally.told_at = tally.untold, 0, now
        return key, times

    def _forget(self, now: datetime) -> None:
        """Whoever was quiet for long enough is new when it comes back, and its row goes on counting."""
        gone = [key for key, one in self._tallies.items() if not one.unwritten and now - one.last_at >= TELL_EVERY]
        for key in gone:
            del self._tallies[key]


def _legible(refusal: Refusal) -> Refusal:
    """Return the refusal with AE titles that can be printed: a caller may send any bytes."""
    return Refusal(
        refusal.address, refusal.why, _printable(refusal.calling_ae_title), _printable(refusal.called_ae_title)
    )


def _printable(text: str) -> str:
    return "".join(character if character.isascii() and character.isprintable() else "?" for character in text)


def _row(key: Refusal, tally: _Tally, times: int) -> Refused:
    return Refused(
        key.calling_ae_title, key.called_ae_title, key.address, key.why, times, tally.first_at, tally.last_at
    )
