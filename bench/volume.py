"""Where measurements write: a journaled ext4 file system, which is what a hospital's machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB: Final = 1024**2


@dataclass(frozen=True, slots=True)
class Volume:
    """A folder to write in, and what it lies on, in words for the report."""

    folder: Path
    what: str


@contextmanager
def volume(chosen: Path | None, gibibytes: int) -> Iterator[Volume]:
    """A folder on a fresh journaled ext4 in a loop image where we may mount one; else the chosen or temporary one."""
    with tempfile.TemporaryDirectory(dir=chosen) as name:
        folder = Path(name)
        mounted = None if chosen is not None else _mounted(folder, gibibytes)
        if mounted is None:
            yield Volume(folder, "the folder given" if chosen is not None else "the temporary folder")
            return
        try:
            yield Volume(mounted, "journaled ext4 in a loop image")
        finally:
            subprocess.run(["umount", str(mounted)], check=True)


def _fill(image: Path, gibibytes: int) -> None:
    """Write every block of the image, as a disk has them: one with holes would measure how the holes are filled."""
    zeros = bytes(64 * MIB)
    with image.open("wb") as file:
        for _ in range(gibibytes * 16):
            file.write(zeros)


def _mounted(folder: Path, gibibytes: int) -> Path | None:
    if sys.platform == "win32" or os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        return None
    image, point = folder / "image", folder / "volume"
    _fill(image, gibibytes)
    point.mkdir()
    made = subprocess.run(
        ["mkfs.ext4", "-q", "-F", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", str(image)], check=False
    )
    if made.returncode:
        return None
    done = subprocess.run(["mount", "-o", "loop,noatime", str(image), str(point)], check=False, capture_output=True)
    return None if done.returncode else point
