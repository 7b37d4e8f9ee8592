"""Real PostgreSQL and real S3 for tests: started once per run, a database for each test that asks.

A pytest plugin, loaded by tests/conftest.py; nothing starts before a fixture is asked for. A watchdog process ends
the services by process id when the run ends, however it ends.
"""

import secrets
import shutil
import tempfile
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import psycopg

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


@dataclass(slots=True)
class TestDatabase:
    """The addresses of one test's own database, already at the newest revision and empty."""

    __test__ = False

    name: str
    application_url: str
    as_owner: str
    as_superuser: str
    altered: bool = False
    """Whether a test could have changed more than rows: then nobody uses it again."""

    @property
    def owner_url(self) -> str:
        """The owner's address: whoever asks may alter tables."""
        self.altered = True
        return self.as_owner

    @property
    def superuser_url(self) -> str:
        """The superuser's address: whoever asks may alter anything."""
        self.altered = True
        return self.as_superuser


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


ALONE = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
EMPTIED = """
DO $$
DECLARE one regclass;
BEGIN
    SET LOCAL session_replication_role = replica; -- no foreign keys, no triggers that guard what may not be deleted
    FOR one IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
               AND relname <> 'alembic_version' LOOP
        EXECUTE 'DELETE FROM ' || one;
    END LOOP;
    FOR one IN SELECT oid FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace LOOP
        PERFORM setval(one, 1, false);
    END LOOP;
END $$
"""


class Databases:
    """Copies of the template. Copying takes longer than most tests, so a database is emptied and used again."""

    def __init__(self, cluster: "Cluster") -> None:
        """Copy nothing yet."""
        self._cluster = cluster
        self._empty: list[str] = []
        self._cleaners: dict[str, psycopg.Connection] = {}

    def take(self) -> str:
        """The name of an empty database that nobody uses."""
        import psycopg

        from smartlink.works.store import roles

        if self._empty:
            return self._empty.pop()
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self._cluster.superuser_url, autocommit=True) as connection:
            roles.create_database(connection, name, template=TEMPLATE)
        return name

    def give_back(self, name: str) -> None:
        """Empty the database for the next test, whoever is still connected to it."""
        import psycopg

        if name not in self._cleaners:
            url = self._cluster.url("postgres", self._cluster.password, name)
            self._cleaners[name] = psycopg.connect(url, autocommit=True)
        self._cleaners[name].execute(ALONE)
        self._cleaners[name].execute(EMPTIED)
        self._empty.append(name)

    def close(self) -> None:
        """Use none of them any more."""
        for cleaner in self._cleaners.values():
            cleaner.close()

    def drop(self, name: str) -> None:
        """The database is gone, whoever is still connected to it."""
        import psycopg

        if name in self._cleaners:
            self._cleaners.pop(name).close()
        with psycopg.connect(self._cluster.superuser_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def databases(postgresql: "Cluster") -> Iterator[Databases]:
    """The copies of the template."""
    databases = Databases(postgresql)
    yield databases
    databases.close()


@contextmanager
def one_database(postgresql: "Cluster", databases: Databases) -> Iterator[TestDatabase]:
    """A database of the template's tables, empty, for as long as the context lasts."""
    from smartlink.works.store import roles

    name = databases.take()
    database = TestDatabase(
        name=name,
        application_url=postgresql.url(roles.APPLICATION, APPLICATION_PASSWORD, name),
        as_owner=postgresql.url(roles.OWNER, OWNER_PASSWORD, name),
        as_superuser=postgresql.url("postgres", postgresql.password, name),
    )
    yield database
    if database.altered:
        databases.drop(name)
    else:
        databases.give_back(name)


@contextmanager
def one_access(database: TestDatabase) -> "Iterator[Access]":
    """The way to an organisation's rows in that database."""
    from smartlink.works.access import Access
    from smartlink.works.store.database import Database

    pool = Database(database.application_url)
    yield Access(pool)
    pool.close()


@pytest.fixture
def database(postgresql: "Cluster", databases: Databases) -> Iterator[TestDatabase]:
    """This test's own database."""
    with one_database(postgresql, databases) as database:
        yield database


@pytest.fixture
def access(database: TestDatabase) -> "Iterator[Access]":
    """The way to an organisation's rows in this test's database."""
    with one_access(database) as access:
        yield access


@pytest.fixture(scope="session")
def bucket(seaweedfs: "Store") -> Bucket:
    """The bucket of this run: objects are named after their organisation, and every test makes its own."""
    bucket = Bucket(seaweedfs.endpoint, f"test-{uuid.uuid4()}", seaweedfs.access_key, seaweedfs.secret_key)
    bucket.blobs().make_bucket()
    return bucket


@pytest.fixture(scope="session")
def blobs(bucket: Bucket) -> "S3Blobs":
    """A client for the bucket."""
    return bucket.blobs()


@pytest.fixture
def own_blobs(bucket: Bucket, seaweedfs: "Store") -> "Iterator[S3Blobs]":
    """A client for a bucket of this test's own, whose volumes are given back: a store has only so many."""
    own = replace(bucket, name=f"test-{uuid.uuid4()}")
    own.blobs().make_bucket()
    yield own.blobs()
    volumes = f"http://127.0.0.1:{seaweedfs.ports[0]}/col/delete?collection={own.name}"
    with suppress(urllib.error.HTTPError):  # nothing was written
        urllib.request.urlopen(volumes, timeout=10).close()
