"""What a run started ends with the run, also when it is killed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

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


# A run of tests that is killed just after its services came up.
KILLED = """
import os, pathlib, signal, sys
from smartlink.works.embedded import postgresql
from smartlink.works.embedded.watchdog import Watchdog
folder = pathlib.Path(sys.argv[1])
watchdog = Watchdog()
watchdog.watch_data(str(folder))
cluster = postgresql.running(folder, options=("fsync=off",))
print(cluster.process.pid, cluster.home, watchdog._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_services_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "works")],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=90,
    )
    assert done.returncode == -9
    server, home, watching = done.stdout.split()
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(watching)).wait(60)
    assert not psutil.pid_exists(int(server)) or psutil.Process(int(server)).status() == psutil.STATUS_ZOMBIE
    assert not Path(home).exists()
    assert not (tmp_path / "works").exists()
