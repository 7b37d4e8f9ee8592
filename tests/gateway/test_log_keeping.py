"""Log files go after the days that were set; whatever is not ours stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from smartlink.gateway.log import LogKind, log_path
from smartlink.gateway.log_keeping import LogKeeper
from tests.gateway.conftest import START

TODAY = START.date()


@pytest.mark.proves("R121")
def test_a_file_goes_after_its_days_and_not_before(tmp_path: Path) -> None:
    ages = {days: log_path(tmp_path, LogKind.SERVICE, TODAY - timedelta(days=days), 2) for days in (0, 89, 90, 91, 400)}
    theirs = tmp_path / "theirs-2020-01-01.log"
    for path in (*ages.values(), theirs):
        path.write_text("x")
    keeper = LogKeeper(tmp_path, 90)
    assert keeper.tick(START) is False
    assert [days for days, path in ages.items() if path.exists()] == [0, 89, 90]
    keeper.tick(START + timedelta(days=1))
    assert [days for days, path in ages.items() if path.exists()] == [0, 89]
    assert theirs.exists()


def test_a_folder_that_is_not_there_yet_is_no_error(tmp_path: Path) -> None:
    assert LogKeeper(tmp_path / "Logs", 90).tick(START) is False
