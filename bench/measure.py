"""Turn and turn about: every receiver gets the same sets from the same senders in each round; ratios are paired."""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from bench.receivers import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.receivers import Receiver
    from bench.senders import Sender
    from bench.sets import Load

REST_SECONDS = 0.25
"""Between two sets, for what a receiver does behind its answers."""
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Task:
    """One set sent by one sender."""

    sender: Sender
    load: Load

    @property
    def name(self) -> str:
        """As the report has it."""
        return f"{self.load.kind.name}, {self.sender.name}"


@dataclass(frozen=True, slots=True)
class Taken:
    """What one set cost one receiver."""

    seconds: float
    processor_seconds: float
    grown_mib: float
    """Resident memory at its highest, above what it was before the first set."""


@dataclass(slots=True)
class Table:
    """What every receiver took for every task, round by round."""

    taken: dict[tuple[str, str], list[Taken]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def ratio(self, task: str, ours: str, peer: str) -> dict[str, float]:
        """How many times faster `ours` was: the median of the rounds, the lowest and the highest."""
        pairs = zip(self.taken[task, ours], self.taken[task, peer], strict=True)
        ratios = [theirs.seconds / own.seconds for own, theirs in pairs]
        return {
            "median": _rounded(statistics.median(ratios)),
            "low": _rounded(min(ratios)),
            "high": _rounded(max(ratios)),
        }

    def as_json(self) -> list[dict[str, Any]]:
        """Medians of all that was measured."""
        return [
            {
                "task": task,
                "receiver": receiver,
                "instances_per_second": _rounded(self.counts[task] / statistics.median(one.seconds for one in taken)),
                "processor_ms_per_instance": _rounded(
                    1000 * statistics.median(one.processor_seconds for one in taken) / self.counts[task]
                ),
                "memory_grown_mib": _rounded(max(one.grown_mib for one in taken)),
            }
            for (task, receiver), taken in self.taken.items()
        ]


def receiving(
    receivers: Sequence[Receiver],
    tasks: Sequence[Task],
    environment: dict[str, str],
    rounds: int,
    within: Path,
    first: Task | None = None,
) -> Table:
    """Send every set to every receiver in every round; the first in line changes from round to round.

    `first` is sent before anything is measured: what a program does once, at its first image, is not its speed.
    """
    table = Table(counts={task.name: task.load.count for task in tasks})
    for turn in range(rounds):
        begin = turn % len(receivers)
        for receiver in (*receivers[begin:], *receivers[:begin]):
            with fresh(receiver, within, environment) as running:
                if first is not None:
                    first.sender.send(running, first.load)
                time.sleep(REST_SECONDS)
                idle = psutil.Process(running.pid).memory_info().rss
                for task in tasks:
                    taken = _one(
                        running.pid, idle, lambda task=task, running=running: task.sender.send(running, task.load)
                    )
                    table.taken.setdefault((task.name, receiver.name), []).append(taken)
                    time.sleep(REST_SECONDS)
                    if sys.platform != "win32":
                        os.sync()
    return table


def _one(pid: int, idle: int, send: Any) -> Taken:  # noqa: ANN401 - a call without arguments
    process = psutil.Process(pid)
    before = process.cpu_times()
    with _watched(process) as highest:
        began = time.perf_counter()
        send()
        seconds = time.perf_counter() - began
    after = process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return Taken(seconds, spent, max(highest[0] - idle, 0) / MIB)


@contextmanager
def _watched(process: psutil.Process) -> Iterator[list[int]]:
    """The highest resident memory of a process while the context lasts."""
    highest = [process.memory_info().rss]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            highest[0] = max(highest[0], process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield highest
    finally:
        done.set()
        thread.join()
        highest[0] = max(highest[0], process.memory_info().rss)


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
