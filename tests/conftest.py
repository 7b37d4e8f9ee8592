"""What every test may rely on: the mark `requires`, and random examples that are the same in every run."""

import pytest
from hypothesis import HealthCheck, settings

from tests.requires import requires

# PostgreSQL, S3, Works and a gateway, each started once per run for the first test that asks.
pytest_plugins = ["tests.works.services", "tests.real.clouds"]

# A busy machine is no failure, and `make test` says the same twice; `make fuzz` looks for what is new.
settings.register_profile("test", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", parent=settings.get_profile("test"), derandomize=False, max_examples=20_000)
settings.load_profile("test")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the programs that a test says it requires before anything is started for it."""
    for mark in item.iter_markers("requires"):
        for program in mark.args:
            requires(program)
