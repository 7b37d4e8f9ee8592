"""The styles and scripts of the consoles, held in memory with their compressed twins.

They are made by `make ui` (scripts/build_ui.py) from npm packages and our own files, and are the only answers of a
console that a browser may keep: their address changes with their content.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STATIC = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
FOREVER = "public, max-age=31536000, immutable"


class AssetsMissing(Exception):
    """The static files were not built; the message says how to build them."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file: its bytes, plain and compressed, and what a browser is told about it."""

    content: bytes
    compressed: bytes
    media_type: str
    digest: str

    def answer(self, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
        """The body and headers for a browser that accepts `accept_encoding`."""
        headers = {"Content-Type": self.media_type, "Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        if "gzip" in accept_encoding:
            return self.compressed, headers | {"Content-Encoding": "gzip"}
        return self.content, headers


class Assets:
    """All static files by name; made once, then only read."""

    def __init__(self, files: Mapping[str, Asset]) -> None:
        self._files = files

    def find(self, name: str) -> Asset | None:
        """The file of that name, or None; a name is never a path."""
        return self._files.get(name)

    def url(self, name: str) -> str:
        """The address of a file, which changes when its content does."""
        return f"/static/{name}?v={self._files[name].digest}"


def load(folder: Path = STATIC) -> Assets:
    """Read every built file; raises AssetsMissing when there are none."""
    if not (folder / "icons.json").is_file():
        message = "The consoles' styles and scripts are not built. Run `make ui` in the repository."
        raise AssetsMissing(message)
    names = sorted(file for file in folder.iterdir() if file.suffix in MEDIA_TYPES)
    return Assets({file.name: _read(file) for file in names})


def _read(file: Path) -> Asset:
    content = file.read_bytes()
    compressed = file.with_name(file.name + ".gz").read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(content, compressed, MEDIA_TYPES[file.suffix], digest)
