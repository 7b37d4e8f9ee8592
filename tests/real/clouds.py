"""Fixtures: Works once for all tests here, a gateway of its own for each, and no patient in any log."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.faults.counting import CountingDoor
from tests.real import world
from tests.works.services import APPLICATION_PASSWORD, OWNER_PASSWORD, Bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smartlink.works.embedded.postgresql import Cluster
    from smartlink.works.embedded.seaweedfs import Store
    from tests.real.world import Cloud, Gateway
    from tests.works.services import Databases


@pytest.fixture(scope="session")
def cloud_settings(postgresql: Cluster, seaweedfs: Store, databases: Databases) -> Callable[[str], dict[str, str]]:
    """Settings of a Works with a database and a bucket of its own, whose storage is reached at an address."""

    def settings(endpoint: str) -> dict[str, str]:
        name = databases.take()
        return {
            "WORKS_DATABASE_URL": postgresql.url("works_app", APPLICATION_PASSWORD, name),
            "WORKS_DATABASE_OWNER_URL": postgresql.url("works_owner", OWNER_PASSWORD, name),
            "WORKS_STORAGE_ENDPOINT": endpoint,
            "WORKS_STORAGE_BUCKET": f"test-{uuid.uuid4()}",
            "WORKS_STORAGE_ACCESS_KEY": seaweedfs.access_key,
            "WORKS_STORAGE_SECRET_KEY": seaweedfs.secret_key,
        }

    return settings


@pytest.fixture(scope="session")
def door(seaweedfs: Store) -> Iterator[CountingDoor]:
    """The way to object storage, with every PUT counted."""
    with CountingDoor(("127.0.0.1", seaweedfs.ports[-1])) as opened:
        yield opened


@pytest.fixture(scope="session")
def cloud(
    cloud_settings: Callable[[str], dict[str, str]], door: CountingDoor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """Works, running for the whole run; tests keep apart by their UIDs and by a facility for each gateway."""
    yield from _cloud(cloud_settings(door.url), tmp_path_factory)


@pytest.fixture
def own_cloud(
    cloud_settings: Callable[[str], dict[str, str]], door: CountingDoor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cloud]:
    """A Works that a test may stop and start."""
    yield from _cloud(cloud_settings(door.url), tmp_path_factory)


def _cloud(settings: dict[str, str], folders: pytest.TempPathFactory) -> Iterator[Cloud]:
    bucket = Bucket(
        settings["WORKS_STORAGE_ENDPOINT"],
        settings["WORKS_STORAGE_BUCKET"],
        settings["WORKS_STORAGE_ACCESS_KEY"],
        settings["WORKS_STORAGE_SECRET_KEY"],
    )
    made = world.make_cloud(folders.mktemp("cloud"), settings, bucket.blobs())
    try:
        yield made
    finally:
        made.stage.works.stop()
    _no_patient_in(made.logs())


@pytest.fixture
def unlicensed(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of which nothing runs yet."""
    gateway = cloud.gateway(tmp_path_factory.mktemp("gateway"))
    try:
        yield gateway
    finally:
        gateway.stage.gateway.stop()
    _no_patient_in(gateway.logs())


@pytest.fixture
def gateway(cloud: Cloud, unlicensed: Gateway) -> Gateway:
    """A licensed gateway of a facility of its own, listening."""
    unlicensed.open(cloud.licence_key())
    return unlicensed


@pytest.fixture
def uid() -> Callable[[], str]:
    """A source of new UIDs."""
    return lambda: f"2.25.{uuid.uuid4().int}"


def _no_patient_in(text: str) -> None:
    """The marker patient is in no log."""
    assert [word for word in world.FORBIDDEN_IN_LOGS if word in text] == []
