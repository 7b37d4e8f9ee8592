"""What a run started ends with the run, also when it is killed."""

from __future__ import annotations

from pathlib import Path

from smartlink.works.embedded import process
from smartlink.works.embedded.watchdog import Watchdog


def test_watched_processes_and_folders_end_with_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    watchdog = Watchdog()
    started = process.start(["sleep", "60"], log=tmp_path / "log")
    watchdog.watch(started, str(folder))
    watchdog.close()
    assert started.process() is None
    assert not folder.exists()
