"""What every test of Works may ask for, beside the services."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from smartlink.works.access import Access
from smartlink.works.blobs.s3 import S3Blobs
from tests.works.cast import NOW, Cast, assemble
from tests.works.world import World, served


@pytest.fixture
def now() -> datetime:
    """The moment at which tests begin."""
    return NOW


@pytest.fixture
def world(access: Access, blobs: S3Blobs) -> Iterator[World]:
    """Works with its link on a free port, and a clock that the test turns."""
    with served(access, blobs) as one:
        yield one


@pytest.fixture
def cast(access: Access) -> Cast:
    """The fixed cast, in this test's database."""
    return assemble(access)
