"""An ultrasound system that never gives up: sends a list of instances and records what was answered."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.real import samples
from tests.real.scu import Aborted, Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smartlink.demo.ultrasound import Target
    from tests.real.scu import Association, Instance

RECONNECT_PAUSE = 0.05


@dataclass(slots=True)
class Stream:
    """Sends each instance until it is answered Success, over as many Associations as it takes."""

    target: Target
    instances: Sequence[Instance]
    answered: list[str] = field(default_factory=list)
    """SOP Instance UIDs answered Success, in order."""
    repeats: int = 0
    """C-STORE requests for an instance whose answer had been lost."""
    refused: list[int] = field(default_factory=list)
    """Statuses other than Success."""
    _allowed: int = 0
    _told: threading.Condition = field(default_factory=threading.Condition)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="ultrasound", daemon=True)
        self._thread.start()

    def allow(self, number: int) -> None:
        """Send until that many are answered, then wait to be allowed more."""
        with self._told:
            self._allowed = number
            self._told.notify_all()

    def has_answers(self, number: int) -> bool:
        """Whether that many were answered Success."""
        return len(self.answered) >= number

    def finished(self) -> bool:
        """Whether every instance was answered."""
        return self._thread is not None and not self._thread.is_alive()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()
        self.allow(0)
        if self._thread is not None:
            self._thread.join(60)

    def _run(self) -> None:
        left = list(self.instances)
        lost: set[str] = set()
        while left and not self._stop.is_set():
            try:
                with samples.association(self.target) as association:
                    self._send(association, left, lost)
            except (Aborted, Rejected, OSError):
                self._stop.wait(RECONNECT_PAUSE)

    def _send(self, association: Association, left: list[Instance], lost: set[str]) -> None:
        """Send what is left, in order; what is answered Success leaves the list."""
        while left and self._may_go_on():
            one = left[0]
            self.repeats += one.sop_instance_uid in lost
            lost.add(one.sop_instance_uid)
            status = association.store(one)
            lost.discard(one.sop_instance_uid)
            if status != 0:
                self.refused.append(status)
                self._stop.wait(RECONNECT_PAUSE)
                continue
            self.answered.append(one.sop_instance_uid)
            left.pop(0)

    def _may_go_on(self) -> bool:
        """Wait until one more is allowed; False when no more is to be sent at all."""
        with self._told:
            self._told.wait_for(lambda: self._stop.is_set() or len(self.answered) < self._allowed)
        return not self._stop.is_set()
