"""What a newcomer's machine meets first: the shell scripts."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.habits.repository import ROOT, files, read

SCRIPTS = [path for path in files() if not path.suffix and read(path).startswith("#!")]


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_a_script_is_executable_and_stops_at_the_first_fault(script: Path) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert "\nset -euo pipefail\n" in read(script)
    assert subprocess.run(["bash", "-n", ROOT / script], check=False).returncode == 0


def test_the_scripts_are_found() -> None:
    assert {Path(".ci/run"), Path("scripts/bootstrap"), Path("scripts/system-packages")} <= set(SCRIPTS)


def test_packages_are_named_where_they_may_not_be_installed(tmp_path: Path) -> None:
    ordinary = tmp_path / "id"
    ordinary.write_text("#!/bin/sh\necho 1000\n")
    ordinary.chmod(0o755)
    answer = subprocess.run(
        [str(shutil.which("bash")), str(ROOT / "scripts" / "system-packages"), "python3-venv"],
        env={"PATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0
    assert "sudo apt-get install dcmtk" in answer.stderr
    assert "python3-venv" in answer.stderr


def test_make_help_names_every_command() -> None:
    answer = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    commands = {line.split()[1] for line in answer.stdout.splitlines()}
    assert {"demo", "demo-once", "test", "check-all", "bench", "soak", "fuzz", "screenshots"} <= commands
