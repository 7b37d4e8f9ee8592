"""Both embedded services of one data folder, shared by every Works process that uses it: the last one out stops them.

`works run`, a `works create-user` beside it and a Works that was killed may all have to do with the same two servers.
Who uses them is written down; users that no longer run are forgotten; a lock makes each change one at a time.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smartlink.works.embedded import postgresql, seaweedfs
from smartlink.works.embedded.process import Recorded, ServiceFailed, as_json, myself, write_private

USERS = "users.json"
LOCK = "services.lock"
LOCKED_FOR_AT_MOST = 120.0


@dataclass(frozen=True, slots=True)
class Services:
    """What the parts that need them are given: the two running servers."""

    postgresql: postgresql.Cluster
    seaweedfs: seaweedfs.Store


@contextmanager
def shared(folder: Path, *, options: Sequence[str] = ()) -> Iterator[Services]:
    """Both services run while the context lasts; left over ones are adopted, the last user stops them.

    `options` are PostgreSQL settings, used only if it has to be started. Raises ServiceFailed.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(folder):
        services = Services(postgresql.running(folder, options=options), seaweedfs.running(folder))
        _write_users(folder, [*_users(folder), myself()])
    try:
        yield services
    finally:
        with _locked(folder):
            left = _users(folder)
            left.pop([user.pid for user in left].index(os.getpid()))
            _write_users(folder, left)
            if not left:
                stop(folder)


def stop(folder: Path) -> None:
    """Both servers of the folder are down; what they hold stays."""
    postgresql.stop(folder)
    seaweedfs.stop(folder)


def remove(folder: Path) -> None:
    """Both servers of the folder are down, and the database is deleted for good (the folder itself is the caller's)."""
    postgresql.remove(folder)
    seaweedfs.stop(folder)


def _users(folder: Path) -> list[Recorded]:
    """The processes that use the services and still run."""
    try:
        known = json.loads((folder / USERS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return [user for user in (Recorded(**entry) for entry in known) if user.process() is not None]


def _write_users(folder: Path, users: Sequence[Recorded]) -> None:
    write_private(folder / USERS, [as_json(user) for user in users])


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time; the system frees the lock of a process that dies."""
    if sys.platform == "win32":
        message = "The embedded services run on Linux; set WORKS_DATABASE_URL and the WORKS_STORAGE_ settings."
        raise ServiceFailed(message)
    import fcntl  # noqa: PLC0415 - POSIX only

    with (folder / LOCK).open("w") as file:
        end = time.monotonic() + LOCKED_FOR_AT_MOST
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as held:
                if time.monotonic() > end:
                    message = f"Another Works is starting or stopping the services in {folder}; try again."
                    raise ServiceFailed(message) from held
                time.sleep(0.05)
        yield
