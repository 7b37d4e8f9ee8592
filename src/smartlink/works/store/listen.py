"""One LISTEN for the whole process, fanned out to every page and every gateway that waits (PostgreSQL NOTIFY).

A notification says only that something changed about a topic: an organisation's exams, or a gateway's commands. A
subscriber gets at most one waiting mark: ten changes before it looks are one look. After a broken connection everybody
is marked, since something may have been missed.
"""

import asyncio
import os
import socket
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import psycopg
import structlog

from smartlink.works.store.database import Site

CHANNEL = "works_exams"
LOOK_UP_SECONDS = 5.0  # between two thoughts of whether the connection died silently
RETRY_SECONDS = 2.0

log = structlog.get_logger()


def tell(site: Site, exam_id: uuid.UUID) -> None:
    """Everybody who looks at this organisation's exams hears of the change once the transaction is committed."""
    site.notify(CHANNEL, f"{site.organisation_id} {exam_id}")


def wake(site: Site, gateway_id: uuid.UUID) -> None:
    """The gateway's long poll looks for its commands once the transaction is committed."""
    site.notify(CHANNEL, str(gateway_id))


@dataclass(frozen=True, slots=True, eq=False)
class _Subscriber:
    topic: uuid.UUID
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[None]

    def mark(self) -> None:
        """Wake it, from any thread; harmless when it is awake already or its loop is gone."""
        with suppress(RuntimeError):  # the loop was closed
            self.loop.call_soon_threadsafe(self._put)

    def _put(self) -> None:
        with suppress(asyncio.QueueFull):
            self.queue.put_nowait(None)


class Listener:
    """The one who listens."""

    def __init__(self, url: str) -> None:
        """`url` as libpq writes it; nothing is opened before `start`."""
        self._url = url
        self._stop = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._lock = threading.Lock()
        self._subscribers: dict[uuid.UUID, set[_Subscriber]] = {}
        self._connection: psycopg.Connection | None = None
        self._released = False

    def start(self) -> None:
        """Begin to listen, in a thread of its own."""
        self._thread.start()

    def close(self, patience: float = 10.0) -> None:
        """Listen no more."""
        self._stop.set()
        self._hang_up()
        if self._thread.is_alive():
            self._thread.join(patience)

    def release(self) -> None:
        """Whoever waits is woken and waits no more: Works is about to end."""
        self._released = True
        self._mark(self._everybody())

    @property
    def released(self) -> bool:
        """Whether waiting is over."""
        return self._released

    def listening(self, patience: float) -> bool:
        """Whether the database has taken the LISTEN, waiting at most so many seconds for it."""
        return self._listening.wait(patience)

    @asynccontextmanager
    async def subscribe(self, topic: uuid.UUID) -> AsyncIterator[asyncio.Queue[None]]:
        """A queue that gets an item when something has changed about the topic; holds no thread.

        `topic` is an organisation (its exams) or a gateway (its commands).
        """
        subscriber = _Subscriber(topic, asyncio.get_running_loop(), asyncio.Queue(maxsize=1))
        with self._lock:
            self._subscribers.setdefault(topic, set()).add(subscriber)
        try:
            yield subscriber.queue
        finally:
            with self._lock:
                self._subscribers[topic].discard(subscriber)
                if not self._subscribers[topic]:
                    del self._subscribers[topic]

    def waiting(self, topic: uuid.UUID) -> int:
        """How many wait for news about the topic."""
        with self._lock:
            return len(self._subscribers.get(topic, ()))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except psycopg.Error as error:
                self._listening.clear()
                if self._stop.is_set():
                    return
                log.error("listener_disconnected", error=type(error).__name__)
                self._stop.wait(RETRY_SECONDS)

    def _listen(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            self._hold(connection)
            try:
                connection.execute(f"LISTEN {CHANNEL}")
                self._listening.set()
                self._mark(self._everybody())
                self._hear(connection)
            finally:
                self._hold(None)

    def _hear(self, connection: psycopg.Connection) -> None:
        checked = time.monotonic()
        while not self._stop.is_set():
            for notification in connection.notifies(timeout=LOOK_UP_SECONDS):
                self._heard(notification.payload)
            if time.monotonic() - checked > 30:  # noqa: PLR2004 - a connection that died silently is noticed
                connection.execute("SELECT 1")
                checked = time.monotonic()

    def _hold(self, connection: psycopg.Connection | None) -> None:
        with self._lock:
            self._connection = connection

    def _hang_up(self) -> None:
        """End the connection under the thread that sleeps on it; there is no other way to wake it at once."""
        with self._lock:
            if self._connection is not None:
                with socket.socket(fileno=os.dup(self._connection.fileno())) as line, suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def _heard(self, payload: str) -> None:
        topic, _, _ = payload.partition(" ")
        with suppress(ValueError), self._lock:
            marked = list(self._subscribers.get(uuid.UUID(topic), ()))
            self._mark(marked)

    def _everybody(self) -> list[_Subscriber]:
        with self._lock:
            return [subscriber for group in self._subscribers.values() for subscriber in group]

    def _mark(self, subscribers: Iterable[_Subscriber]) -> None:
        for subscriber in subscribers:
            subscriber.mark()
