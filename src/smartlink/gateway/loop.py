"""The one loop of the house: call a tick until told to stop, and say so loudly if it dies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from smartlink.gateway.errors import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

log = structlog.get_logger()

Clock = Callable[[], datetime]
"""Tells the time, in UTC. Only the service hands out the real one."""

Tick = Callable[[datetime], bool]
"""Does one thing; True means: come back at once, there is more."""


def turn(tick: Tick, now: Clock, stop: threading.Event, pause: float = 2.0) -> None:
    """Call `tick` until `stop` is set; rest when it found nothing to do."""
    while not stop.is_set():
        if not tick(now()):
            stop.wait(pause)


class Loop:
    """A tick on a thread of its own. `died` is told if the tick ever raises, and the loop has then ended."""

    def __init__(
        self, name: str, tick: Tick, now: Clock, *, pause: float = 2.0, died: Callable[[str], None] | None = None
    ) -> None:
        self.name = name
        self._tick = tick
        self._now = now
        self._pause = pause
        self._died = died
        self._stop = threading.Event()
        self._catalogue_fails = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to turn."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Ask the loop to end after the tick in hand; returns at once."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the end; tell whether it came."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _patient_tick(self, now: datetime) -> bool:
        """Tick; a catalogue that cannot be used now is no reason to die, the next tick may find it well."""
        try:
            again = self._tick(now)
        except StoreFailed as error:
            if not self._catalogue_fails:
                log.error("loop_waits_for_catalogue", loop=self.name, why=str(error))
            self._catalogue_fails = True
            return False
        self._catalogue_fails = False
        return again

    def _run(self) -> None:
        try:
            turn(self._patient_tick, self._now, self._stop, self._pause)
        except Exception as error:  # noqa: BLE001  the top of a loop
            # The text of an unknown error may quote anything, so only its kind is logged.
            log.fatal("loop_died", loop=self.name, error=type(error).__name__, at=_where(error))
            if self._died is not None:
                self._died(self.name)


def stop_all(loops: Sequence[Loop], timeout: float) -> list[str]:
    """Ask all loops to end, wait at most `timeout` seconds for each, and return the names of those that did not."""
    for loop in loops:
        loop.ask_to_stop()
    return [loop.name for loop in loops if not loop.join(timeout)]


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    if trace is None:
        return "unknown"
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
