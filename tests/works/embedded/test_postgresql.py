"""The embedded PostgreSQL: no TCP, passwords always, no superuser for the application, left-overs recognised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

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
    running = postgresql.process.process()
    assert running is not None
    assert running.uids().real != 0
