"""The two programs as processes of their own: started, asked, watched and ended by process id.

The demo and the tests against real peers drive Works and the gateway in the same way as a person
does: by their commands, on loopback, each with a data folder of its own.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
END_SECONDS = 40.0
COMMAND_SECONDS = 120.0
LOG_TAIL_LINES = 25
START_TIME_TOLERANCE = 2.0
"""Seconds: a start time is counted from boot, and the boot time is only known to the second."""


class ProgramFailed(Exception):
    """A program ended, refused a command, or did not come up; the message says what to look at."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log
        """The last lines of the program's output."""


class TooLate(Exception):
    """A fact that was waited for did not come in time."""


def scripts_folder() -> Path:
    """Where the console scripts of the running interpreter's environment lie."""
    return Path(sys.executable).parent


def free_port(preferred: int = 0) -> int:
    """A TCP port that is free on loopback now: the preferred one if it is, otherwise any."""
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise OSError("No TCP port is free on loopback.")


def wait_for(fact: Callable[[], T | None], seconds: float, what: str, *, pause: float = 0.05) -> T:
    """Return what `fact` gives as soon as it gives something true, or raise TooLate."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = fact()
        if found:
            return found
        time.sleep(pause)
    raise TooLate(f"Waited {seconds:.0f} s in vain: {what}.")


@dataclass(frozen=True, slots=True)
class Known:
    """A running process as it is written down: an id alone may have been given to somebody else since."""

    name: str
    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        """The process if it still runs and is still this one."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < START_TIME_TOLERANCE
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    def end(self, seconds: float = END_SECONDS) -> None:
        """The process is gone: asked first, killed if it does not listen."""
        process = self.process()
        if process is None:
            return
        with suppress(psutil.NoSuchProcess):
            process.terminate()
            try:
                process.wait(seconds)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(seconds)


def write_known(path: Path, known: Sequence[Known]) -> None:
    """Write down which processes run, for `read_known` after a crash of this one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(one) for one in known]), encoding="utf-8")


def read_known(path: Path) -> list[Known]:
    """The processes written down at `path`; none when nothing readable is there."""
    try:
        return [Known(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except (FileNotFoundError, ValueError, TypeError):
        return []


def last_lines(path: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of a text file; nothing when there is none."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


class Program:
    """One of our programs: its command, its settings, and while it runs its process.

    Everything it prints goes to `log`.  The process is in a session of its own, so that a Ctrl-C at
    the terminal reaches only us, who then end it in good order.
    """

    def __init__(self, name: str, settings: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self.told: Callable[[int], None] | None = None
        """Who is told the process id at each start: somebody who ends it should we die first."""
        self.settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id, while it runs."""
        if self._process is None:
            raise ProgramFailed(f"{self.name} was not started.")
        return self._process.pid

    @property
    def known(self) -> Known:
        """What to write down about the running process."""
        return Known(self.name, self.pid, psutil.Process(self.pid).create_time())

    def start(self, *arguments: str) -> None:
        """Start `name arguments…` with its settings in the environment; returns at once."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(scripts_folder() / self.name), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
            )
        if self.told is not None:
            self.told(self._process.pid)

    def ask(self, *arguments: str, stdin: str | None = None) -> Any:  # noqa: ANN401 - JSON is anything
        """Run one command of the program with `--json` and return what it says."""
        done = self.command(*arguments, "--json", stdin=stdin)
        if done.returncode != 0:
            told = (done.stdout + done.stderr).strip()
            raise ProgramFailed(f"`{self.name} {arguments[0]}` failed with exit code {done.returncode}.", told)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise ProgramFailed(f"`{self.name} {arguments[0]} --json` did not print JSON.", done.stdout) from None

    def command(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command of the program to its end, whatever its exit code."""
        return subprocess.run(
            [str(scripts_folder() / self.name), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=self._environment(),
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def runs(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def must_run(self) -> None:
        """Return if the process is alive, else raise ProgramFailed with the end of its output."""
        if not self.runs():
            code = None if self._process is None else self._process.poll()
            raise ProgramFailed(f"{self.name} ended by itself (exit code {code}).", self.tail())

    def listens_at(self, port: int) -> bool:
        """Whether it is this process that listens at a TCP port."""
        with suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.pid).net_connections("tcp")
            return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in found)
        return False

    def stop(self) -> int | None:
        """End the process in good order and return its exit code (None: it was not running)."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ProgramFailed(f"{self.name} did not end within {END_SECONDS:.0f} s.", self.tail()) from None

    def kill(self) -> None:
        """End the process with SIGKILL, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_SECONDS)

    def tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """The last lines that the program printed."""
        return last_lines(self.log, lines)

    def _environment(self) -> dict[str, str]:
        own = ("WORKS_", "SMARTLINK_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        return {**inherited, "PYTHONUNBUFFERED": "1", **self.settings}
