"""Every form of pixels is drawn the same, and what cannot be drawn says why."""

import contextlib
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
)

from smartlink.works.images.frames import CannotDisplay, Limits, StoredImage, Why
from tests.works.images.examples import colour, dataset, encapsulated, gradient, jpeg, jpeg_2000, save


def _drawn(made: Dataset, folder: Path, limits: Limits | None = None) -> list[NDArray[np.uint8]]:
    return [np.asarray(frame) for frame in StoredImage(save(made, folder), limits).draw()]


def _refused(made: Dataset, folder: Path, limits: Limits | None = None) -> Why:
    with pytest.raises(CannotDisplay) as refusal:
        _drawn(made, folder, limits)
    return refusal.value.why


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_native_colour_is_drawn_in_every_encoding(tmp_path: Path, syntax: str) -> None:
    frames = _drawn(dataset(colour(), "RGB", syntax), tmp_path)
    assert np.array_equal(np.stack(frames), colour())


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_lossless_compression_gives_the_pixels_back(tmp_path: Path, syntax: str) -> None:
    made = dataset(colour(), "RGB")
    made.compress(syntax, generate_instance_uid=False)
    assert np.array_equal(np.stack(_drawn(made, tmp_path)), colour())


def test_jpeg_2000_gives_the_pixels_back(tmp_path: Path) -> None:
    assert np.array_equal(np.stack(_drawn(jpeg_2000(colour(), "RGB"), tmp_path)), colour())


def test_jpeg_lossless_gives_16_bits_back(tmp_path: Path) -> None:
    source = save(dataset(gradient().astype(np.uint16) * 256, "MONOCHROME2"), tmp_path)
    converted = tmp_path / "lossless.dcm"
    tool = Path(sys.executable).with_name("gdcmconv")
    subprocess.run([tool, "--jpeg", "-i", source, "-o", converted], check=True, capture_output=True)
    frames = [np.asarray(frame) for frame in StoredImage(converted).draw()]
    assert len(frames) == 3
    assert frames[0][0, 0] == 0


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL"])
def test_jpeg_baseline_comes_out_as_rgb(tmp_path: Path, photometric: str) -> None:
    frames = _drawn(jpeg(colour(), photometric), tmp_path)
    assert np.abs(np.stack(frames).astype(int) - colour().astype(int)).mean() < 3


def test_native_ybr_comes_out_as_rgb(tmp_path: Path) -> None:
    grey = np.full((1, 60, 80, 3), 128, np.uint8)  # Cb and Cr of 128 are no colour
    assert np.abs(_drawn(dataset(grey, "YBR_FULL"), tmp_path)[0].astype(int) - 128).max() <= 1


def test_eight_bit_grey_is_left_as_it_is(tmp_path: Path) -> None:
    assert np.array_equal(np.stack(_drawn(dataset(gradient(), "MONOCHROME2"), tmp_path)), gradient())


def test_monochrome1_is_white_where_the_value_is_low(tmp_path: Path) -> None:
    assert np.array_equal(np.stack(_drawn(dataset(gradient(), "MONOCHROME1"), tmp_path)), 255 - gradient())


def test_a_window_of_the_header_is_applied(tmp_path: Path) -> None:
    deep = gradient().astype(np.uint16) * 16
    made = dataset(deep, "MONOCHROME2", BitsStored=12, WindowCenter=["2048", "1"], WindowWidth=["4096", "1"])
    assert np.abs(_drawn(made, tmp_path)[0].astype(int) - gradient()[0].astype(int)).max() <= 1


def test_without_a_window_the_first_frame_sets_the_range_for_the_whole_cine(tmp_path: Path) -> None:
    frames = _drawn(dataset(gradient().astype(np.uint16) * 16, "MONOCHROME2", BitsStored=12), tmp_path)
    assert (frames[0].min(), frames[0].max()) == (0, 255)
    assert frames[1].mean() > frames[0].mean()


def test_a_palette_of_16_bits_comes_out_as_rgb(tmp_path: Path) -> None:
    table = (np.arange(256, dtype=np.uint16) * 257).tobytes()
    made = dataset(gradient(), "PALETTE COLOR")
    for name in ("Red", "Green", "Blue"):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"{name}PaletteColorLookupTableData", table)
    assert np.array_equal(_drawn(made, tmp_path)[2], np.stack([gradient()[2]] * 3, axis=-1))


def test_an_object_without_pixels_says_so(tmp_path: Path) -> None:
    made = dataset(gradient(), "MONOCHROME2")
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(made, keyword)
    assert _refused(made, tmp_path) is Why.NO_PIXELS


def test_limits_hold_before_a_pixel_is_read(tmp_path: Path) -> None:
    made = dataset(gradient(), "MONOCHROME2")
    assert _refused(made, tmp_path, Limits(pixels=100)) is Why.TOO_LARGE
    assert _refused(made, tmp_path, Limits(frames=2)) is Why.TOO_LARGE
    made.Rows = made.Columns = 65_535
    assert _refused(made, tmp_path) is Why.TOO_LARGE


def test_a_codestream_larger_than_the_header_says_is_not_decoded(tmp_path: Path) -> None:
    made = jpeg(gradient(), "MONOCHROME2")
    made.Rows = 10
    assert _refused(made, tmp_path) is Why.DAMAGED


def test_a_deflated_bomb_is_not_unpacked(tmp_path: Path) -> None:
    made = dataset(np.zeros((40, 600, 800), np.uint8), "MONOCHROME2", DeflatedExplicitVRLittleEndian)
    assert _refused(made, tmp_path, Limits(inflated_bytes=1 << 20)) is Why.TOO_LARGE


def test_video_and_twelve_bit_jpeg_are_named(tmp_path: Path) -> None:
    assert _refused(encapsulated(dataset(gradient(1), "YBR_PARTIAL_420"), [b"video"], MPEG4HP41), tmp_path) is Why.VIDEO
    deep = dataset(gradient(1).astype(np.uint16), "MONOCHROME2", BitsStored=12)
    assert _refused(encapsulated(deep, [b"\xff\xd8"], JPEGExtended12Bit), tmp_path) is Why.COMPRESSION
    unknown = encapsulated(dataset(gradient(1), "MONOCHROME2"), [b"?"], "1.2.840.10008.1.2.4.201")
    assert _refused(unknown, tmp_path) is Why.COMPRESSION


def test_a_cine_cut_short_is_damaged(tmp_path: Path) -> None:
    path = save(jpeg(colour(), "YBR_FULL_422"), tmp_path)
    path.write_bytes(path.read_bytes()[:-2500])
    with pytest.raises(CannotDisplay) as refusal:
        list(StoredImage(path).draw())
    assert refusal.value.why is Why.DAMAGED


def test_a_file_that_is_no_dicom_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "noise"
    path.write_bytes(zlib.compress(b"noise") * 50)
    with pytest.raises(CannotDisplay):
        StoredImage(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(132, 4000), bad=st.binary(min_size=1, max_size=40))
@pytest.mark.filterwarnings("ignore")
def test_no_header_with_bytes_turned_round_escapes_the_check(tmp_path: Path, at: int, bad: bytes) -> None:
    path = save(dataset(gradient(2), "MONOCHROME2"), tmp_path)
    whole = path.read_bytes()
    at %= whole.rindex(b"\xe0\x7f\x10\x00")  # pixels are the decoders' matter: tests/works/images/test_previews
    path.write_bytes(whole[:at] + bad + whole[at + len(bad) :])
    with contextlib.suppress(CannotDisplay):
        StoredImage(path)
