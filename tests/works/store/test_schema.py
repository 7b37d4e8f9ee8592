"""Migrations: repeatable, one at a time, the same on the oldest supported PostgreSQL, and with procrastinate's own."""

import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from smartlink.works import audit
from smartlink.works.embedded import process
from smartlink.works.embedded.postgresql import Cluster
from smartlink.works.store import roles, schema
from tests.works.services import APPLICATION_PASSWORD, OWNER_PASSWORD, TestDatabase, one_access

OLDEST = Path("/usr/lib/postgresql/15/bin")


def revision(url: str) -> object:
    """Where the database stands."""
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()


def test_migrating_again_changes_nothing(database: TestDatabase) -> None:
    assert revision(database.owner_url) == (schema.newest(),)
    schema.migrate(database.owner_url)
    assert revision(database.owner_url) == (schema.newest(),)


def test_replicas_that_start_together_migrate_one_after_the_other(postgresql: Cluster) -> None:
    roles.prepare(
        postgresql.superuser_url,
        owner_password=OWNER_PASSWORD,
        application_password=APPLICATION_PASSWORD,
        database="together",
    )
    url = postgresql.url(roles.OWNER, OWNER_PASSWORD, "together")
    threads = [threading.Thread(target=schema.migrate, args=(url,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert revision(url) == (schema.newest(),)


def test_what_was_told_before_the_chain_is_sealed_in_its_order(postgresql: Cluster) -> None:
    roles.prepare(
        postgresql.superuser_url,
        owner_password=OWNER_PASSWORD,
        application_password=APPLICATION_PASSWORD,
        database="before_the_chain",
    )
    url = postgresql.url(roles.OWNER, OWNER_PASSWORD, "before_the_chain")
    schema.migrate(url, "0008")
    with psycopg.connect(postgresql.url("postgres", postgresql.password, "before_the_chain")) as connection:
        places = [uuid.uuid4(), uuid.uuid4()]
        for place in places:
            connection.execute("INSERT INTO organisation VALUES (%s, 'Lakeside', now())", (place,))
        for number in range(6):
            connection.execute(
                "INSERT INTO audit_event (organisation_id, at, actor_kind, action, object_kind, outcome)"
                " VALUES (%s, now(), 'system', %s, 'exam', 'success')",
                (places[number % 2], f"act {number}"),
            )
    schema.migrate(url)
    with one_access(
        TestDatabase("", postgresql.url(roles.APPLICATION, APPLICATION_PASSWORD, "before_the_chain"), "", "")
    ) as access:
        for place in places:
            found = audit.verify(access, place)
            assert (found.head.seq, found.broken_at) == (3, None)


def test_the_schema_of_the_tasks_is_the_one_that_the_locked_procrastinate_wants() -> None:
    theirs = files("procrastinate.sql").joinpath("schema.sql").read_text(encoding="utf-8")
    ours = files("smartlink.works.store.migrations").joinpath("sql", "0002_tasks.sql").read_text(encoding="utf-8")
    assert ours == theirs


@dataclass(frozen=True)
class Old:
    """A server of the oldest supported version."""

    socket: str

    def url(self, user: str, password: str, database: str) -> str:
        """A connection string for it."""
        return f"postgresql://{user}:{password}@/{database}?host={self.socket}&port=5432"


@pytest.fixture
def oldest() -> Iterator[Old]:
    """PostgreSQL 15 as Debian ships it."""
    if not OLDEST.exists():
        pytest.skip("PostgreSQL 15 is not installed (apt: postgresql-15)")
    account = process.unprivileged_account()
    with tempfile.TemporaryDirectory(prefix="pg15-", dir="/tmp") as folder:
        process.give(Path(folder), account)
        user = {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
        data = f"{folder}/data"
        initdb = [str(OLDEST / "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C"]
        subprocess.run(initdb, check=True, capture_output=True, cwd="/", **user)  # type: ignore[call-overload]
        command = [str(OLDEST / "postgres"), "-D", data, "-c", "listen_addresses=", "-c", "fsync=off"]
        server = process.start(
            [*command, "-c", f"unix_socket_directories={folder}"], log=Path(folder) / "log", account=account
        )
        try:
            old = Old(folder)
            _wait(old.url("postgres", "", "postgres"))
            yield old
        finally:
            server.end()


def _wait(url: str) -> None:
    for _ in range(600):
        try:
            psycopg.connect(url, connect_timeout=1).close()
            return
        except psycopg.OperationalError:
            threading.Event().wait(0.05)
    pytest.fail("PostgreSQL 15 did not start")


def test_the_schema_is_built_on_the_oldest_supported_postgresql(oldest: Old) -> None:
    roles.prepare(oldest.url("postgres", "", "postgres"), owner_password="o", application_password="a")
    schema.migrate(oldest.url(roles.OWNER, "o", roles.DATABASE))
    with psycopg.connect(oldest.url(roles.APPLICATION, "a", roles.DATABASE)) as connection:
        assert connection.execute("SELECT count(*) FROM facility").fetchone() == (0,)
        assert connection.execute("SELECT * FROM lookup_memberships_of('x')").fetchall() == []
        assert connection.info.server_version // 10_000 == 15
