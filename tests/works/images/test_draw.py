"""The program that draws: files it leaves, words it prints, bounds it keeps."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartlink.works.images.draw import LONGEST_SIDE, draw, webp
from tests.works.images.examples import colour, dataset, gradient, save

PROGRAM = [sys.executable, "-m", "smartlink.works.images.draw"]


def _run(source: Path, folder: Path) -> str:
    done = subprocess.run([*PROGRAM, source, folder], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def test_every_frame_and_a_small_picture_are_left_in_the_folder(tmp_path: Path) -> None:
    assert draw(save(dataset(colour(), "RGB"), tmp_path), tmp_path) == 3
    assert {file.name for file in tmp_path.glob("*.webp")} == {"thumb.webp", "1.webp", "2.webp", "3.webp"}


def test_a_large_frame_is_made_smaller_and_keeps_its_shape() -> None:
    shown = Image.open(io.BytesIO(webp(Image.new("RGB", (4000, 3000)), LONGEST_SIDE)))
    assert shown.size == (1024, 768)


def test_a_small_frame_is_not_made_larger() -> None:
    assert Image.open(io.BytesIO(webp(Image.new("L", (80, 60)), LONGEST_SIDE))).size == (80, 60)


def test_the_program_says_how_many_frames_it_drew(tmp_path: Path) -> None:
    assert _run(save(dataset(gradient(), "MONOCHROME2"), tmp_path), tmp_path) == "ready 3"


def test_the_program_says_why_it_drew_none(tmp_path: Path) -> None:
    made = dataset(gradient(), "MONOCHROME2")
    del made.PixelData
    del made.Rows
    assert _run(save(made, tmp_path), tmp_path) == "no_pixels"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no RLIMIT_AS")
def test_a_frame_that_needs_more_memory_than_allowed_is_an_answer_not_a_death(tmp_path: Path) -> None:
    source = save(dataset(np.zeros((1, 6000, 6000), np.uint8), "MONOCHROME2"), tmp_path)
    code = (
        "import smartlink.works.images.draw as d, sys, resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (d.MEMORY_BYTES, d.MEMORY_BYTES))\n"
        "d.bound = lambda: resource.setrlimit(resource.RLIMIT_AS, (260 << 20, d.MEMORY_BYTES))\n"
        "sys.exit(d.main(sys.argv[1:]))"
    )
    done = subprocess.run([sys.executable, "-c", code, source, tmp_path], check=False, capture_output=True, text=True)
    assert done.stdout.strip() in {"too_large", "damaged"}, done.stderr[-500:]
