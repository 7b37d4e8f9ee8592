"""A disk of its own in a file: it can be copied at any moment, as a power cut would leave it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.requires import requires

if TYPE_CHECKING:
    from collections.abc import Iterator

MEGABYTES: Final = 128
JOURNAL_MEGABYTES: Final = 32
"""So much that the journal does not begin anew while the image is copied: the copy takes some milliseconds."""
MEMORY: Final = Path("/dev/shm")


def needed() -> None:
    """Skip where no disk can be made; that needs root and Linux."""
    requires("mkfs.ext4")
    if sys.platform == "win32" or os.geteuid() != 0:
        pytest.skip("a loop device needs root")
    probe = subprocess.run([requires("losetup"), "--find"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("there are no loop devices here")


@contextmanager
def images() -> Iterator[Path]:
    """Yield a folder for disks, in memory where there is some."""
    folder = Path(tempfile.mkdtemp(prefix="smartlink-disk-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """Yield the folder with the image mounted on it; one that does not exist yet is made empty."""
    if not image.exists():
        with image.open("wb") as file:
            file.truncate(MEGABYTES * 1024 * 1024)
        subprocess.run([requires("mkfs.ext4"), "-q", "-J", f"size={JOURNAL_MEGABYTES}", str(image)], check=True)
    folder.mkdir()
    subprocess.run([requires("mount"), "-o", "loop", str(image), str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run([requires("umount"), str(folder)], check=True)
        folder.rmdir()


def cut_power(image: Path, copy: Path) -> None:
    """Copy the image as it is at this moment, whatever the kernel still holds back."""
    subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
