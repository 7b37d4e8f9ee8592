"""Both services of a data folder are shared, survive a kill of Works, and are adopted by the next start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smartlink.works.embedded import services


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "works"


def test_left_over_services_are_adopted_and_the_last_user_stops_them(folder: Path) -> None:
    child = os.fork()
    if child == 0:  # a Works that is killed while it uses the services
        with services.shared(folder, options=("fsync=off",)):
            os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    try:
        with services.shared(folder) as first:
            assert first.postgresql.process is not None
            assert first.seaweedfs.process is not None
            with services.shared(folder) as second:
                assert second == first
            assert first.postgresql.process.process() is not None
        assert first.postgresql.process.process() is None
        assert first.seaweedfs.process.process() is None
    finally:
        services.remove(folder)
