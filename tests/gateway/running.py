"""A whole gateway of the tests: its service in a thread, activated at a Works of our own, listening on a free port."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Any

from structlog.testing import capture_logs

from smartlink.gateway import build
from smartlink.gateway.settings import Deployment
from smartlink.gateway.status import status_of
from smartlink.gateway.store import settings
from smartlink.gateway.store.database import Database, open_in
from tests.gateway.conftest import START
from tests.gateway.fake_works import FakeWorks


def now() -> datetime:
    return datetime.now(UTC)


def eventually(fact: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait for a fact, not for a duration."""
    end = monotonic() + seconds
    while not fact():
        assert monotonic() < end, "it never came true"
        sleep(0.02)


@contextmanager
def started(deployment: Deployment, works: FakeWorks) -> Iterator[Database]:
    """Yield the catalogue of a running, licensed gateway whose first heartbeat and synchronisation are done."""
    with open_in(deployment.data) as database, capture_logs():
        database.write(lambda tx: settings.put(tx, {"port": 0, "disk_reserve_bytes": 0}, START))
        service = build.service(deployment, now)
        thread = threading.Thread(target=service.run)
        thread.start()
        try:
            with build.activator(deployment, database, now) as activator:
                activator.activate(works.key, works.url, now())
            eventually(lambda: _is_well(status_of(database, deployment.data, now())))
            yield database
        finally:
            service.stop()
            thread.join(60)


def _is_well(status: dict[str, Any]) -> bool:
    told = status["works"]
    return bool(status["receiver"]["open"] and told["last_heartbeat_at"] and told["last_sync_at"])
