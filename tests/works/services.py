"""Real PostgreSQL and real S3 for tests: started once per run, a database and a bucket for each test that asks.

A pytest plugin, loaded by tests/conftest.py; nothing starts before a fixture is asked for. A watchdog process ends
the services by process id when the run ends, however it ends.
"""

import secrets
import shutil
import tempfile
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

        return S3Blobs(
            endpoint=self.endpoint, bucket=self.name, access_key=self.access_key, secret_key=self.secret_key
        )


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
    watchdog.watch(None, str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql(services_folder: Path, watchdog: "Watchdog") -> "Iterator[Cluster]":
    """A PostgreSQL server with a migrated template database."""
    from smartlink.works.embedded import postgresql
    from smartlink.works.store import roles, schema

    folder = services_folder / "postgresql"
    cluster = postgresql.running(folder, options=FAST)
    watchdog.watch(cluster.process, cluster.home, cluster.socket)
    roles.prepare(
        cluster.superuser_url,
        owner_password=OWNER_PASSWORD,
        application_password=APPLICATION_PASSWORD,
        database=TEMPLATE,
    )
    schema.migrate(cluster.url(roles.OWNER, OWNER_PASSWORD, TEMPLATE))
    yield cluster
    postgresql.remove(folder)


@pytest.fixture(scope="session")
def seaweedfs(services_folder: Path, watchdog: "Watchdog") -> "Iterator[Store]":
    """An S3 store."""
    from smartlink.works.embedded import seaweedfs

    folder = services_folder / "seaweedfs"
    store = seaweedfs.running(folder)
    watchdog.watch(store.process)
    yield store
    seaweedfs.stop(folder)


@pytest.fixture
def database(postgresql: "Cluster") -> Iterator[TestDatabase]:
    """This test's own database, copied from the template."""
    import psycopg

    from smartlink.works.store import roles

    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgresql.superuser_url, autocommit=True) as connection:
        roles.create_database(connection, name, template=TEMPLATE)
    yield TestDatabase(
        name=name,
        application_url=postgresql.url(roles.APPLICATION, APPLICATION_PASSWORD, name),
        owner_url=postgresql.url(roles.OWNER, OWNER_PASSWORD, name),
        superuser_url=postgresql.url("postgres", postgresql.password, name),
    )
    with psycopg.connect(postgresql.superuser_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[arg-type]  # a name of our making


@pytest.fixture
def access(database: TestDatabase) -> "Iterator[Access]":
    """The way to an organisation's rows in this test's database."""
    from smartlink.works.access import Access
    from smartlink.works.store.database import Database

    pool = Database(database.application_url)
    yield Access(pool)
    pool.close()


@pytest.fixture
def bucket(seaweedfs: "Store") -> Bucket:
    """This test's own bucket."""
    bucket = Bucket(seaweedfs.endpoint, f"test-{uuid.uuid4()}", seaweedfs.access_key, seaweedfs.secret_key)
    bucket.blobs().make_bucket()
    return bucket


@pytest.fixture
def blobs(bucket: Bucket) -> "S3Blobs":
    """A client for this test's bucket."""
    return bucket.blobs()
