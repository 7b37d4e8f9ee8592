"""The ward is built anew for each test."""

import pytest

from tests.works.exams.stage import Stage, stage
from tests.works.worklist.ward import Ward

__all__ = ["stage"]


@pytest.fixture
def ward(stage: Stage) -> Ward:
    """A fresh ward, without servers."""
    return Ward(stage)
