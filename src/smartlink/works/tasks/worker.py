"""Does deferred jobs, in a thread with an event loop of its own; the jobs themselves are synchronous use cases.

A job that meets a database or a store that is away is tried again, for ever and ever more slowly: work is never
given up because of an outage. A job left over by a worker that died is taken up by the next one that starts.
"""

import asyncio
import contextlib
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final, Protocol

import structlog
from procrastinate import App, BaseRetryStrategy, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job

from smartlink.works.errors import GiveUp, TryAgain

POLL_SECONDS: Final = 1.0
DRAIN_SECONDS: Final = 20.0
_AGAIN_SECONDS: Final = 2.0
_LONGEST_WAIT: Final = timedelta(minutes=5)
_HEARTBEAT_SECONDS: Final = 5.0
_STALLED_AFTER_SECONDS: Final = 15.0
_LOOK_FOR_STALLED_SECONDS: Final = 5.0
_NOTICE_SECONDS: Final = 0.25
_EVERY_MINUTE: Final = "* * * * *"

log = structlog.get_logger()


Task = Callable[..., None]
"""One use case: the organisation's id, and the ids that the producer wrote down, by name. Repeated harmlessly."""

Look = Callable[[], None]
"""Finds out by the clock whether something is due; what an outage keeps it from is looked at a minute later."""


class Todo(Protocol):
    """The use cases that jobs call."""

    def tasks(self) -> Mapping[str, Task]:
        """What is done for each name of `names`; jobs of a name that is missing wait for a worker that has it."""

    def every_minute(self) -> Mapping[str, Look]:
        """What is looked at every minute, by one worker of all, for each of its names of `names`."""

    def interrupt(self) -> None:
        """End what takes long with TryAgain: the worker is closing."""


class Patiently(BaseRetryStrategy):
    """Again after 1 s, 2 s, 4 s … 5 minutes; never for what can never succeed."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When to try again; None for never."""
        if isinstance(exception, GiveUp):
            return None
        wait = min(timedelta(seconds=2 ** min(job.attempts, 10)), _LONGEST_WAIT)
        return RetryDecision(retry_in={"seconds": int(wait.total_seconds())})


class Worker:
    """The worker of one process."""

    def __init__(self, url: str, todo: Todo, *, concurrency: int = 2) -> None:
        """`url` as libpq writes it, of works_app. Nothing is opened before `start`."""
        self._url = url
        self._todo = todo
        self._concurrency = concurrency
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self, patience: float = DRAIN_SECONDS + 10) -> None:
        """Finish the jobs in hand, or interrupt those that take long; take no more."""
        self._stop.set()
        self._todo.interrupt()
        if self._thread.is_alive():
            self._thread.join(patience)

    @property
    def alive(self) -> bool:
        """Whether the thread works or waits for work."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                asyncio.run(self._work())
            except Exception as error:  # noqa: BLE001 - the top of the loop: whatever broke, work goes on
                log.error("worker_interrupted", error=type(error).__name__)
                self._stop.wait(_AGAIN_SECONDS)

    async def _work(self) -> None:
        app = _app(self._url, self._todo, self._concurrency)
        async with app.open_async():
            working = asyncio.create_task(
                app.run_worker_async(
                    queues=[*self._todo.tasks(), *self._todo.every_minute()],
                    concurrency=self._concurrency,
                    fetch_job_polling_interval=POLL_SECONDS,
                    delete_jobs="successful",
                    install_signal_handlers=False,
                    shutdown_graceful_timeout=DRAIN_SECONDS,
                    update_heartbeat_interval=_HEARTBEAT_SECONDS,
                    stalled_worker_timeout=_STALLED_AFTER_SECONDS,
                )
            )
            looked = 0.0
            while not self._stop.is_set() and not working.done():
                if time.monotonic() - looked > _LOOK_FOR_STALLED_SECONDS:
                    looked = time.monotonic()
                    await _take_up_stalled(app)
                await asyncio.wait({working}, timeout=_NOTICE_SECONDS)
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working


async def _take_up_stalled(app: App) -> None:
    """Jobs of workers that give no sign of life any more are put back."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_AFTER_SECONDS):
        await app.job_manager.retry_job(job)
        log.info("job_taken_up", task=job.task_name, job_id=job.id)


def _app(url: str, todo: Todo, concurrency: int) -> App:
    """The worker's own App: mixing it with the producer's is an error in procrastinate."""
    app = App(connector=PsycopgConnector(conninfo=url, min_size=1, max_size=concurrency + 3))

    for name, task in todo.tasks().items():
        app.task(name=name, queue=name, retry=Patiently())(_in_a_thread(task))
    for name, look in todo.every_minute().items():
        by_the_clock = app.task(name=name, queue=name, queueing_lock=name)(_looking(name, look))
        app.periodic(cron=_EVERY_MINUTE)(by_the_clock)
    return app


def _looking(name: str, look: Look) -> Callable[[int], Awaitable[None]]:
    """The job of procrastinate that looks; the minute it stands for does not matter."""

    async def job(timestamp: int) -> None:  # noqa: ARG001 - procrastinate's
        try:
            await asyncio.to_thread(look)
        except TryAgain as error:
            log.error("look_postponed", task=name, why=str(error))

    return job


def _in_a_thread(task: Task) -> Callable[..., Awaitable[None]]:
    """The job of procrastinate that calls this task: `…_id` is a UUID, `…_ids` is a list of them."""

    async def job(**values: str | list[str]) -> None:
        await asyncio.to_thread(task, **{name: _ids(value) for name, value in values.items()})

    return job


def _ids(value: str | list[str]) -> uuid.UUID | list[uuid.UUID]:
    return uuid.UUID(value) if isinstance(value, str) else [uuid.UUID(one) for one in value]
