"""One image in two Transfer Syntaxes is found to be one, and one changed bit is found, too."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from smartlink.works.exams.comparison import compare
from smartlink.works.exams.object_file import CannotDerive
from smartlink.works.images.frames import CannotDisplay
from smartlink.works.images.unpack import unpack
from tests.works.exams.judges import sample
from tests.works.images.examples import colour, dataset, jpeg, jpeg_2000, save

pytestmark = pytest.mark.proves("R152")
Twin = Callable[[Path, Path], None]


def pixels(path: Path) -> str | None:
    """The decoded values, as the worker has them."""
    try:
        found = unpack(path, Path("/dev/null"))
    except CannotDisplay:
        return None
    return found.sha256 + found.photometric_interpretation


def compared(one: Path, other: Path) -> tuple[str, ...]:
    """In what the two differ, whichever comes first."""
    found = compare(one, other, pixels)
    assert compare(other, one, pixels) == found
    return found


def dcmtk(*command: str) -> Twin:
    """DCMTK makes the twin."""

    def make(one: Path, other: Path) -> None:
        subprocess.run([*command, one, other], check=True)

    return make


@pytest.mark.requires("dcmconv", "dcmcrle", "dcmcjpls", "dcmcjpeg")
@pytest.mark.parametrize("name", ["CT_small.dcm", "examples_rgb_color.dcm", "examples_palette.dcm", "MR_small.dcm"])
@pytest.mark.parametrize(
    "twin",
    [
        dcmtk("dcmconv", "+ti"),
        dcmtk("dcmconv", "+tb"),
        dcmtk("dcmconv", "+td"),
        dcmtk("dcmconv", "+te", "+g", "-e"),
        dcmtk("dcmcrle", "+un"),
        dcmtk("dcmcjpls", "+un"),
    ],
    ids=["implicit", "big endian", "deflated", "group lengths, undefined", "rle", "jpeg-ls"],
)
def test_what_dcmtk_made_of_an_image_is_the_same_image(name: str, twin: Twin, tmp_path: Path) -> None:
    one, other = sample(name), tmp_path / "twin.dcm"
    twin(one, other)
    assert one.read_bytes() != other.read_bytes()
    assert compared(one, other) == ()


def test_reversible_jpeg_2000_is_the_same_image(tmp_path: Path) -> None:
    native = save(dataset(colour(2), "RGB"), tmp_path).rename(tmp_path / "native.dcm")
    assert compared(native, save(jpeg_2000(colour(2), "YBR_RCT"), tmp_path)) == ()


def changed(made: Dataset, folder: Path, name: str = "changed.dcm") -> Path:
    """The Data Set as a file of its own."""
    return save(made, folder).rename(folder / name)


@pytest.mark.parametrize(
    ("change", "keyword"),
    [
        (lambda made: setattr(made, "PatientName", "Doe^Jane"), "PatientName"),
        (lambda made: setattr(made, "Rows", 61), "Rows"),
        (lambda made: setattr(made, "InstanceNumber", "2"), "InstanceNumber"),
        (lambda made: delattr(made, "NumberOfFrames"), "NumberOfFrames"),
        (lambda made: made.add_new(0x00091001, "UN", b"ab"), "0009,1001"),
        (lambda made: setattr(made, "PixelData", bytes([7]) + made.PixelData[1:]), "PixelData"),
        (lambda made: setattr(made, "ReferencedImageSequence", [Dataset()]), "ReferencedImageSequence"),
    ],
)
def test_what_differs_is_named(change: Callable[[Dataset], None], keyword: str, tmp_path: Path) -> None:
    one = changed(dataset(colour(1), "RGB", ImplicitVRLittleEndian, PatientName="Doe^John"), tmp_path, "one.dcm")
    made = dataset(colour(1), "RGB", ExplicitVRLittleEndian, PatientName="Doe^John")
    assert compared(one, changed(made, tmp_path)) == ()
    change(made)
    found = compared(one, changed(made, tmp_path))
    assert keyword in found
    assert set(found) <= {keyword, "PixelData"}


def test_padding_and_trailing_padding_mean_nothing(tmp_path: Path) -> None:
    one = changed(dataset(colour(1), "RGB", ImplicitVRLittleEndian, PatientID="A"), tmp_path, "one.dcm")
    made = dataset(colour(1), "RGB", PatientID="A   ")
    made.DataSetTrailingPadding = bytes(16)
    assert compared(one, changed(made, tmp_path)) == ()


def test_a_nested_difference_is_found(tmp_path: Path) -> None:
    def with_reference(uid: str, syntax: str) -> Dataset:
        item = Dataset()
        item.ReferencedSOPInstanceUID = uid
        return dataset(colour(1), "RGB", syntax, ReferencedImageSequence=[item])

    one = changed(with_reference("1.2.3", ImplicitVRLittleEndian), tmp_path, "one.dcm")
    assert compared(one, changed(with_reference("1.2.3", ExplicitVRLittleEndian), tmp_path)) == ()
    other = changed(with_reference("1.2.4", ExplicitVRLittleEndian), tmp_path)
    assert compared(one, other) == ("ReferencedImageSequence",)


def test_a_private_sequence_is_compared_where_the_implicit_side_does_not_tell_its_vr(tmp_path: Path) -> None:
    def with_private(syntax: str, value: str) -> Dataset:
        item = Dataset()
        item.PatientComments = value
        made = dataset(colour(1), "RGB", syntax)
        made.add_new(0x00310010, "LO", "SOMEBODY")
        made.add_new(0x00311001, "SQ", [item])
        made.add_new(0x00311002, "LO", value)
        return made

    one = changed(with_private(ImplicitVRLittleEndian, "same "), tmp_path, "one.dcm")
    assert compared(one, changed(with_private(ExplicitVRLittleEndian, "same "), tmp_path)) == ()
    other = changed(with_private(ExplicitVRLittleEndian, "other"), tmp_path)
    assert compared(one, other) == ("0031,1001", "0031,1002")


def test_large_private_values_are_compared_from_the_file(tmp_path: Path) -> None:
    def with_blob(syntax: str, last: int) -> Dataset:
        made = dataset(colour(1), "RGB", syntax)
        made.add_new(0x00310010, "LO", "SOMEBODY")
        made.add_new(0x00311001, "OB", bytes(200_000) + bytes([last, 0]))
        return made

    one = changed(with_blob(ImplicitVRLittleEndian, 1), tmp_path, "one.dcm")
    assert compared(one, changed(with_blob(ExplicitVRLittleEndian, 1), tmp_path)) == ()
    assert compared(one, changed(with_blob(ExplicitVRLittleEndian, 2), tmp_path)) == ("0031,1001",)


def test_a_lossy_twin_is_another_image(tmp_path: Path) -> None:
    one = changed(dataset(colour(1), "RGB"), tmp_path, "one.dcm")
    assert compared(one, save(jpeg(colour(1), "YBR_FULL_422"), tmp_path)) == ("PixelData",)


def test_pixels_that_cannot_be_decoded_are_not_the_same(tmp_path: Path) -> None:
    one = changed(dataset(colour(1), "RGB"), tmp_path, "one.dcm")
    made = dataset(colour(1), "RGB")
    made.PixelData, made.file_meta.TransferSyntaxUID = encapsulate([b"nonsense"]), JPEG2000Lossless
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    assert compared(one, changed(made, tmp_path)) == ("PixelData",)


def test_one_changed_pixel_in_a_compressed_twin_is_found(tmp_path: Path) -> None:
    made = dcmread(sample("SC_rgb_rle_2frame.dcm"))
    made.decompress()
    raw = bytearray(made.PixelData)
    raw[1000] ^= 1
    made.PixelData = bytes(raw)
    other = changed(made, tmp_path)
    assert made.file_meta.TransferSyntaxUID != RLELossless
    assert "PixelData" in compared(sample("SC_rgb_rle_2frame.dcm"), other)


def test_words_of_big_endian_are_compared_as_values() -> None:
    little = dcmread(sample("MR_small.dcm"))
    assert little.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert dcmread(sample("MR_small_bigendian.dcm")).file_meta.TransferSyntaxUID == ExplicitVRBigEndian
    assert "PixelData" not in compared(sample("MR_small.dcm"), sample("MR_small_bigendian.dcm"))


def test_what_is_no_dicom_cannot_be_compared(tmp_path: Path) -> None:
    (tmp_path / "one.dcm").write_bytes(hashlib.sha256().digest())
    with pytest.raises(CannotDerive):
        compare(tmp_path / "one.dcm", sample("CT_small.dcm"), pixels)
