"""The program that decodes says what it decoded, or why it cannot."""

import hashlib
import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from smartlink.works.images.frames import CannotDisplay, Why
from smartlink.works.images.previews import UNPACK, Drawings
from smartlink.works.images.unpack import NOWHERE, Unpacked, main, unpack
from tests.works.exams.judges import sample
from tests.works.images.examples import NATIVE, colour, dataset, encapsulated, gradient, jpeg, jpeg_2000, save


def told(path: Path, target: Path | str = NOWHERE) -> str:
    """What the program prints."""
    program = subprocess.run([*UNPACK, path, target], capture_output=True, text=True, check=True)
    return program.stdout.strip()


def test_the_pixels_of_all_frames_stand_in_the_file(tmp_path: Path) -> None:
    pixels = colour(3)
    path, target = save(jpeg_2000(pixels, "YBR_RCT"), tmp_path), tmp_path / "pixels"
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    # Pillow writes without a colour transform, so what the header calls YBR_RCT comes out as it went in.
    assert unpack(path, target) == Unpacked(3, pixels.nbytes, digest, "RGB")
    assert target.read_bytes() == pixels.tobytes()
    assert told(path) == f"ready 3 {pixels.nbytes} {digest} RGB"


@pytest.mark.parametrize("syntax", NATIVE)
def test_native_pixels_are_the_same_in_every_encoding(tmp_path: Path, syntax: str) -> None:
    pixels = gradient(2).astype(np.uint16) * 257
    made = dataset(pixels, "MONOCHROME2", syntax)
    if syntax == "1.2.840.10008.1.2.2":
        made.PixelData = pixels.byteswap().tobytes()
    assert unpack(save(made, tmp_path), tmp_path / "pixels").sha256 == hashlib.sha256(pixels.tobytes()).hexdigest()


def test_colours_that_are_exact_stay_as_they_are_and_others_become_rgb(tmp_path: Path) -> None:
    lossless = unpack(sample("SC_rgb_rle_2frame.dcm"), tmp_path / "a")
    assert (lossless.photometric_interpretation, lossless.frames) == ("RGB", 2)
    assert unpack(save(jpeg(colour(1), "YBR_FULL_422"), tmp_path), tmp_path / "b").photometric_interpretation == "RGB"
    ybr = unpack(save(dataset(colour(1), "YBR_FULL"), tmp_path), tmp_path / "c")
    assert ybr.photometric_interpretation == "YBR_FULL"
    assert (tmp_path / "c").read_bytes() == colour(1).tobytes()


def test_words_have_the_width_that_the_header_says(tmp_path: Path) -> None:
    path = sample("MR_small_jpeg_ls_lossless.dcm")
    unpack(path, tmp_path / "pixels")
    assert (tmp_path / "pixels").read_bytes() == dcmread(path).pixel_array.astype("<i2").tobytes()


@pytest.mark.parametrize(("name", "why"), [("JPGExtended.dcm", "compression"), ("test-SR.dcm", "no_pixels")])
def test_what_cannot_be_decoded_has_a_reason(name: str, why: str) -> None:
    assert told(sample(name)) == why


def test_fewer_frames_than_the_header_says_are_damage(tmp_path: Path) -> None:
    made = jpeg(colour(2), "YBR_FULL_422")
    made.NumberOfFrames = 3
    with pytest.raises(CannotDisplay) as refused:
        unpack(save(made, tmp_path), tmp_path / "pixels")
    assert refused.value.why is Why.DAMAGED


def test_damage_is_a_word_and_no_crash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(encapsulated(dataset(colour(1), "RGB"), [b"nonsense"], "1.2.840.10008.1.2.4.90"), tmp_path)
    assert told(path) == "damaged"
    assert Drawings().unpack(path, None) is Why.DAMAGED
    assert capsys.readouterr().out == ""


def test_memory_that_is_not_there_means_too_large(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def greedy(*_: object) -> Unpacked:
        raise MemoryError

    monkeypatch.setattr("smartlink.works.images.unpack.unpack", greedy)
    monkeypatch.setattr("smartlink.works.images.unpack.bound", lambda: None)
    assert main(["image.dcm", NOWHERE]) == 0
    assert capsys.readouterr().out == "too_large\n"


def test_the_worker_decodes_in_a_process_of_its_own(tmp_path: Path) -> None:
    path, target = save(jpeg(colour(2), "YBR_FULL_422"), tmp_path), tmp_path / "pixels"
    outcome = Drawings().unpack(path, target)
    assert isinstance(outcome, Unpacked)
    assert outcome.size == target.stat().st_size
    assert outcome == Drawings().unpack(path, None)
