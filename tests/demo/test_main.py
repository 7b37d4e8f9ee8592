"""`python -m smartlink.demo --once` as a person runs it: when a hop fails it says which one, and leaves nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from smartlink.demo import programs, stage
from smartlink.demo.board import Hop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.real


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the demo plays; what it left of PostgreSQL outside of it is removed too."""
    folder = tmp_path / "demo"
    yield folder
    stage.clear(folder)


@pytest.mark.night
@pytest.mark.timeout(180)
def test_once_names_the_hop_at_which_the_gateway_was_killed_and_ends_what_it_started(folder: Path) -> None:
    log = folder.with_name("out.txt")
    with log.open("w", encoding="utf-8") as out:
        command = [sys.executable, "-m", "smartlink.demo", "--once", "--folder", str(folder)]
        demo = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        gateway = programs.wait_for(lambda: _running(folder, "smartlink"), 120, "the gateway runs", pause=0.02)
        works = _running(folder, "works")
        gateway.kill()
        code = demo.wait(60)
    finally:
        demo.kill()
        demo.wait()
    told = log.read_text(encoding="utf-8")
    assert code == 1, told
    assert f"demo: failed at: {Hop.GATEWAY.value}" in told
    assert "smartlink ended by itself" in told
    assert "demo: ok" not in told
    assert works is not None
    assert not works.is_running()


def _running(folder: Path, name: str) -> psutil.Process | None:
    """The process of one of the demo's programs, as it is written down."""
    known = programs.read_known(folder / "programs.json")
    return next((one.process() for one in known if one.name == name), None)
