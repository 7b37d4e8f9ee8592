"""The stand-in ultrasound sends each Data Set unchanged, with DCMTK and without."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from smartlink.demo import exam, programs, ultrasound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT = datetime(2026, 11, 24, 9, 41, 12, tzinfo=UTC)

pytestmark = [pytest.mark.real, pytest.mark.requires("storescp", "storescu")]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[ultrasound.Target, Path]]:
    """DCMTK's storescp, which keeps what it gets bit by bit."""
    folder = tmp_path / "archive"
    folder.mkdir()
    port = programs.free_port()
    command = ["storescp", "--accept-all", "--bit-preserving", "--output-directory", str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        target = ultrasound.Target(programs.LOOPBACK, port, "ARCHIVE")
        echo = ["echoscu", "-aec", "ARCHIVE", target.host, str(port)]
        try:
            programs.wait_for(
                lambda: subprocess.run(echo, capture_output=True, check=False).returncode == 0, 20, "storescp answers"
            )
            yield target, folder
        finally:
            process.kill()


def data_sets(files: list[Path]) -> list[bytes]:
    return sorted(exam.data_set_bytes(file.read_bytes()) for file in files)


@pytest.mark.parametrize("peer", ["dcmtk", "without dcmtk"])
def test_the_exam_arrives_byte_for_byte(
    peer: str, archive: tuple[ultrasound.Target, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, folder = archive
    made = exam.write_exam(tmp_path / "exam", exam.uids(peer), AT, frames=2)
    files = [sent.path for sent in made.files]
    if peer == "without dcmtk":
        monkeypatch.setattr(shutil, "which", lambda _: None)
    ultrasound.send(files, target, "US01")
    assert data_sets(list(folder.iterdir())) == data_sets(files)


def test_a_refusal_is_told(tmp_path: Path) -> None:
    made = exam.write_exam(tmp_path, exam.uids("r"), AT, frames=0)
    nobody = ultrasound.Target(programs.LOOPBACK, programs.free_port(), "ARCHIVE")
    with pytest.raises(programs.ProgramFailed, match="not answered with Success"):
        ultrasound.send([made.files[0].path], nobody, "US01")
