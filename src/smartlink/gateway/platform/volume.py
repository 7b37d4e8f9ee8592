"""Whether the volume of a folder is encrypted at rest: LUKS on Linux, BitLocker on Windows."""

from __future__ import annotations

import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Final


class Encryption(StrEnum):
    """What can be told of a volume."""

    ENCRYPTED = "encrypted"
    PLAIN = "not encrypted"
    UNKNOWN = "unknown"
    """The system does not say: no right to ask, or a volume of another machine."""


_SECONDS: Final = 10.0

if sys.platform == "win32":

    def encryption(folder: Path) -> Encryption:
        """Return what BitLocker says of the folder's drive (its `-status` ends with 0 when protection is on)."""
        tool = Path(os.environ["SYSTEMROOT"]) / "System32" / "manage-bde.exe"
        drive = folder.resolve().drive
        if not tool.exists() or not drive:
            return Encryption.UNKNOWN
        try:
            ended = subprocess.run(
                [str(tool), "-status", drive, "-protectionaserrorlevel"],
                check=False,
                capture_output=True,
                timeout=_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return Encryption.UNKNOWN
        return {0: Encryption.ENCRYPTED, 1: Encryption.PLAIN}.get(ended.returncode, Encryption.UNKNOWN)

else:
    _DEVICES: Final = Path("/sys/dev/block")
    _MOUNTS: Final = Path("/proc/self/mountinfo")

    def encryption(folder: Path, devices: Path = _DEVICES, mounts: Path = _MOUNTS) -> Encryption:
        """Return whether the folder's block device, or any that it lies upon, is one of dm-crypt."""
        number = folder.stat().st_dev
        device = devices / f"{os.major(number)}:{os.minor(number)}"
        if not device.exists():
            found = _mounted(number, mounts)
            if found is None:
                return Encryption.UNKNOWN
            device = devices / found
        return _of(device) if device.exists() else Encryption.UNKNOWN

    def _of(device: Path) -> Encryption:
        """A partition has no slaves of its own: what counts lies in its parent's folder only for whole devices."""
        try:
            if (device / "dm" / "uuid").read_text("ascii").startswith("CRYPT-"):
                return Encryption.ENCRYPTED
        except (OSError, ValueError):
            pass
        below = sorted((device / "slaves").iterdir()) if (device / "slaves").is_dir() else []
        if below and all(_of(one) is Encryption.ENCRYPTED for one in below):
            return Encryption.ENCRYPTED
        return Encryption.PLAIN

    def _mounted(number: int, mounts: Path) -> str | None:
        """Return major:minor of the source of a file system without a device of its own, such as btrfs."""
        try:
            lines = mounts.read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return None
        wanted = f"{os.major(number)}:{os.minor(number)}"
        for line in lines:
            left, _, right = line.partition(" - ")
            if left.split()[2:3] == [wanted] and len(right.split()) > 1:
                source = Path(right.split()[1])
                if source.is_block_device():
                    found = source.stat().st_rdev
                    return f"{os.major(found)}:{os.minor(found)}"
        return None
