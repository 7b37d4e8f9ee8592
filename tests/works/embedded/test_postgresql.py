"""The embedded PostgreSQL: no TCP, passwords always, no superuser for the application, left-overs recognised."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from smartlink.works.embedded.postgresql import remove, running

if TYPE_CHECKING:
    from smartlink.works.embedded.postgresql import Cluster


def test_it_listens_on_a_short_socket_and_nowhere_else(postgresql: Cluster) -> None:
    assert len(postgresql.socket) <= 80
    with psycopg.connect(postgresql.superuser_url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW password_encryption").fetchone() == ("scram-sha-256",)


def test_a_wrong_password_is_refused(postgresql: Cluster) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(postgresql.url("postgres", "wrong", "postgres"))


def test_the_server_is_a_process_that_is_written_down(postgresql: Cluster) -> None:
    assert postgresql.process is not None
    started = postgresql.process.process()
    assert started is not None
    assert sys.platform == "win32" or started.uids().real != 0


def test_the_lock_of_a_server_that_is_over_does_not_stop_the_next_one(tmp_path: Path) -> None:
    folder = tmp_path / "works"
    try:
        killed = running(folder, options=("fsync=off",))
        assert killed.process is not None
        killed.process.end()
        lock = killed.database_folder / "postmaster.pid"
        somebody_else = str(os.getpid())
        lock.write_text(somebody_else + "\n" + lock.read_text(encoding="utf-8").partition("\n")[2], encoding="utf-8")
        assert running(folder, options=("fsync=off",)).process != killed.process
    finally:
        remove(folder)
