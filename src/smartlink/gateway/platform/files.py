"""Making files durable and private, on Linux and Windows."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

if sys.platform != "darwin":
    import ctypes
if sys.platform == "win32":
    from ctypes import wintypes


def flush_file(descriptor: int) -> None:
    """When this returns, the file's bytes and length survive a power cut; OSError when the disk says no."""
    if sys.platform == "linux":
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)  # FlushFileBuffers on Windows


def flush_files(folder: Path, files: Iterable[Path]) -> None:
    """When this returns, these files of `folder` and their names survive a power cut; OSError when the disk says no."""
    if sys.platform == "linux":
        _flush_volume(folder)
        return
    for path in files:
        try:
            descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        except FileNotFoundError:
            continue
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        flush_folder(path.parent)


if sys.platform == "linux":
    _LIBC = ctypes.CDLL(None, use_errno=True)
    _SYNC_FILE_RANGE_WRITE = 2

    def begin_writing(descriptor: int, offset: int, length: int) -> None:
        """Let the disk begin with these bytes, so that a later flush has less to wait for; promises nothing."""
        _LIBC.sync_file_range(descriptor, ctypes.c_int64(offset), ctypes.c_int64(length), _SYNC_FILE_RANGE_WRITE)

    def _flush_volume(folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if _LIBC.syncfs(descriptor):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        finally:
            os.close(descriptor)


else:

    def begin_writing(descriptor: int, offset: int, length: int) -> None:
        """Let the disk begin with these bytes; nothing to do here."""


if sys.platform == "win32":
    _POSITION = threading.Lock()

    def write_at(descriptor: int, parts: Sequence[bytes], offset: int) -> None:
        """Write all bytes of `parts` from `offset` on; OSError when the disk says no."""
        with _POSITION:
            os.lseek(descriptor, offset, os.SEEK_SET)
            whole = memoryview(b"".join(parts))
            while whole:
                whole = whole[os.write(descriptor, whole) :]

else:

    def write_at(descriptor: int, parts: Sequence[bytes], offset: int) -> None:
        """Write all bytes of `parts` from `offset` on; OSError when the disk says no."""
        written = os.pwritev(descriptor, parts, offset)
        if written < sum(map(len, parts)):  # a signal, or a nearly full disk
            rest = memoryview(b"".join(parts))[written:]
            while rest:
                count = os.pwrite(descriptor, rest, offset + written)
                rest, written = rest[count:], written + count


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
