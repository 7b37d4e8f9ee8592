"""Making files durable and private, on Linux and Windows."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes


def flush_file(descriptor: int) -> None:
    """When this returns, the file's bytes and length survive a power cut; OSError when the disk says no."""
    if sys.platform == "linux":
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)  # FlushFileBuffers on Windows


if sys.platform == "win32":

    def flush_folder(folder: Path) -> None:
        """Make the names in `folder` durable where Windows allows it; NTFS journals them in any case."""
        generic_write, share_all, open_existing, backup_semantics = 0x4000_0000, 7, 3, 0x0200_0000
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.CreateFileW.restype = wintypes.HANDLE
        handle = kernel32.CreateFileW(
            str(folder), generic_write, share_all, None, open_existing, backup_semantics, None
        )
        if handle == wintypes.HANDLE(-1).value:
            return
        kernel32.FlushFileBuffers(wintypes.HANDLE(handle))
        kernel32.CloseHandle(wintypes.HANDLE(handle))

    def protect_file(path: Path) -> None:
        """Leave the file to the system, the administrators and the account that runs this program."""
        tool = os.path.join(os.environ["SYSTEMROOT"], "System32", "icacls.exe")  # noqa: PTH118 - a program's path
        grants = ["*S-1-5-18:F", "*S-1-5-32-544:F", f"{os.environ['USERNAME']}:F"]
        subprocess.run([tool, str(path), "/inheritance:r", "/grant:r", *grants], check=True, capture_output=True)

    def others_may_read(_path: Path) -> bool:
        """Whether other accounts may read the file; here its folder's access list decides, and installers set that."""
        return False

else:

    def flush_folder(folder: Path) -> None:
        """When this returns, the names in `folder` survive a power cut; OSError when the disk says no."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def protect_file(path: Path) -> None:
        """Leave the file to the account that runs this program."""
        path.chmod(0o600)

    def others_may_read(path: Path) -> bool:
        """Whether other accounts may read the file; one that is not there can be read by nobody."""
        try:
            return bool(path.stat().st_mode & 0o077)
        except OSError:
            return False
