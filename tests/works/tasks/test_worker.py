"""The worker does what was deferred, tries again after an outage, and gives up only what can never succeed."""

from __future__ import annotations

import queue
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from smartlink.works.access import Access
from smartlink.works.errors import GiveUp, TryAgain
from smartlink.works.tasks import names
from smartlink.works.tasks.producer import Producer
from smartlink.works.tasks.worker import Look, Task, Worker
from tests.works.services import TestDatabase

SECONDS = 30


@dataclass
class Desk:
    """Notes every call, and fails as often as it is told."""

    calls: queue.Queue[tuple[str, uuid.UUID]] = field(default_factory=queue.Queue)
    looks: queue.Queue[str] = field(default_factory=queue.Queue)
    failures: list[Exception] = field(default_factory=list)

    def tasks(self) -> Mapping[str, Task]:
        """See Todo."""
        return {names.INGEST: self.ingest, names.PREVIEW: self.preview}

    def every_minute(self) -> Mapping[str, Look]:
        """See Todo."""
        return {names.DIGESTS_DUE: self.look}

    def look(self) -> None:
        """Note that somebody looked, and that the database is away just now."""
        self.looks.put("looked")
        raise TryAgain("later")

    def ingest(self, organisation_id: uuid.UUID, upload_ids: Sequence[uuid.UUID]) -> None:
        """Note the call."""
        assert len(upload_ids) == 2
        self._call("ingest", organisation_id)

    def preview(self, organisation_id: uuid.UUID, instance_id: uuid.UUID) -> None:
        """Note the call."""
        assert isinstance(instance_id, uuid.UUID)
        self._call("preview", organisation_id)

    def interrupt(self) -> None:
        """See Todo."""

    def _call(self, name: str, organisation_id: uuid.UUID) -> None:
        self.calls.put((name, organisation_id))
        if self.failures:
            raise self.failures.pop()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def worker(database: TestDatabase, desk: Desk) -> Iterator[Worker]:
    one = Worker(database.application_url, desk)
    one.start()
    yield one
    one.close()
    assert not one.alive


@pytest.mark.usefixtures("worker")
def test_deferred_jobs_are_done(access: Access, desk: Desk) -> None:
    ours = uuid.uuid4()
    with access.organisation(ours) as site:
        Producer().ingest(site, [uuid.uuid4(), uuid.uuid4()])
        Producer().preview(site, uuid.uuid4())
    done = {desk.calls.get(timeout=SECONDS), desk.calls.get(timeout=SECONDS)}
    assert done == {("ingest", ours), ("preview", ours)}


@pytest.mark.usefixtures("worker")
def test_what_is_due_by_the_clock_is_looked_at_from_the_start(desk: Desk) -> None:
    with capture_logs():
        assert desk.looks.get(timeout=SECONDS) == "looked"


@pytest.mark.usefixtures("worker")
def test_an_outage_is_tried_again_and_the_impossible_is_not(access: Access, desk: Desk) -> None:
    ours, again = uuid.uuid4(), uuid.uuid4()
    desk.failures = [GiveUp("never"), TryAgain("later")]
    with access.organisation(ours) as site:
        Producer().ingest(site, [uuid.uuid4(), uuid.uuid4()])
    assert desk.calls.get(timeout=SECONDS) == ("ingest", ours)
    assert desk.calls.get(timeout=SECONDS) == ("ingest", ours)
    with access.organisation(again) as site:
        Producer().preview(site, uuid.uuid4())
    assert desk.calls.get(timeout=SECONDS) == ("preview", again)


@pytest.mark.usefixtures("worker")
def test_a_job_that_this_worker_has_nothing_for_waits_for_one_that_has(access: Access, desk: Desk) -> None:
    ours, after = uuid.uuid4(), uuid.uuid4()
    with access.organisation(ours) as site:
        Producer().mail(site, uuid.uuid4())
    with access.organisation(after) as site:
        Producer().preview(site, uuid.uuid4())
    assert desk.calls.get(timeout=SECONDS) == ("preview", after)
    with access.outside() as transaction:
        assert transaction.value("SELECT status FROM procrastinate_jobs WHERE task_name = 'mail'") == "todo"
