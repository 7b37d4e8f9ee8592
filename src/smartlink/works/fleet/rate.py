"""How often somebody may try: guessing a licence key must stay hopeless, and cheap to refuse."""

import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import Final

_MOST_CALLERS: Final = 10_000


class Rate:
    """At most `attempts` in `window` for each caller; memory is bounded by forgetting the longest silent ones."""

    def __init__(self, attempts: int, window: timedelta) -> None:
        """Nothing has been tried yet."""
        self._attempts = attempts
        self._window = window
        self._seen: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def allows(self, caller: str, now: datetime) -> bool:
        """Count one attempt; False when it is one too many (which then does not count)."""
        with self._lock:
            times = self._seen.setdefault(caller, deque())
            self._seen.move_to_end(caller)
            if len(self._seen) > _MOST_CALLERS:
                self._seen.popitem(last=False)
            while times and now - times[0] >= self._window:
                times.popleft()
            if len(times) >= self._attempts:
                return False
            times.append(now)
            return True
