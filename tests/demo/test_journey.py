"""What `works journey --json` tells, read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from smartlink.demo import journey

RECEIVED, CONFIRMED = "2026-11-24T09:41:12.5+00:00", "2026-11-24T09:41:13+00:00"


def test_moments_are_read_and_those_to_come_are_none() -> None:
    instance = {"sop_instance_uid": "1.2", "received_at": RECEIVED, "confirmed_at": CONFIRMED, "ingested_at": None}
    told = {"instances": [instance, {"sop_instance_uid": "1.3"}], "exam": None}
    read = journey.read(told)
    assert (read.count("received"), read.count("confirmed"), read.count("ingested")) == (1, 1, 0)
    assert read.last("confirmed") == datetime(2026, 11, 24, 9, 41, 13, tzinfo=UTC)
    assert read.last("ingested") is None
    assert read.folder == ""


def test_the_exams_folder_owner_and_reason_are_read() -> None:
    exam = {"folder": "drafts", "owner": "Lucía Ferrer", "reason": None, "assigned_at": CONFIRMED}
    read = journey.read({"instances": [], "exam": exam})
    assert (read.folder, read.owner, read.reason) == ("drafts", "Lucía Ferrer", "")
    assert read.assigned_at == datetime(2026, 11, 24, 9, 41, 13, tzinfo=UTC)


def test_something_else_is_refused() -> None:
    with pytest.raises(KeyError):
        journey.read({"detail": "not found"})
