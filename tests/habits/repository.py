"""The repository as these tests see it: its files as git lists them, and its Python as syntax trees."""

import ast
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "smartlink"


@cache
def files() -> tuple[Path, ...]:
    """Every file that is or would be committed, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(Path(name) for name in sorted(listed.stdout.split("\0")) if name and (ROOT / name).is_file())


def sources() -> Iterator[Path]:
    """Every Python file of the package, relative to the root."""
    return (path for path in files() if path.is_relative_to("src/smartlink") and path.suffix == ".py")


def read(path: Path) -> str:
    """The text of one file, given relative to the root."""
    return (ROOT / path).read_text(encoding="utf-8")


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call in a syntax tree."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def expect_none(problems: Iterable[str]) -> None:
    """Fail with every problem on a line of its own."""
    if found := "\n".join(problems):
        pytest.fail(found, pytrace=False)
