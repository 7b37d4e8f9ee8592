"""The fixed cast of Works: Alice runs the facility, Bob is a physician, Charlie belongs elsewhere."""

from datetime import UTC, datetime

import pytest

from smartlink.works.access import Access
from smartlink.works.blobs.s3 import S3Blobs
from tests.works.world import World


@pytest.fixture
def now() -> datetime:
    """The moment at which tests begin."""
    return datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def world(access: Access, blobs: S3Blobs) -> World:
    """Works with its link, and a clock that the test turns."""
    return World(access, blobs)
