"""Log lines are JSON, one file per type and UTC day, with three levels and without patient data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from smartlink.gateway.log import DailyFile, LogKind, configure, log_path, newest_path, part_of
from smartlink.gateway.messages import Message
from tests.gateway.conftest import START, SetClock


@pytest.fixture(autouse=True)
def _forget_configuration() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def lines(folder: Path, kind: LogKind = LogKind.SERVICE, day: datetime = START) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_path(folder, kind, day.date()).read_text("utf-8").splitlines()]


@pytest.mark.proves("R115", "R116", "R119")
def test_a_line_carries_time_with_offset_level_component_and_event(tmp_path: Path, clock: SetClock) -> None:
    file = configure(tmp_path, LogKind.SERVICE, clock, "service")
    log = structlog.get_logger()
    log.info("started", port=5104)
    log.error("upload_failed", **Message.UPLOADING_IMAGE_FAILED.fields)
    log.fatal("catalogue_failed")
    file.close()
    found = lines(tmp_path)
    assert [line["level"] for line in found] == ["info", "error", "fatal"]
    assert found[0] == {
        "time": "2026-11-24T04:00:00.000+00:00",
        "component": "service",
        "level": "info",
        "port": 5104,
        "event": "started",
    }
    assert found[1]["message"] == "Uploading Image Failed"


@pytest.mark.proves("R121")
def test_each_day_has_its_file_named_as_the_manual_names_it(tmp_path: Path, clock: SetClock) -> None:
    file = configure(tmp_path / "Logs", LogKind.CONFIGURATION, clock, "command line")
    structlog.get_logger().info("one")
    clock.move(timedelta(days=1))
    structlog.get_logger().info("two")
    file.close()
    assert sorted(path.name for path in (tmp_path / "Logs").iterdir()) == [
        "ExoClient-configuration-2026-11-24.log",
        "ExoClient-configuration-2026-11-25.log",
    ]


def test_patient_data_given_by_mistake_does_not_reach_the_file(tmp_path: Path, clock: SetClock) -> None:
    file = configure(tmp_path, LogKind.SERVICE, clock, "service")
    structlog.get_logger().info("kept", patient_name="Doe^Jane", accession_number="A1", size=5)
    file.close()
    assert "Doe" not in log_path(tmp_path, LogKind.SERVICE, START.date()).read_text("utf-8")
    assert lines(tmp_path)[0]["size"] == 5


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "Logs"
    blocked.write_text("a file where the folder should be")
    DailyFile(blocked, LogKind.SERVICE, lambda: datetime(2026, 11, 24, tzinfo=UTC)).msg("lost")
    assert blocked.is_file()


@pytest.mark.proves("R121")
def test_a_large_day_goes_on_in_further_parts_also_after_a_restart(tmp_path: Path, clock: SetClock) -> None:
    for _ in range(2):
        file = DailyFile(tmp_path, LogKind.SERVICE, clock, largest=20)
        for number in range(3):
            file.msg(f"line {number:04}")
        file.close()
    parts = [log_path(tmp_path, LogKind.SERVICE, START.date(), part) for part in (1, 2, 3)]
    assert [len(path.read_text("utf-8").splitlines()) for path in parts] == [2, 2, 2]
    assert newest_path(tmp_path, LogKind.SERVICE, START.date()) == parts[-1]


def test_only_names_of_ours_are_log_files() -> None:
    assert part_of("SmartLink-service-2026-11-24.12.log") == (LogKind.SERVICE, START.date(), 12)
    assert [part_of(name) for name in ("x-2026-11-24.log", "SmartLink-service-2026-13-24.log", "a.log")] == [None] * 3
