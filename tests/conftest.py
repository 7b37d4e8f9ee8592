"""What every test may rely on: the mark `requires`."""

import pytest

from tests.requires import requires

pytest_plugins = ["tests.works.services"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the programs that a test says it requires before anything is started for it."""
    for mark in item.iter_markers("requires"):
        for program in mark.args:
            requires(program)
