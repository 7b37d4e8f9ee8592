"""Real PostgreSQL and real S3 for tests: started once per run, a database and a bucket for each test that asks.

A pytest plugin, loaded by tests/conftest.py; nothing starts before a fixture is asked for. A watchdog process ends
the services by process id when the run ends, however it ends.
"""

import queue
import secrets
import shutil
import tempfile
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from smartlink.works.access import Access
    from smartlink.works.blobs.s3 import S3Blobs
    from smartlink.works.embedded.postgresql import Cluster
    from smartlink.works.embedded.seaweedfs import Store
    from smartlink.works.embedded.watchdog import Watchdog

# A test's database need not survive a power cut.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
TEMPLATE = "works_template"
OWNER_PASSWORD = "owner-in-tests"
APPLICATION_PASSWORD = "application-in-tests"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """The addresses of one test's own database, already at the newest revision."""

    __test__ = False

    name: str
    application_url: str
    owner_url: str
    superuser_url: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """One test's own bucket, and the keys to it."""

    endpoint: str
    name: str
    access_key: str
    secret_key: str

    def blobs(self) -> "S3Blobs":
        """A client for it."""
        from smartlink.works.blobs.s3 import S3Blobs

        return S3Blobs(endpoint=self.endpoint, bucket=self.name, access_key=self.access_key, secret_key=self.secret_key)


@pytest.fixture(scope="session")
def watchdog() -> "Iterator[Watchdog]":
    """Ends what it is told of when the run ends."""
    from smartlink.works.embedded.watchdog import Watchdog

    watchdog = Watchdog()
    yield watchdog
    watchdog.close()


@pytest.fixture(scope="session")
def services_folder(watchdog: "Watchdog") -> Iterator[Path]:
    """Where the services of this run keep what they keep."""
    folder = Path(tempfile.mkdtemp(prefix="works-tests-"))
    watchdog.watch_data(str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql(services_folder: Path) -> "Iterator[Cluster]":
    """A PostgreSQL server with a migrated template database."""
    from smartlink.works.embedded import postgresql
    from smartlink.works.store import roles, schema

    cluster = postgresql.running(services_folder, options=FAST)
    roles.prepare(
        cluster.superuser_url,
        owner_password=OWNER_PASSWORD,
        application_password=APPLICATION_PASSWORD,
        database=TEMPLATE,
    )
    schema.migrate(cluster.url(roles.OWNER, OWNER_PASSWORD, TEMPLATE))
    yield cluster
    postgresql.remove(services_folder)


@pytest.fixture(scope="session")
def seaweedfs(services_folder: Path) -> "Iterator[Store]":
    """An S3 store."""
    from smartlink.works.embedded import seaweedfs

    store = seaweedfs.running(services_folder)
    yield store
    seaweedfs.stop(services_folder)


class Databases:
    """Copies the template ahead of time, in a thread: the next test finds its database made."""

    def __init__(self, cluster: "Cluster", ahead: int = 3) -> None:
        """Begin to copy."""
        self._cluster = cluster
        self._ready: queue.Queue[str] = queue.Queue(maxsize=ahead)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._make, name="databases", daemon=True)
        self._thread.start()

    def take(self) -> str:
        """The name of a database that nobody has used."""
        return self._ready.get(timeout=60)

    def drop(self, name: str) -> None:
        """The database is gone, whoever is still connected to it."""
        import psycopg

        with psycopg.connect(self._cluster.superuser_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def close(self) -> None:
        """Copy no more."""
        self._stop.set()
        self._thread.join(30)

    def _make(self) -> None:
        import psycopg

        from smartlink.works.store import roles

        with psycopg.connect(self._cluster.superuser_url, autocommit=True) as connection:
            while not self._stop.is_set():
                name = f"test_{secrets.token_hex(6)}"
                roles.create_database(connection, name, template=TEMPLATE)
                while not self._stop.is_set():
                    try:
                        self._ready.put(name, timeout=0.2)
                        break
                    except queue.Full:
                        continue


@pytest.fixture(scope="session")
def databases(postgresql: "Cluster") -> Iterator[Databases]:
    """The copies of the template."""
    databases = Databases(postgresql)
    yield databases
    databases.close()


@pytest.fixture
def database(postgresql: "Cluster", databases: Databases) -> Iterator[TestDatabase]:
    """This test's own database, copied from the template."""
    from smartlink.works.store import roles

    name = databases.take()
    yield TestDatabase(
        name=name,
        application_url=postgresql.url(roles.APPLICATION, APPLICATION_PASSWORD, name),
        owner_url=postgresql.url(roles.OWNER, OWNER_PASSWORD, name),
        superuser_url=postgresql.url("postgres", postgresql.password, name),
    )
    databases.drop(name)


@pytest.fixture
def access(database: TestDatabase) -> "Iterator[Access]":
    """The way to an organisation's rows in this test's database."""
    from smartlink.works.access import Access
    from smartlink.works.store.database import Database

    pool = Database(database.application_url)
    yield Access(pool)
    pool.close()


@pytest.fixture
def bucket(seaweedfs: "Store") -> Iterator[Bucket]:
    """This test's own bucket; its volumes are given back, since a store has only as many as its disk holds."""
    bucket = Bucket(seaweedfs.endpoint, f"test-{uuid.uuid4()}", seaweedfs.access_key, seaweedfs.secret_key)
    bucket.blobs().make_bucket()
    yield bucket
    volumes = f"http://127.0.0.1:{seaweedfs.ports[0]}/col/delete?collection={bucket.name}"
    try:
        urllib.request.urlopen(volumes, timeout=10).close()
    except urllib.error.HTTPError as nothing_written:
        nothing_written.close()


@pytest.fixture
def blobs(bucket: Bucket) -> "S3Blobs":
    """A client for this test's bucket."""
    return bucket.blobs()
