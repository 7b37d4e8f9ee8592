"""Derived objects on real files: DCMTK and pydicom read them, dciodvfy finds nothing worse, pixels are the same."""

import hashlib
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate_extended, generate_frames
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from smartlink.works.exams.derived import Derived, derive_identity, derive_uncompressed
from smartlink.works.exams.identity import Identity, derived_uid
from smartlink.works.exams.object_file import CannotDerive
from smartlink.works.images.unpack import Unpacked, unpack
from tests.works.exams.judges import dump, no_worse, sample
from tests.works.images.examples import colour, jpeg, save

WANTED = Identity(
    confirmed_at=datetime(2026, 1, 31, 9, 5, tzinfo=UTC),
    patient_name="Ñandú^José",
    patient_id="P-77",
    issuer_of_patient_id="HOSPITAL",
    birth_date="1970-01-31",
    sex="F",
    accession_number="ACC-9",
    requested_procedure_id="RP-1",
    requested_procedure_description="Ecocardiografía",
)
# Ultrasound and its like in every kind of encoding: native, RLE, JPEG, JPEG-LS, JPEG 2000, implicit, big, deflated.
NAMES = (
    "examples_ybr_color.dcm",
    "examples_palette.dcm",
    "examples_jpeg2k.dcm",
    "JPEG2000.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",
    "test-SR.dcm",
)
COMPRESSED = tuple(name for name in NAMES if name not in {"examples_palette.dcm", "test-SR.dcm"})


def pixels_of(path: Path) -> bytes:
    """The value of Pixel Data as it stands in the file, fragments and all."""
    found: bytes = dcmread(path).get("PixelData", b"")
    return found


def identify(name: str, folder: Path, wanted: Identity = WANTED) -> Derived:
    """The derived object of a sample."""
    made = derive_identity(sample(name), folder / "derived.dcm", wanted)
    assert made is not None
    return made


def explicit(source: Path, folder: Path) -> Derived:
    """The uncompressed object of a file."""
    made = derive_uncompressed(source, folder / "explicit.dcm", unpack)
    assert made is not None
    return made


@pytest.mark.requires("dcmdump")
@pytest.mark.parametrize("name", NAMES)
def test_a_derived_object_says_what_was_confirmed_and_has_the_pixels_of_its_original(name: str, tmp_path: Path) -> None:
    made = identify(name, tmp_path)
    old, new = dcmread(sample(name)), dcmread(made.path)
    assert new.PatientName == "Ñandú^José"
    assert (new.PatientID, new.IssuerOfPatientID, new.PatientBirthDate) == ("P-77", "HOSPITAL", "19700131")
    assert (new.PatientSex, new.AccessionNumber) == ("F", "ACC-9")
    place = "ReferencedRequestSequence" if name == "test-SR.dcm" else "RequestAttributesSequence"
    assert new[place][0].RequestedProcedureDescription == "Ecocardiografía"
    assert new.SOPInstanceUID == new.file_meta.MediaStorageSOPInstanceUID == old.SOPInstanceUID == made.sop_instance_uid
    assert new.file_meta.TransferSyntaxUID == old.file_meta.TransferSyntaxUID == made.transfer_syntax_uid
    assert pixels_of(made.path) == pixels_of(sample(name))
    assert "Modified Attributes Sequence" in str(new.OriginalAttributesSequence[-1])
    assert "ACC-9" in dump(made.path)
    no_worse(made.path, sample(name))


@pytest.mark.parametrize("name", ["examples_ybr_color.dcm", "image_dfl.dcm"])
def test_deriving_twice_makes_the_same_bytes(name: str, tmp_path: Path) -> None:
    first, second = identify(name, tmp_path), derive_identity(sample(name), tmp_path / "again.dcm", WANTED)
    assert second == replace(first, path=tmp_path / "again.dcm")
    content = first.path.read_bytes()
    assert content == second.path.read_bytes()
    assert (len(content), hashlib.sha256(content).digest()) == (first.size, first.object_sha256)


def test_another_study_gives_new_uids(tmp_path: Path) -> None:
    name = "examples_ybr_color.dcm"
    old = dcmread(sample(name))
    made = identify(name, tmp_path, replace(WANTED, study_instance_uid="1.2.840.99.1"))
    new = dcmread(made.path)
    assert (new.StudyInstanceUID, made.study_instance_uid) == ("1.2.840.99.1", "1.2.840.99.1")
    assert (
        new.SOPInstanceUID
        == new.file_meta.MediaStorageSOPInstanceUID
        == derived_uid(old.SOPInstanceUID, "1.2.840.99.1")
    )
    assert new.SeriesInstanceUID == made.series_instance_uid == derived_uid(old.SeriesInstanceUID, "1.2.840.99.1")
    remembered = new.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
    assert (remembered.SOPInstanceUID, remembered.StudyInstanceUID) == (old.SOPInstanceUID, old.StudyInstanceUID)
    no_worse(made.path, sample(name))


def test_an_original_that_says_so_already_is_sent_itself(tmp_path: Path) -> None:
    made = identify("examples_ybr_color.dcm", tmp_path)
    assert derive_identity(made.path, tmp_path / "again.dcm", WANTED) is None
    assert not (tmp_path / "again.dcm").exists()


@pytest.mark.requires("dcmdump")
@pytest.mark.parametrize("name", COMPRESSED)
def test_explicit_little_endian_has_the_values_of_its_original(name: str, tmp_path: Path) -> None:
    made = explicit(sample(name), tmp_path)
    old, new = dcmread(sample(name)), dcmread(made.path)
    assert new.file_meta.TransferSyntaxUID == made.transfer_syntax_uid == ExplicitVRLittleEndian
    assert new.SOPInstanceUID == old.SOPInstanceUID
    assert np.array_equal(new.pixel_array, old.pixel_array)
    kept = {
        "LossyImageCompression",
        "LossyImageCompressionRatio",
        "LossyImageCompressionMethod",
        "DerivationDescription",
    }
    for keyword in kept & set(old.dir()):
        assert new.get(keyword) == old.get(keyword)
    dump(made.path)
    no_worse(made.path, sample(name))


@pytest.mark.requires("dcmdjpeg", "dcmdjpls", "dcmdrle", "dcmconv")
@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("MR_small_RLE.dcm", ["dcmdrle"]),
        ("SC_rgb_rle_2frame.dcm", ["dcmdrle"]),
        ("MR_small_jpeg_ls_lossless.dcm", ["dcmdjpls"]),
        ("MR_small_implicit.dcm", ["dcmconv", "+te"]),
        ("MR_small_bigendian.dcm", ["dcmconv", "+te"]),
        ("liver_expb_1frame.dcm", ["dcmconv", "+te"]),
        ("image_dfl.dcm", ["dcmconv", "+te"]),
    ],
)
def test_dcmtk_decodes_to_the_same_bytes(name: str, program: list[str], tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.dcm"
    subprocess.run([*program, sample(name), theirs], check=True)
    made = explicit(sample(name), tmp_path)
    ours = dcmread(made.path)
    other = dcmread(theirs)
    assert other.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert (ours.PhotometricInterpretation, ours.Rows) == (other.PhotometricInterpretation, other.Rows)
    if ours.get("PlanarConfiguration") == other.get("PlanarConfiguration"):
        assert ours.PixelData == other.PixelData
    assert np.array_equal(ours.pixel_array, other.pixel_array)
    common = [
        element.tag for element in other if element.tag.element and element.tag.group < 0x7FE0 and element.VR != "UN"
    ]
    for tag in set(common) - {0x00280006, 0x00080005}:
        assert ours[tag].value == other[tag].value


@pytest.mark.requires("dcmdjpeg")
def test_a_lossy_cine_is_unpacked_frame_by_frame_and_says_that_it_was_lossy(tmp_path: Path) -> None:
    original = save(jpeg(colour(5), "YBR_FULL_422"), tmp_path)
    made = explicit(original, tmp_path)
    new = dcmread(made.path)
    assert (new.NumberOfFrames, new.PhotometricInterpretation, new.PlanarConfiguration) == (5, "RGB", 0)
    assert (new.LossyImageCompression, new.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert float(new.LossyImageCompressionRatio) > 1
    assert new["PixelData"].VR == "OB"
    theirs = tmp_path / "theirs.dcm"
    subprocess.run(["dcmdjpeg", original, theirs], check=True)
    difference = new.pixel_array.astype(int) - dcmread(theirs).pixel_array.astype(int)
    assert abs(difference).max() <= 3  # two decoders round differently
    no_worse(made.path, original)


def test_identity_and_syntax_may_both_be_derived(tmp_path: Path) -> None:
    identified = identify("SC_rgb_jpeg_dcmtk.dcm", tmp_path)
    new = dcmread(explicit(identified.path, tmp_path).path)
    assert (new.AccessionNumber, new.PatientName) == ("ACC-9", "Ñandú^José")
    assert "ModifiedAttributesSequence" in new.OriginalAttributesSequence[0]


@pytest.mark.requires("dcmdump")
@pytest.mark.parametrize("name", ["SC_rgb_rle_2frame.dcm", "MR_small_bigendian.dcm", "CT_small.dcm", "test-SR.dcm"])
def test_an_archive_that_takes_only_implicit_gets_implicit(name: str, tmp_path: Path) -> None:
    made = derive_uncompressed(sample(name), tmp_path / "implicit.dcm", unpack, ImplicitVRLittleEndian)
    assert made is not None
    old, new = dcmread(sample(name)), dcmread(made.path)
    assert new.file_meta.TransferSyntaxUID == made.transfer_syntax_uid == ImplicitVRLittleEndian
    assert new.SOPInstanceUID == old.SOPInstanceUID
    if "PixelData" in old:
        assert np.array_equal(new.pixel_array, old.pixel_array)
    dump(made.path)
    no_worse(made.path, sample(name))


def test_what_is_explicit_already_needs_no_other(tmp_path: Path) -> None:
    assert derive_uncompressed(sample("CT_small.dcm"), tmp_path / "new.dcm", unpack) is None
    assert not (tmp_path / "new.dcm").exists()


def test_a_compressed_object_without_pixels_is_only_rewritten(tmp_path: Path) -> None:
    made = jpeg(colour(1), "YBR_FULL_422")
    del made.PixelData
    new = dcmread(explicit(save(made, tmp_path), tmp_path).path)
    assert new.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_what_comes_after_the_pixels_stays_and_offset_tables_go(tmp_path: Path) -> None:
    made = jpeg(colour(2), "YBR_FULL_422")
    frames = list(generate_frames(made.PixelData, number_of_frames=2))
    made.PixelData, made.ExtendedOffsetTable, made.ExtendedOffsetTableLengths = encapsulate_extended(frames)
    made.DataSetTrailingPadding = b"\0" * 8
    new = dcmread(explicit(save(made, tmp_path), tmp_path).path)
    assert "ExtendedOffsetTable" not in new
    assert new.DataSetTrailingPadding == b"\0" * 8


def test_an_odd_number_of_pixels_is_padded(tmp_path: Path) -> None:
    pixels = np.arange(15, dtype=np.uint8).reshape(1, 3, 5)
    original = jpeg(colour(1), "YBR_FULL_422")
    original.Rows, original.Columns, original.SamplesPerPixel = 3, 5, 1

    def odd(_: Path, target: Path) -> Unpacked:
        target.write_bytes(pixels.tobytes())
        return Unpacked(1, 15, "", "MONOCHROME2")

    written = derive_uncompressed(save(original, tmp_path), tmp_path / "new.dcm", odd)
    assert written is not None
    assert dcmread(written.path).PixelData == pixels.tobytes() + b"\0"


def test_an_image_that_is_too_large_uncompressed_is_refused(tmp_path: Path) -> None:
    original = save(jpeg(colour(1), "YBR_FULL_422"), tmp_path)
    with pytest.raises(CannotDerive, match="larger than a DICOM object"):
        derive_uncompressed(original, tmp_path / "new.dcm", lambda _, __: Unpacked(1, 1 << 32, "", "RGB"))
    assert not (tmp_path / "new.dcm").exists()
