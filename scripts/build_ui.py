"""Put what the two consoles need from npm, and our own styles and scripts, into src/smartlink/ui/static.

The folder is git-ignored: nothing of third parties is committed. Each text file gets a pre-compressed twin (`.gz`), so
that serving costs no compression. Run `npm ci` before. Safe to run again; the folder is replaced as a whole.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
UI = ROOT / "src" / "smartlink" / "ui"
STATIC = UI / "static"
HTMX = "htmx.js"
# One file: htmx starts as soon as its own script has run, and would not wait for extensions that arrive later.
HTMX_PARTS = ("htmx.org/dist/htmx.min.js", "htmx.org/dist/ext/hx-csp.min.js", "htmx.org/dist/ext/hx-sse.min.js")
TABLER = "@tabler/core/dist/css/tabler.min.css"
EMBEDDED = re.compile(r'url\("data:image/svg\+xml,((?:[^"\\]|\\.)*)"\)')
SOURCE_MAP = re.compile(r"\n?(?://# sourceMappingURL=\S+|/\*# sourceMappingURL=.*?\*/)\s*$")
DRAWING = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
EMPTY_SQUARE = '<path stroke="none" d="M0 0h24v24H0z" fill="none" />'


def build(static: Path = STATIC) -> None:
    """Fill `static`; everything that was in it before is gone afterwards."""
    fresh = static.with_name(static.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for own in sorted((UI / "assets").iterdir()):
        shutil.copyfile(own, fresh / own.name)
    script = ";\n".join(SOURCE_MAP.sub("", read(part)) for part in HTMX_PARTS)
    (fresh / HTMX).write_text(script, encoding="utf-8")
    write_tabler(fresh)
    (fresh / "icons.json").write_text(json.dumps(drawings(), indent=0, sort_keys=True), encoding="utf-8")
    for plain in sorted(fresh.iterdir()):
        plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    shutil.rmtree(static, ignore_errors=True)
    fresh.rename(static)


def read(source: str) -> str:
    """The text of one file of an npm package."""
    return (MODULES / source).read_text(encoding="utf-8")


def write_tabler(folder: Path) -> None:
    """Write Tabler's style sheet with its embedded pictures as files: our policy refuses `data:` addresses."""
    pictures: dict[str, str] = {}

    def address(match: re.Match[str]) -> str:
        name = pictures.setdefault(match[1], f"tabler-{len(pictures)}.svg")
        return f'url("{name}")'

    style = EMBEDDED.sub(address, SOURCE_MAP.sub("", read(TABLER)))
    (folder / "tabler.min.css").write_text(style, encoding="utf-8")
    for picture, name in pictures.items():
        (folder / name).write_text(unquote(picture), encoding="utf-8")


def drawings() -> dict[str, str]:
    """The inner markup of every icon named in ui/icons.txt."""
    listed = (line.strip() for line in (UI / "icons.txt").read_text(encoding="utf-8").splitlines())
    return {name: drawing(name) for name in listed if name and not name.startswith("#")}


def drawing(name: str) -> str:
    """What stands between <svg> and </svg>, without the invisible square that Tabler puts first."""
    match = DRAWING.search(read(f"@tabler/icons/icons/{name}.svg"))
    if match is None:
        sys.exit(f"{name}: not an SVG")
    return re.sub(r"\s*\n\s*", "", match[1].replace(EMPTY_SQUARE, ""))


if __name__ == "__main__":
    if not MODULES.is_dir():
        sys.exit("node_modules is missing: run npm ci first.")
    build()
