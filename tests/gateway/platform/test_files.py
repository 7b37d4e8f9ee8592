from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from smartlink.gateway.platform.files import flush_file, flush_folder, protect_file


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
