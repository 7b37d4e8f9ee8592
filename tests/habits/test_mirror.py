"""Every source file has its mirror test."""

import ast
from collections.abc import Callable, Collection
from pathlib import Path

from tests.habits.repository import expect_none, files, read

SOURCE = Path("src/smartlink")


def problems(listed: Collection[Path], text: Callable[[Path], str]) -> list[str]:
    """Each source file with code in it whose test is missing."""
    return [
        f"{path}: {mirror(path)} is missing"
        for path in listed
        if path.suffix == ".py"
        and path.is_relative_to(SOURCE)
        and path.name not in {"__init__.py", "__main__.py"}
        and "migrations" not in path.parts
        and mirror(path) not in listed
        and has_code(text(path))
    ]


def mirror(path: Path) -> Path:
    """The test file of a source file: src/smartlink/a/b.py is tested by tests/a/test_b.py."""
    return Path("tests") / path.relative_to(SOURCE).with_name(f"test_{path.name}")


def has_code(text: str) -> bool:
    """Whether there is more than a docstring and names from elsewhere."""
    return any(not isinstance(node, (ast.Expr, ast.Import, ast.ImportFrom)) for node in ast.parse(text).body)


def test_every_source_file_has_its_mirror_test() -> None:
    expect_none(problems(files(), read))


def test_a_source_file_without_a_test_is_seen() -> None:
    listed = [Path("src/smartlink/link/new.py"), Path("src/smartlink/link/__init__.py"), Path("tests/link/test_old.py")]
    assert problems(listed, lambda _: "x = 1") == ["src/smartlink/link/new.py: tests/link/test_new.py is missing"]


def test_a_file_without_code_needs_no_test() -> None:
    assert problems([Path("src/smartlink/link/empty.py")], lambda _: '"""Words."""\nimport os\n') == []
