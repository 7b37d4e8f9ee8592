"""Whether a volume is encrypted is read from what lies below it; a folder of devices stands in for the kernel's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from smartlink.gateway.platform.volume import Encryption, encryption

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the kernel's folders are Linux's")


def device_of(folder: Path) -> str:
    if sys.platform != "win32":
        number = folder.stat().st_dev
        return f"{os.major(number)}:{os.minor(number)}"
    raise AssertionError


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """The device of this folder, as the kernel would list it."""
    made = tmp_path / "devices" / device_of(tmp_path)
    made.mkdir(parents=True)
    return made


def look(tmp_path: Path) -> Encryption:
    if sys.platform != "win32":
        return encryption(tmp_path, tmp_path / "devices", tmp_path / "mounts")
    raise AssertionError


def crypt(device: Path, uuid: str = "CRYPT-LUKS2-0123") -> None:
    (device / "dm").mkdir(parents=True)
    (device / "dm" / "uuid").write_text(f"{uuid}-root\n", "ascii")


def test_a_volume_of_luks_is_encrypted(tmp_path: Path, device: Path) -> None:
    crypt(device)
    assert look(tmp_path) is Encryption.ENCRYPTED


def test_a_logical_volume_upon_luks_is_encrypted_and_upon_half_of_it_is_not(tmp_path: Path, device: Path) -> None:
    crypt(device, "LVM-abc")
    crypt(device / "slaves" / "dm-0")
    assert look(tmp_path) is Encryption.ENCRYPTED
    (device / "slaves" / "sdb1").mkdir()
    assert look(tmp_path) is Encryption.PLAIN


def test_an_ordinary_partition_is_not_encrypted(tmp_path: Path, device: Path) -> None:
    (device / "slaves").mkdir()
    assert look(tmp_path) is Encryption.PLAIN


def test_a_file_system_without_a_device_of_its_own_says_nothing(tmp_path: Path) -> None:
    assert look(tmp_path) is Encryption.UNKNOWN
    line = f"36 35 {device_of(tmp_path)} / / rw - overlay overlay rw\n"
    (tmp_path / "mounts").write_text(line, "utf-8")
    assert look(tmp_path) is Encryption.UNKNOWN
