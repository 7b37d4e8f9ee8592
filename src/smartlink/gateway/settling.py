"""Gives each instance of the journal its file, behind the answer, and plays the journal back at the start."""

from __future__ import annotations

import queue
import threading
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.messages import Message
from smartlink.gateway.platform.files import flush_files
from smartlink.gateway.retry import Outage
from smartlink.gateway.store import instances
from smartlink.gateway.store.journal import Owed
from smartlink.gateway.store.spool import SpoolDamaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from smartlink.gateway.store.database import Database
    from smartlink.gateway.store.journal import Journal
    from smartlink.gateway.store.spool import Spool

log = structlog.get_logger()

_WAIT_SECONDS: Final = 0.5
_MOST_AT_ONCE: Final = 64
_LOOKED_AT_ONCE: Final = 20


class Settling:
    """The two loops' ticks: `tick` writes files, `recycle` makes them last and frees the journal's segments."""

    def __init__(self, journal: Journal, spool: Spool) -> None:
        self._journal = journal
        self._spool = spool
        self._owed: list[Owed | threading.Event] = []
        self._outage = Outage(lambda: timedelta(minutes=5))
        self._not_recycled = Outage(lambda: timedelta(minutes=5))
        self._since_recycled: list[str] = []
        self._quiet = threading.Event()
        self._doubted = False
        """Whether a flush failed: the system tells that once, and a later flush says nothing of the same bytes."""

    def ready(self) -> bool:
        """Whether files can be written: otherwise no new instance is taken."""
        return not self._outage.is_on

    def caught_up(self, seconds: float) -> bool:
        """Wait until all that was kept before has its file, and return whether that came to be in time."""
        mark = threading.Event()
        self._journal.owed.put(mark)
        return mark.wait(seconds)

    def tick(self, now: datetime) -> bool:
        """Write the next files; True while there may be more. Without any it waits for some, but only briefly."""
        if not self._owed:
            self._owed = list(islice(self._arriving(), _MOST_AT_ONCE))
        try:
            self._write()
        except OSError as problem:
            # What is in the journal keeps its Success; the intake answers A700 until a later tick succeeds.
            if self._outage.should_be_told(now):
                log.fatal("files_not_written", **Message.NOT_STORED_LOCALLY.fields, why=type(problem).__name__)
            return False
        if self._outage.is_on:
            log.info("files_written_again")
        self._outage.is_over()
        return True

    def recycle(self, now: datetime) -> bool:
        """Free the segments whose files are all written. Waits for some, but only briefly; always True."""
        self._journal.recyclable.wait(_WAIT_SECONDS)
        self._journal.recyclable.clear()
        try:
            self._journal.recycle(self._flush, idle=self._quiet.is_set())
        except OSError as problem:
            # The segments stay as they are; when none is left, each instance flushes its own file again.
            if self._not_recycled.should_be_told(now):
                log.error("journal_not_recycled", why=type(problem).__name__)
            return False
        self._not_recycled.is_over()
        return True

    def finish(self, now: datetime) -> bool:
        """Write every file that is owed, when nobody keeps any more; False when the disk says no."""
        while self._owed or not self._journal.owed.empty():
            if not self.tick(now):
                return False
        self._quiet.set()
        self._journal.recyclable.set()
        recycled = self.recycle(now)
        self._journal.close()
        return recycled

    def _flush(self, records: Iterator[tuple[str, bytes]]) -> None:
        written, self._since_recycled = self._since_recycled, []
        try:
            if self._doubted:
                for name, content in records:
                    self._spool.rewrite(name, content)  # nothing is there when nobody needs it any more
            flush_files(self._spool.folder, map(self._spool.path, written))
        except OSError:
            self._since_recycled = written + self._since_recycled
            self._doubted = True
            raise
        self._doubted = False

    def _write(self) -> None:
        while self._owed:
            one = self._owed[0]
            if isinstance(one, Owed):
                self._spool.put(one.name, one.parts)
                self._since_recycled.append(one.name)
                one.settled()
            else:
                one.set()
            del self._owed[0]

    def _arriving(self) -> Iterator[Owed | threading.Event]:
        """Yield what is owed: the first is waited for, and what is there already comes with it."""
        wait = _WAIT_SECONDS
        while True:
            try:
                yield self._journal.owed.get(timeout=wait) if wait else self._journal.owed.get_nowait()
            except queue.Empty:
                if wait:
                    self._quiet.set()
                return
            self._quiet.clear()
            wait = 0.0


def play_back(journal: Journal, spool: Spool, database: Database) -> int:
    """Give every instance of the journal its file again, before anything else happens; return how many had none.

    What was removed because nobody needs it any more stays removed. Raises StoreFailed; it can be repeated.
    """
    restored, names = 0, list[str]()
    records = journal.records()
    try:
        while some := list(islice(records, _LOOKED_AT_ONCE)):
            unneeded = database.read(lambda tx, some=some: instances.unneeded(tx, [name for name, _ in some]))  # type: ignore[misc]
            restored += sum(_restored(spool, name, content) for name, content in some if name not in unneeded)
            names += [name for name, _ in some]
        # Whole files were written again, too: they may be whole only in the memory of a machine that did not go down.
        flush_files(spool.folder, map(spool.path, names))
        journal.played_back()
    except OSError as problem:
        raise StoreFailed(
            f"The journal cannot be played back: {problem.strerror or type(problem).__name__}."
        ) from problem
    if restored:
        log.info("journal_played_back", restored=restored)
    return restored


def _restored(spool: Spool, name: str, content: bytes) -> bool:
    """Write the file again, and return whether it was missing or not whole."""
    try:
        spool.check(name)
        whole = True
    except SpoolDamaged:
        whole = False
    try:
        spool.restore(name, content)
    except SpoolDamaged:
        # The flush never came to its end, so nobody was told that it is safe.
        return False
    return not whole
