"""The changelog's top entry is the version."""

import re
import tomllib
from pathlib import Path

from tests.habits.repository import read


def problems(changelog: str, project: str) -> list[str]:
    """Why the changelog does not begin with the version that pyproject.toml names."""
    version = tomllib.loads(project)["project"]["version"]
    top = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    if top is None:
        return ["CHANGELOG.md has no entry"]
    return [] if top[1] == version else [f"CHANGELOG.md begins with {top[1]}, the version is {version}"]


def test_the_changelog_begins_with_the_version() -> None:
    assert problems(read(Path("CHANGELOG.md")), read(Path("pyproject.toml"))) == []


def test_a_forgotten_entry_is_seen() -> None:
    project = '[project]\nversion = "0.2.0"\n'
    assert problems("# Changelog\n\n## 0.1.0\n", project) == ["CHANGELOG.md begins with 0.1.0, the version is 0.2.0"]
    assert problems("# Changelog\n", project) == ["CHANGELOG.md has no entry"]
