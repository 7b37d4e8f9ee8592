"""The fixed cast of Works: Alice runs the facility, Bob is a physician, Charlie belongs elsewhere."""

from datetime import UTC, datetime

import pytest

from tests.works.world import world as world


@pytest.fixture
def now() -> datetime:
    """The moment at which tests begin."""
    return datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
