from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from smartlink.gateway.platform.files import (
    begin_writing,
    flush_file,
    flush_files,
    flush_folder,
    protect_file,
    write_at,
)


def test_a_file_and_its_folder_can_be_flushed(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.write(b"x")
        file.flush()
        flush_file(file.fileno())
    flush_folder(tmp_path)


def test_a_flush_that_fails_is_told() -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(OSError, match="Invalid argument"):
            flush_file(writing)
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access control lists instead")
def test_a_protected_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "credential.pem"
    path.write_text("secret", encoding="ascii")
    protect_file(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_bytes_are_written_where_they_belong(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(10))
    descriptor = os.open(path, os.O_RDWR)
    try:
        write_at(descriptor, (b"ab", b"", b"c"), 4)
    finally:
        os.close(descriptor)
    assert path.read_bytes() == b"\0\0\0\0abc\0\0\0"


def test_a_write_that_takes_only_a_part_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no pwritev")
    path = tmp_path / "file"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    real = os.pwritev
    monkeypatch.setattr(os, "pwritev", lambda fd, parts, offset: real(fd, [b"".join(parts)[:3]], offset))
    try:
        write_at(descriptor, (b"ab", b"cdef"), 0)
    finally:
        os.close(descriptor)
    assert path.read_bytes() == b"abcdef"


def test_files_can_be_flushed_together_and_one_that_is_gone_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"x")
    flush_files(tmp_path, [tmp_path / "one", tmp_path / "gone"])


def test_files_of_a_folder_that_is_gone_are_not_flushed(tmp_path: Path) -> None:
    if sys.platform == "linux":
        with pytest.raises(FileNotFoundError):
            flush_files(tmp_path / "gone", [])


def test_the_disk_may_begin_early(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    try:
        os.write(descriptor, b"x" * 100)
        begin_writing(descriptor, 0, 100)
    finally:
        os.close(descriptor)
