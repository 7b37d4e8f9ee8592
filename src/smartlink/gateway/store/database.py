"""The one SQLite file: a single writer thread, short readers, and errors that the rest of the program knows.

The service and the command line may use the same file at the same time: every write is BEGIN IMMEDIATE with a
generous busy timeout, and WAL lets readers pass. `synchronous=FULL` makes a committed row survive a power cut.
"""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from concurrent.futures import Future
from contextvars import copy_context
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self, TypeVar

from smartlink.gateway.errors import CatalogueDamaged, StoreFailed
from smartlink.gateway.store.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

T = TypeVar("T")

Transaction = sqlite3.Connection
"""The handle that `write` and `read` pass on; only modules of this folder look inside."""

FILE_NAME: Final = "smartlink.db"
_BUSY_SECONDS: Final = 15.0
_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_MOMENT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"


class Database:
    """One open catalogue. `write` is durable when it returns; `read` sees the newest committed state."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue(maxsize=4)
        self._writing: sqlite3.Connection | None = None
        self._closed = False
        self._closing = threading.Lock()
        opened: Future[None] = Future()
        self._writer = threading.Thread(target=self._turn, args=(opened,), name="catalogue-writer", daemon=True)
        self._writer.start()
        opened.result()

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction of its own and return its result once it is on disk, or raise StoreFailed.

        Anything that `work` raises rolls everything back and is raised here.
        """
        done: Future[T] = Future()
        context = copy_context()  # who acts is known in the writer's thread, too

        def job() -> None:
            try:
                done.set_result(context.run(self._committed, work))
            except BaseException as error:  # noqa: BLE001  handed to the caller's thread, whatever it is
                done.set_exception(error)

        with self._closing:
            if self._closed:
                raise StoreFailed("The catalogue is closed.")
            self._work.put(job)
        return done.result()

    def read(self, question: Callable[[Transaction], T]) -> T:
        """Answer `question` without a transaction, or raise StoreFailed. Nothing can be changed from here."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = _open(self._path, reading=True)
        try:
            answer = question(connection)
        except sqlite3.Error as error:
            connection.close()
            raise _failure("read", error) from error
        except BaseException:
            connection.close()
            raise
        self._put_back(connection)
        return answer

    def check(self) -> None:
        """Raise CatalogueDamaged unless every page is what it should be. Reads all of it: 1 s for 100,000 images."""
        found = self.read(lambda tx: tx.execute("PRAGMA quick_check(1)").fetchone()[0])
        if found != "ok":
            raise CatalogueDamaged("it does not pass SQLite's check")

    def close(self) -> None:
        """Finish the writes already asked for and let go of the file."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._work.put(None)
        self._writer.join()
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _turn(self, opened: Future[None]) -> None:
        try:
            self._writing = _open(self._path, reading=False)
            migrate(self._writing)
        except BaseException as error:  # noqa: BLE001  handed to the thread that waits, whatever it is
            if self._writing is not None:
                self._writing.close()
            opened.set_exception(_failure("opened", error) if isinstance(error, sqlite3.Error) else error)
            return
        opened.set_result(None)
        while (job := self._work.get()) is not None:
            job()
        self._writing.close()

    def _committed(self, work: Callable[[Transaction], T]) -> T:
        connection = self._writing
        assert connection is not None  # noqa: S101  set before any job can arrive
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _failure("written", error) from error
        return result

    def _put_back(self, connection: sqlite3.Connection) -> None:
        try:
            if self._closed:
                raise queue.Full
            self._idle.put_nowait(connection)
        except queue.Full:
            connection.close()


def open_in(folder: Path) -> Database:
    """Open the catalogue of a data folder, making both the first time."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Database(folder / FILE_NAME)


class RunLock:
    """Held by at most one running service per data folder; the operating system lets go when the process dies."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self._connection.close()
            raise StoreFailed("SmartLink already runs on this data folder.") from error

    def release(self) -> None:
        """Let another service run."""
        self._connection.close()


def moment_text(moment: datetime) -> str:
    """Return `moment` as the catalogue writes it; naive times are refused."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs its offset")
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def moment(text: str) -> datetime:
    """Return the time that `moment_text` wrote."""
    return datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)


def moment_or_none(text: str | None) -> datetime | None:
    """Return the time, or None where the column is empty."""
    return None if text is None else moment(text)


def _open(path: Path, *, reading: bool) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _failure("opened", error) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        if reading:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error as error:
        connection.close()
        raise _failure("opened", error) from error
    return connection


def _failure(what: str, error: sqlite3.Error) -> StoreFailed:
    """Say that the catalogue cannot be read, written or opened, and when it never will be, what to do."""
    kind = _kind(error)
    if kind.startswith(_DAMAGED):
        return CatalogueDamaged(kind)
    return StoreFailed(f"The catalogue cannot be {what} ({kind}).")


def _kind(error: sqlite3.Error) -> str:
    """Name the error without quoting a value that it may carry."""
    return str(getattr(error, "sqlite_errorname", type(error).__name__))
