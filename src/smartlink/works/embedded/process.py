"""A server process that outlives the one who started it, and is known again by its record.

A process id alone may have been given to somebody else since: a record therefore holds the start time and the
program too, and only a process that agrees in all three is ours to use or to end.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from smartlink.works.errors import TryAgain, WorksError

# The kernel counts start times in hundredths of a second from boot, and the boot time is only known to the second.
START_TIME_TOLERANCE = 2.0
LOOK_AGAIN = 0.05
ACCOUNT_NAME = "smartlink-works"


class ServiceFailed(TryAgain):
    """A server did not come up; the message names its log."""


class NotSupported(WorksError):
    """This system cannot run the embedded services; give URLs in the settings."""


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged user that a server runs as when Works runs as root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """One running process, told apart from any other that ever had its id."""

    pid: int
    started: float
    program: str

    def process(self) -> psutil.Process | None:
        """The process, if it still runs and is still the recorded one."""
        try:
            process = psutil.Process(self.pid)
            same = (
                abs(process.create_time() - self.started) < START_TIME_TOLERANCE
                and process.name() == self.program
                and process.status() != psutil.STATUS_ZOMBIE
            )
        except psutil.Error:
            return None
        return process if same else None

    def end(self, *, politely: int | None = None, patience: float = 15.0) -> None:
        """The process is gone: asked with the signal `politely` first, then killed. Harmless if it is gone already."""
        process = self.process()
        if process is None:
            return
        with suppress(psutil.NoSuchProcess):
            if politely is not None:
                process.send_signal(politely)
                with suppress(psutil.TimeoutExpired):
                    process.wait(patience)
                    return
            process.kill()
            _see_it_end(process, self, patience)


def _see_it_end(process: psutil.Process, recorded: Recorded, patience: float) -> None:
    """Return once it runs no more: collected if it is our child, perhaps a zombie if another's, over all the same."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        over = recorded.process() is None and _threads(process) <= 1
        with suppress(psutil.TimeoutExpired):
            process.wait(0 if over else LOOK_AGAIN)
            return
        if over:
            return


def _threads(process: psutil.Process) -> int:
    """How many of its threads are left: while one is, its files and ports may still be open."""
    try:
        return process.num_threads()
    except psutil.Error:
        return 0


def record(pid: int) -> Recorded:
    """The record of a process that runs now."""
    process = psutil.Process(pid)
    return Recorded(pid=pid, started=process.create_time(), program=process.name())


def myself() -> Recorded:
    """The record of this very process."""
    return record(os.getpid())


def start(command: Sequence[str], *, log: Path, account: Account | None = None) -> Recorded:
    """Start a server in a session of its own (a Ctrl-C at the terminal does not reach it), writing to `log`."""
    identity: dict[str, Any] = (
        {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
    )
    with log.open("ab") as output:
        started = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            **identity,
        )
    started.returncode = 0  # it is meant to outlive us: without this, Popen warns when it is forgotten
    try:
        return record(started.pid)
    except psutil.Error as gone:
        message = f"{Path(command[0]).name} ended at once; see {log}."
        raise ServiceFailed(message) from gone


def unprivileged_account() -> Account | None:
    """The account for servers when we are root (made on first use), or None when we are not."""
    if sys.platform == "win32":
        message = "The embedded services run on Linux; set WORKS_DATABASE_URL and the WORKS_STORAGE_ settings."
        raise NotSupported(message)
    if os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415 - POSIX only

    with suppress(KeyError):
        known = pwd.getpwnam(ACCOUNT_NAME)
        return Account(known.pw_uid, known.pw_gid)
    with suppress(OSError):  # without useradd the account "nobody" serves
        subprocess.run(
            ["/usr/sbin/useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT_NAME],
            check=False,
            capture_output=True,
        )
    with suppress(KeyError):
        made = pwd.getpwnam(ACCOUNT_NAME)
        return Account(made.pw_uid, made.pw_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def give(folder: Path, account: Account | None) -> None:
    """`folder` belongs to the server's account (nothing to do without one)."""
    if sys.platform != "win32" and account is not None:
        os.chown(folder, account.uid, account.gid)


def write_private(path: Path, content: object) -> None:
    """`content` stands in `path` as JSON, whole or not at all, and readable by its owner only."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def as_json(recorded: Recorded) -> dict[str, object]:
    """The record as it is written down."""
    return asdict(recorded)
