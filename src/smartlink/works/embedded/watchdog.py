"""Ends the services of a test run when the run itself dies, however it dies.

A small process of its own that reads orders from a pipe. The pipe closes when the run ends, even by SIGKILL; then
every process it was told of and that still is the same is killed, and every folder it was told of is removed. Of a
data folder of Works, both services are stopped and the database is deleted with it, wherever it lies.
Works itself does not use it: there, services that are left over are adopted by the next start.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

from smartlink.works.embedded import services
from smartlink.works.embedded.process import Recorded, as_json


class Watchdog:
    """The near end of the pipe."""

    def __init__(self) -> None:
        """Start the watching process, in a session of its own so that Ctrl-C does not reach it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def watch(self, process: Recorded | None, *folders: str) -> None:
        """From now on, `process` and `folders` end with this run."""
        self._order({"process": None if process is None else as_json(process), "folders": list(folders)})

    def watch_data(self, folder: str) -> None:
        """From now on, whatever services Works starts in this data folder end with this run, and so does the folder."""
        self._order({"data": folder})

    def close(self, patience: float = 60.0) -> None:
        """End everything now; returns when it is done."""
        self._pipe.close()
        self._process.wait(patience)

    @property
    def _pipe(self) -> IO[str]:
        if self._process.stdin is None:
            message = "The watchdog has no pipe."
            raise RuntimeError(message)
        return self._process.stdin

    def _order(self, order: dict[str, object]) -> None:
        self._pipe.write(json.dumps(order) + "\n")
        self._pipe.flush()


def main() -> None:
    """Read orders until the pipe closes, then end what was named."""
    orders = [json.loads(line) for line in sys.stdin]
    for order in orders:
        if order.get("process") is not None:
            Recorded(**order["process"]).end()
        if "data" in order:
            services.remove(Path(order["data"]))
    for order in orders:
        for folder in order.get("folders", [order.get("data")]):
            shutil.rmtree(Path(folder), ignore_errors=True)


if __name__ == "__main__":
    main()
