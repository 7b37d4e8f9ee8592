"""A loop turns until told to stop, waits out a failing catalogue, and says so when it dies."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from structlog.testing import capture_logs

from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.loop import Loop, stop_all, turn

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def now() -> datetime:
    return NOW


def test_a_turn_comes_back_at_once_while_there_is_more_to_do() -> None:
    stop = threading.Event()
    left = [True, True, True]

    def tick(moment: datetime) -> bool:
        assert moment == NOW
        left.pop()
        if not left:
            stop.set()
        return True

    turn(tick, now, stop, pause=3600)
    assert left == []


def test_a_loop_that_dies_says_so_and_tells_who_wants_to_know() -> None:
    died: list[str] = []
    told = threading.Event()

    def tick(_moment: datetime) -> bool:
        raise RuntimeError("Doe^Jane")

    def on_death(name: str) -> None:
        died.append(name)
        told.set()

    with capture_logs() as lines:
        loop = Loop("uploads", tick, now, died=on_death)
        loop.start()
        assert told.wait(10)
        assert loop.join(10)
    assert died == ["uploads"]
    assert lines[0]["event"] == "loop_died"
    assert lines[0]["error"] == "RuntimeError"
    assert "Doe" not in str(lines)


def test_a_failing_catalogue_is_waited_for_and_reported_once() -> None:
    done = threading.Event()
    failures = [StoreFailed("no"), StoreFailed("no")]

    def tick(_moment: datetime) -> bool:
        if failures:
            raise failures.pop()
        done.set()
        return False

    with capture_logs() as lines:
        loop = Loop("janitor", tick, now, pause=0.001)
        loop.start()
        assert done.wait(10)
        assert stop_all([loop], 10) == []
    assert [line["event"] for line in lines] == ["loop_waits_for_catalogue"]


def test_a_loop_that_does_not_end_is_named() -> None:
    release = threading.Event()
    entered = threading.Event()

    def tick(_moment: datetime) -> bool:
        entered.set()
        return not release.wait(10)

    loop = Loop("slow", tick, now)
    loop.start()
    assert entered.wait(10)
    assert stop_all([loop], 0.01) == ["slow"]
    release.set()
    assert loop.join(10)


def test_a_loop_never_started_has_ended() -> None:
    assert Loop("idle", lambda _now: False, now).join(0)
