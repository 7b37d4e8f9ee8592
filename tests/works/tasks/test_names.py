"""Producer and worker mean the same tasks."""

from __future__ import annotations

from smartlink.works.tasks.names import INGEST, PREVIEW, QUEUES


def test_every_task_has_a_queue_of_its_name() -> None:
    assert QUEUES == (INGEST, PREVIEW)
