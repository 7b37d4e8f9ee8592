"""Our own SCU, against DCMTK: what it sends is DICOM, so what it breaks on purpose is broken on purpose."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from smartlink.demo import exam, programs
from tests.real import samples
from tests.real.scu import Aborted, Association, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.real, pytest.mark.requires("storescp")]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """DCMTK's storescp on a free port, and its folder."""
    port = programs.free_port()
    command = ["storescp", "--bit-preserving", "--output-directory", str(tmp_path), str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            programs.wait_for(lambda: _answers(port), 20, "storescp answers")
            yield port, tmp_path
        finally:
            process.kill()


def _answers(port: int) -> bool:
    try:
        with Association(port, "ANY", "US01", samples.PROPOSED) as association:
            return association.echo() == 0
    except OSError:
        return False


def test_dcmtk_keeps_what_our_scu_sends_byte_for_byte(archive: tuple[int, Path]) -> None:
    port, folder = archive
    instance = samples.small("2.25.7001", "2.25.7000")
    with Association(port, "ANY", "US01", samples.PROPOSED) as association:
        assert association.echo() == 0
        assert association.store(instance) == 0
    (kept,) = folder.iterdir()
    assert exam.data_set_bytes(kept.read_bytes()) == instance.data_set


@pytest.mark.parametrize("option", ["--refuse", "--abort-after"])
def test_a_rejection_and_an_abort_are_told_apart(option: str) -> None:
    port = programs.free_port()
    with subprocess.Popen(["storescp", "--ignore", option, str(port)], stderr=subprocess.DEVNULL) as process:
        try:
            programs.wait_for(lambda: _outcome(port) is not None, 20, "storescp answers")
            expected = Rejected if option == "--refuse" else Aborted
            assert _outcome(port) is expected
        finally:
            process.kill()


def _outcome(port: int) -> type[Exception] | None:
    try:
        with Association(port, "ANY", "US01", samples.PROPOSED) as association:
            association.store(samples.small("2.25.7002", "2.25.7000"))
    except (Rejected, Aborted) as error:
        return type(error)
    except OSError:
        return None
    return None
