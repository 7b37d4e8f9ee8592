"""Diagnostics: a table of small checks, each bounded in time, each answering with a value, a cause and a remedy (R104).

Here is how checks are run and what they answer; the checks stand in `checks` and `checks_of_peers`. None of them
changes anything, and none of their texts holds a secret or a word about a patient.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_MILLISECONDS: Final = 1000.0


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It could not be made here, or makes no sense yet; the value says why."""


EXIT_CODES: Final = {State.OK: 0, State.SKIPPED: 0, State.WARNING: 3, State.FAILED: 1}
"""What the program ends with when this is the worst that was found; 2 is a wrong use of the command line."""
_WORST_LAST: Final = (State.SKIPPED, State.OK, State.WARNING, State.FAILED)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: `value` is what was measured; `cause` and `remedy` are sentences for a person."""

    state: State
    value: str
    cause: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table. `look` may raise nothing that a person need not see; `seconds` bound it."""

    name: str
    title: str
    look: Callable[[], Finding]
    seconds: float = 5.0
    about: str = ""
    """Which of several: the AE title of a PACS, of a worklist server, of an ultrasound system."""


@dataclass(frozen=True, slots=True)
class Result:
    """A check and what became of it."""

    check: Check
    finding: Finding
    milliseconds: float


def ok(value: str) -> Finding:
    """All is well."""
    return Finding(State.OK, value)


def warning(value: str, cause: str, remedy: str) -> Finding:
    """It works, and will not for ever."""
    return Finding(State.WARNING, value, cause, remedy)


def failed(value: str, cause: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(State.FAILED, value, cause, remedy)


def skipped(value: str) -> Finding:
    """Nothing can be said."""
    return Finding(State.SKIPPED, value)


def run(checks: Sequence[Check], clock: Callable[[], float] = time.monotonic) -> list[Result]:
    """Make every check, all at once, and return what they found in the order of the table.

    One that does not answer within its own time counts as failed; it never holds up the others for longer than that.
    """
    began = clock()
    runs = [_Run(check, clock) for check in checks]
    return [one.result(began) for one in runs]


def worst(results: Sequence[Result]) -> State:
    """Return the worst state of all; SKIPPED when there is none."""
    return max((one.finding.state for one in results), key=_WORST_LAST.index, default=State.SKIPPED)


class _Run:
    """One check in a thread of its own: a check that hangs is left behind, and ends with the program."""

    def __init__(self, check: Check, clock: Callable[[], float]) -> None:
        self._check = check
        self._clock = clock
        self._ended = threading.Event()
        self._finding: Finding | None = None
        self._took = check.seconds
        threading.Thread(target=self._look, name=f"check-{check.name}", daemon=True).start()

    def result(self, began: float) -> Result:
        """Wait for the end, or for the end of the check's time, which counts from `began`."""
        self._ended.wait(max(0.0, began + self._check.seconds - self._clock()))
        finding = self._finding or failed(
            f"no answer within {self._check.seconds:g} s",
            "The check did not end in its time.",
            "Run smartlink diagnose again; if it stays like this, look at the load of this machine.",
        )
        return Result(self._check, finding, round(self._took * _MILLISECONDS, 1))

    def _look(self) -> None:
        began = self._clock()
        try:
            found = self._check.look()
        except Exception as error:  # noqa: BLE001  the top of a check: the others go on, whatever broke this one
            found = failed(
                type(error).__name__,
                "The check itself failed; its text is not shown, as it may quote what must not be shown.",
                "Run smartlink diagnose again; if it stays like this, tell support the name of the error.",
            )
        self._took = self._clock() - began
        self._finding = found
        self._ended.set()
