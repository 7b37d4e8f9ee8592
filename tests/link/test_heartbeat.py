"""The heartbeat carries counts and times only."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from smartlink.link.heartbeat import Disk, Heartbeat, Queue

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_a_heartbeat_travels_and_comes_back() -> None:
    sent = Heartbeat(
        version="0.1.0",
        started_at=NOW,
        sent_at=NOW,
        receiver_open=True,
        queue=Queue(waiting=3, oldest_waiting_since=NOW),
        disk=Disk(free=1, total=2, reserve=1),
    )
    assert Heartbeat.model_validate_json(sent.model_dump_json()) == sent


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValidationError):
        Queue(waiting=-1)
