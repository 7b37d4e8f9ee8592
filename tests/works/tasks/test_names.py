"""Producer and worker mean the same tasks."""

from __future__ import annotations

from smartlink.works.tasks import names


def test_every_task_has_a_queue_of_its_name() -> None:
    spelled = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    assert set(names.QUEUES) == spelled
    assert len(names.QUEUES) == len(spelled)
