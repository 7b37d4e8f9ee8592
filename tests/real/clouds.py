"""Fixtures: Works once per run, one gateway that tests share, one of their own for those that break it.

A pytest plugin, loaded by tests/conftest.py; nothing starts before a fixture is asked for. Whatever a test does, the
patient of all these tests is at the end in nothing that was written, except where images are kept.
"""

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.works.services import APPLICATION_PASSWORD, OWNER_PASSWORD, Bucket

if TYPE_CHECKING:
    from smartlink.demo.pages import Pages
    from smartlink.works.embedded.postgresql import Cluster
    from smartlink.works.embedded.seaweedfs import Store
    from smartlink.works.embedded.watchdog import Watchdog
    from tests.faults.counting import CountingDoor
    from tests.real.clocked import Clocked
    from tests.real.world import Cloud, Gateway
    from tests.works.mailserver import Mailbox
    from tests.works.services import Databases


@pytest.fixture(scope="session")
def door(seaweedfs: "Store") -> "Iterator[CountingDoor]":
    """The way to object storage, with every PUT counted."""
    from tests.faults.counting import CountingDoor

    with CountingDoor(("127.0.0.1", seaweedfs.ports[-1])) as opened:
        yield opened


@pytest.fixture(scope="session")
def mailbox() -> "Iterator[Mailbox]":
    """Every mail that Works sends during the run."""
    from tests.works.mailserver import Mailbox, serving

    with serving(Mailbox()) as served:
        yield served


@pytest.fixture(scope="session")
def cloud(
    postgresql: "Cluster",
    seaweedfs: "Store",
    databases: "Databases",
    door: "CountingDoor",
    mailbox: "Mailbox",
    watchdog: "Watchdog",
    tmp_path_factory: pytest.TempPathFactory,
) -> "Iterator[Cloud]":
    """Works as a process, with a database and a bucket of its own, for the whole run."""
    from smartlink.works.access import Access
    from smartlink.works.embedded.process import record
    from smartlink.works.store.database import Database
    from tests.real import markers, world

    name = databases.take()
    application = postgresql.url("works_app", APPLICATION_PASSWORD, name)
    bucket = Bucket(door.url, f"test-{uuid.uuid4()}", seaweedfs.access_key, seaweedfs.secret_key)
    settings = {
        "WORKS_DATABASE_URL": application,
        "WORKS_DATABASE_OWNER_URL": postgresql.url("works_owner", OWNER_PASSWORD, name),
        "WORKS_STORAGE_ENDPOINT": bucket.endpoint,
        "WORKS_STORAGE_BUCKET": bucket.name,
        "WORKS_STORAGE_ACCESS_KEY": bucket.access_key,
        "WORKS_STORAGE_SECRET_KEY": bucket.secret_key,
        "WORKS_SMTP_HOST": "127.0.0.1",
        "WORKS_SMTP_PORT": str(mailbox.port),
        "WORKS_SMTP_SECURITY": "none",
        "WORKS_MAIL_FROM": "works@works.example",
    }
    pool = Database(application)

    def watch(pid: int) -> None:
        watchdog.watch(record(pid))

    made = world.make_cloud(tmp_path_factory.mktemp("cloud"), settings, Access(pool), bucket.blobs(), watch)
    try:
        yield made
    finally:
        pool.close()
        made.stage.works.stop()
    found = markers.in_files(made.stage.folder)
    found += markers.in_works(postgresql.url("postgres", postgresql.password, name))
    found += [word for mail in mailbox.mails for word in markers.in_mail(mail.as_bytes())]
    assert found + markers.in_texts("object", door.puts) == []


@pytest.fixture(scope="session")
def gateway(cloud: "Cloud", tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Gateway]":
    """A licensed gateway that listens, for the whole run: tests keep apart by their UIDs."""
    for shared in a_gateway(cloud, tmp_path_factory):
        shared.open()
        yield shared


@pytest.fixture
def unlicensed(cloud: "Cloud", tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Gateway]":
    """A gateway of which nothing runs yet, and its organisation."""
    yield from a_gateway(cloud, tmp_path_factory)


@pytest.fixture
def own_gateway(unlicensed: "Gateway") -> "Gateway":
    """A licensed gateway that a test may stop, kill and break."""
    unlicensed.open()
    return unlicensed


@pytest.fixture(scope="module")
def clocked(cloud: "Cloud", tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Clocked]":
    """A licensed gateway whose clock the tests of a file move: each has PACS of its own, and leaves none."""
    from tests.real.clocked import Clocked

    for made in a_gateway(cloud, tmp_path_factory):
        with Clocked(made.stage, made.site, made.cloud) as opened:
            yield opened


@pytest.fixture(scope="module")
def pages(clocked: "Clocked") -> "Iterator[Pages]":
    """Works' pages as the physician sees them whose exams arrive through `clocked`."""
    from smartlink.demo.pages import Pages

    with Pages(clocked.cloud.stage.works_url) as opened:
        opened.sign_in(clocked.site.physicians[0])
        yield opened


@pytest.fixture(scope="session")
def uid() -> Callable[[], str]:
    """A source of new UIDs."""
    return lambda: f"2.25.{uuid.uuid4().int}"


def a_gateway(cloud: "Cloud", folders: pytest.TempPathFactory) -> "Iterator[Gateway]":
    """One gateway, stopped and searched for the patient's words at its end."""
    from smartlink.gateway.store.database import FILE_NAME
    from tests.real import markers

    made = cloud.gateway(folders.mktemp("gateway"))
    try:
        yield made
    finally:
        made.stage.gateway.stop()
    assert markers.in_files(made.stage.folder) + markers.in_catalogue(made.data / FILE_NAME) == []
