"""A process is told apart from any other that ever had its id, and is ended by its id."""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path

from smartlink.works.embedded import process


def test_a_started_process_is_recognised_and_ended(tmp_path: Path) -> None:
    started = process.start(["sleep", "60"], log=tmp_path / "log")
    assert started.process() is not None
    another = dataclasses.replace(started, started=started.started - 100)
    assert another.process() is None
    another.end()
    assert started.process() is not None
    started.end(politely=signal.SIGTERM)
    assert started.process() is None
    started.end()


def test_what_is_written_down_is_its_owner_s_only(tmp_path: Path) -> None:
    process.write_private(tmp_path / "secret.json", process.as_json(process.myself()))
    assert (tmp_path / "secret.json").stat().st_mode & 0o077 == 0
