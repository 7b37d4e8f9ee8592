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


def test_conflicts_and_repeats_stand_apart_from_the_exams_instances() -> None:
    instance = {"sop_instance_uid": "1.2", "ingested_at": CONFIRMED, "instance_id": "a", "conflict": False}
    other_bytes = {**instance, "instance_id": None, "conflict": True}
    once_more = {**instance, "instance_id": None}
    on_its_way = {"sop_instance_uid": "1.3", "ingested_at": None, "instance_id": None, "conflict": False}
    read = journey.read({"instances": [instance, other_bytes, once_more, on_its_way], "exam": None})
    assert (len(read.stops), len(read.conflicts), len(read.repeats)) == (2, 1, 1)
