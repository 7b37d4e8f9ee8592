"""Both services of a data folder are shared, survive a kill of Works, and are adopted by the next start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.embedded import services
from smartlink.works.embedded.process import Recorded
from smartlink.works.embedded.services import Services

FAST = ("fsync=off",)  # what a process wrote survives its kill all the same
# A Works that is gone from one moment to the next while it uses the services.
KILLED = """
import os, pathlib, sys
from smartlink.works.embedded import services
with services.shared(pathlib.Path(sys.argv[1]), options=("fsync=off",)):
    os._exit(9)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "works"


def processes(both: Services) -> tuple[Recorded, Recorded]:
    """The two servers."""
    assert both.postgresql.process is not None
    assert both.seaweedfs.process is not None
    return both.postgresql.process, both.seaweedfs.process


def bucket(both: Services) -> S3Blobs:
    """A bucket in the store."""
    store = both.seaweedfs
    return S3Blobs(endpoint=store.endpoint, bucket="works", access_key=store.access_key, secret_key=store.secret_key)


def keep_something(both: Services) -> None:
    """A row and an object."""
    with psycopg.connect(both.postgresql.superuser_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'row' AS word")
    bucket(both).make_bucket()
    bucket(both).put("kept", b"object", content_type="text/plain")


def what_is_kept(both: Services) -> tuple[object, bytes]:
    """The row and the object."""
    with psycopg.connect(both.postgresql.superuser_url) as connection, bucket(both).open("kept") as stream:
        return connection.execute("SELECT word FROM kept").fetchone(), stream.read()


def test_left_over_services_are_adopted_and_the_last_user_stops_them(folder: Path) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False, timeout=90).returncode == 9
    written = (folder / "postgresql.json").read_text(encoding="utf-8")
    try:
        with services.shared(folder) as first:
            assert (folder / "postgresql.json").read_text(encoding="utf-8") == written
            with services.shared(folder) as second:
                assert second == first
            assert all(one.process() is not None for one in processes(first))
        assert all(one.process() is None for one in processes(first))
    finally:
        services.remove(folder)
    assert not Path(first.postgresql.home).exists()
    services.remove(folder)


def test_what_is_kept_survives_the_kill_of_both_servers(folder: Path) -> None:
    try:
        with services.shared(folder, options=FAST) as first:
            keep_something(first)
            for one in processes(first):
                one.end()
        with services.shared(folder, options=FAST) as second:
            assert what_is_kept(second) == (("row",), b"object")
            assert not set(processes(first)) & set(processes(second))
    finally:
        services.remove(folder)
