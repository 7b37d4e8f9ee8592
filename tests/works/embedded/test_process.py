"""A process is told apart from any other that ever had its id, and is ended by its id."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import psutil

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


def test_a_child_that_is_ended_is_collected(tmp_path: Path) -> None:
    started = process.start(["sleep", "60"], log=tmp_path / "log")
    started.end()
    assert not psutil.pid_exists(started.pid)


def test_another_s_child_that_is_ended_is_over_though_nobody_collects_it() -> None:
    program = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        started = process.record(int(parent.stdout.readline()))
        started.end()
        assert started.process() is None
        parent.stdin.close()
