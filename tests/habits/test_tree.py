"""What is committed is ours, is text, and works on any machine."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from tests.habits.repository import ROOT, expect_none, files

LOCKS = {"uv.lock", "package-lock.json"}
KINDS = {
    "",
    ".cfg",
    ".css",
    ".html",
    ".ini",
    ".js",
    ".json",
    ".lock",
    ".mako",
    ".md",
    ".po",
    ".pot",
    ".py",
    ".sql",
    ".svg",
    ".toml",
    ".txt",
    ".yaml",
}
"""What a file's name may end with; everything else comes from a package index or is made."""
LARGEST = 200_000
VENDORED = {"node_modules", "vendor", "vendored", "third_party", "site-packages", "dist"}

MACHINE = re.compile(r"(?<![\w.$}\])-])/(?:work|root|home|tmp/boot)/[\w.]|[A-Z]:\\+Users\\")
REGISTRY = re.compile(r"\b(?:pypi|pythonhosted|npmjs|yarnpkg|debian|docker|ghcr|quay)\.(?:org|com|io)\b")
# Spelt in ROT13, so that this file does not break its own rule.
TOOLS = codecs.decode("pynhqr|naguebcvp|pbqrk|pbcvybg|pungtcg|bcranv", "rot13")
SESSION_TOOLS = re.compile(rf"\b(?:{TOOLS})", re.IGNORECASE)


def problems(path: Path, content: bytes) -> list[str]:
    """What is wrong with one committed file."""
    return [f"{path}: {fault}" for fault in [*misplaced(path, content), *spelt(path, content)]]


def misplaced(path: Path, content: bytes) -> Iterator[str]:
    """Why a file does not look written by us."""
    if path.suffix not in KINDS or ".min." in path.name:
        yield f"{path.suffix} is not a kind of file that we write"
    if VENDORED & set(path.parts):
        yield "other people's files come from a package index"
    if b"\0" in content:
        yield "not a text"
    if len(content) > LARGEST and path.name not in LOCKS:
        yield f"larger than {LARGEST} bytes"


def spelt(path: Path, content: bytes) -> Iterator[str]:
    """Words that have no place in the repository."""
    text = content.decode("utf-8", errors="replace")
    for name, pattern in (("a path of one machine", MACHINE), ("the name of a session tool", SESSION_TOOLS)):
        for found in pattern.findall(text):
            yield f"{name}: {found}"
    if path.name not in LOCKS:
        for found in REGISTRY.findall(text):
            yield f"the host of a registry: {found}"


def test_the_tree_is_ours_and_of_no_machine() -> None:
    expect_none(problem for path in files() for problem in problems(path, (ROOT / path).read_bytes()))


def test_a_binary_is_seen() -> None:
    assert problems(Path("a.py"), b"x\0") == ["a.py: not a text"]
    assert problems(Path("docs/image.png"), b"") == ["docs/image.png: .png is not a kind of file that we write"]


def test_a_vendored_file_is_seen() -> None:
    assert problems(Path("src/vendor/htmx.js"), b"") == [
        "src/vendor/htmx.js: other people's files come from a package index"
    ]
    assert problems(Path("src/htmx.min.js"), b"") == ["src/htmx.min.js: .js is not a kind of file that we write"]
    assert problems(Path("big.css"), b" " * 200_001) == ["big.css: larger than 200000 bytes"]


def test_a_path_of_a_machine_is_seen() -> None:
    for folder in ("work", "root", "home"):
        assert problems(Path("a.md"), f"cd /{folder}/us".encode()) == [f"a.md: a path of one machine: /{folder}/u"]
    assert problems(Path("a.md"), b"https://works.example/home/x and src/work/x") == []


def test_the_host_of_a_registry_is_seen_outside_the_locks() -> None:
    host = "{}.org".format("pypi")
    assert problems(Path("a.toml"), host.encode()) == [f"a.toml: the host of a registry: {host}"]
    assert problems(Path("uv.lock"), host.encode()) == []


def test_the_name_of_a_session_tool_is_seen() -> None:
    name = codecs.decode("pbcvybg", "rot13")
    assert problems(Path("a.md"), name.encode()) == [f"a.md: the name of a session tool: {name}"]
