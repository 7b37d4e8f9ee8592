from __future__ import annotations

import contextlib
import dataclasses
import io
import warnings
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import config
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import dcmread
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from smartlink.gateway.dicom import header as under_test
from smartlink.gateway.dicom.header import WANTED, Header, HeaderUnreadable, attributes
from smartlink.standard.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_BASELINE,
)

SYNTAXES = (
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
)
KEYWORDS = {
    "study_date": "StudyDate",
    "patient_name": "PatientName",
    "performing_physician_name": "PerformingPhysicianName",
    "study_description": "StudyDescription",
    "accession_number": "AccessionNumber",
    "number_of_frames": "NumberOfFrames",
    "rows": "Rows",
    "columns": "Columns",
    "series_instance_uid": "SeriesInstanceUID",
}


def encode(data_set: Dataset, syntax: str) -> bytes:
    """Write a Data Set without File Meta Information."""
    buffer = DicomBytesIO()
    buffer.is_little_endian = syntax != EXPLICIT_VR_BIG_ENDIAN
    buffer.is_implicit_VR = syntax == IMPLICIT_VR_LITTLE_ENDIAN
    write_dataset(buffer, data_set)
    raw = buffer.getvalue()
    if syntax != DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        return raw
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(raw) + deflate.flush()


def example() -> Dataset:
    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 100"
    data_set.SOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    data_set.SOPInstanceUID = "1.2.3.4"
    data_set.StudyInstanceUID = "1.2.3"
    data_set.SeriesInstanceUID = "1.2.3.1"
    data_set.PatientName = "Müller^Jürgen"
    data_set.PerformingPhysicianName = ["Bob^A", "Alice^B"]
    data_set.PatientID = ""
    data_set.StudyDate = "20260301"
    data_set.NumberOfFrames = 60
    data_set.FrameTime = "33.3"
    data_set.Rows = 600
    data_set.Columns = 800
    return data_set


def read(raw: bytes, syntax: str) -> Header:
    return attributes(io.BytesIO(raw), syntax)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_header_is_read_in_every_encoding(syntax: str) -> None:
    header = read(encode(example(), syntax), syntax)
    assert header.patient_name == "Müller^Jürgen"
    assert header.performing_physician_name == "Bob^A\\Alice^B"
    assert (header.rows, header.columns, header.number_of_frames) == (600, 800, "60")
    assert header.patient_id == ""
    assert header.accession_number is None


def test_dicom_json_has_names_numbers_and_empty_values_as_the_standard_has_them() -> None:
    json = read(encode(example(), EXPLICIT_VR_LITTLE_ENDIAN), EXPLICIT_VR_LITTLE_ENDIAN).as_dicom_json()
    assert json["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jürgen"}]}
    assert json["00081050"]["Value"] == [{"Alphabetic": "Bob^A"}, {"Alphabetic": "Alice^B"}]
    assert json["00100020"] == {"vr": "LO"}
    assert json["00280008"] == {"vr": "IS", "Value": [60]}
    assert json["00181063"] == {"vr": "DS", "Value": [33.3]}
    assert json["00280010"] == {"vr": "US", "Value": [600]}
    assert "00080050" not in json


def test_numbers_that_are_none_are_left_out_of_the_json() -> None:
    assert Header(number_of_frames="many", frame_time="1.5\\x").as_dicom_json() == {
        "00280008": {"vr": "IS"},
        "00181063": {"vr": "DS"},
    }


@pytest.mark.parametrize("path", [path for path in get_charset_files("*.dcm") if "dicomdir" not in path.lower()])
def test_names_in_every_character_set_are_as_pydicom_reads_them(path: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = dcmread(path)
        expected = str(theirs.get("PatientName", ""))
    raw = encode_as_stored(path)
    if "SOPInstanceUID" in theirs:
        ours = read(raw, str(theirs.file_meta.TransferSyntaxUID)).patient_name
        assert (ours or "").rstrip("=") == expected


def encode_as_stored(path: str) -> bytes:
    """Return the Data Set's bytes of a file, unchanged."""
    with open(path, "rb") as file:  # noqa: PTH123 - pydicom's samples come as text
        whole = file.read()
    return whole[128 + 4 + 12 + int.from_bytes(whole[140:144], "little") :]


@pytest.mark.parametrize("name", ["CT_small.dcm", "JPEG2000.dcm", "examples_ybr_color.dcm", "MR_small_bigendian.dcm"])
def test_real_files_read_as_pydicom_reads_them(name: str) -> None:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    theirs = dcmread(path, stop_before_pixels=True)
    header = read(encode_as_stored(path), str(theirs.file_meta.TransferSyntaxUID))
    for field, keyword in KEYWORDS.items():
        if keyword in theirs:
            assert str(getattr(header, field)) == str(theirs[keyword].value or "")


TEXT = st.text("AB 01^", max_size=16).map(lambda text: text.strip().replace("^^", ""))
NOISE = st.binary(max_size=40).map(lambda raw: raw + b"\0" * (len(raw) % 2))


@st.composite
def data_sets(draw: st.DrawFn) -> Dataset:
    """Data Sets with some of what we want, and much in between that we do not."""
    data_set = Dataset()
    data_set.SOPClassUID, data_set.SOPInstanceUID = (
        "1.2.840.10008.5.1.4.1.1.6.1",
        draw(st.integers(1, 10**20).map("1.2.{}".format)),
    )
    for wanted in WANTED:
        if wanted.vr in ("SH", "LO", "PN") and draw(st.booleans()):
            data_set.add_new(wanted.tag, wanted.vr, draw(TEXT))
        elif wanted.vr == "US" and draw(st.booleans()):
            data_set.add_new(wanted.tag, "US", draw(st.integers(0, 65535)))
    for element in draw(st.lists(st.integers(0x10, 0xFF), max_size=4, unique=True)):
        data_set.add_new(0x0009_1000 + element, draw(st.sampled_from(["UN", "OB", "LT"])), draw(NOISE))
    for tag in draw(st.lists(st.sampled_from([0x00081110, 0x00081140, 0x00101002, 0x00189346]), unique=True)):
        inner = Dataset()
        inner.PatientID = draw(TEXT)
        inner.ReferencedStudySequence = Sequence([Dataset()])
        data_set.add_new(tag, "SQ", Sequence([inner] * draw(st.integers(0, 2))))
        data_set[tag].is_undefined_length = draw(st.booleans())
        for item in data_set[tag].value:
            item.is_undefined_length_sequence_item = draw(st.booleans())
    return data_set


@settings(max_examples=150, deadline=None)
@given(data_sets(), st.sampled_from(SYNTAXES))
def test_the_walker_equals_pydicom(data_set: Dataset, syntax: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = encode(data_set, syntax)
    header = read(raw, syntax)
    for wanted in WANTED:
        ours = getattr(header, wanted.name)
        if wanted.tag in data_set:
            theirs = data_set[wanted.tag].value
            assert ours == (theirs if wanted.vr == "US" else str(theirs).rstrip(" "))
        else:
            assert not ours


@settings(max_examples=150, deadline=None)
@given(data_sets(), st.sampled_from(SYNTAXES[:3]))
def test_the_walker_needs_no_help_for_what_is_well_formed(data_set: Dataset, syntax: str) -> None:
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setattr(config.settings, "reading_validation_mode", config.IGNORE)
        raw = encode(data_set, syntax)
        explicit, big_endian = syntax != IMPLICIT_VR_LITTLE_ENDIAN, syntax == EXPLICIT_VR_BIG_ENDIAN
        walked = under_test._Walker(io.BytesIO(raw), explicit=explicit, big_endian=big_endian).walk()  # noqa: SLF001
        helped = under_test._by_pydicom(io.BytesIO(raw), explicit=explicit, big_endian=big_endian)  # noqa: SLF001
    assert {tag: value for tag, value in walked.items() if value} == {
        tag: value for tag, value in helped.items() if value
    }


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400), st.sampled_from([*SYNTAXES, JPEG_BASELINE]))
def test_any_bytes_are_a_header_or_unreadable(noise: bytes, at: int, syntax: str) -> None:
    good = encode(example(), syntax)
    for raw in (noise, good[:at] + noise, good[:at] + noise + good[at + len(noise) :]):
        with contextlib.suppress(HeaderUnreadable):
            read(raw, syntax)


def test_a_bomb_is_inflated_no_further_than_the_bound() -> None:
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(200)) + deflate.flush()
    with pytest.raises(HeaderUnreadable):
        read(bomb, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


def test_what_lies_after_the_wanted_attributes_is_never_read() -> None:
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            piece = super().read(size)
            self.taken += len(piece)
            return piece

    file = Counting(encode(example(), EXPLICIT_VR_LITTLE_ENDIAN) + b"\xe0\x7f\x10\x00OB\0\0\0\0\0\x01" + bytes(1 << 24))
    attributes(file, EXPLICIT_VR_LITTLE_ENDIAN)
    assert file.taken <= 8 * 1024


def test_a_long_private_value_is_passed_over_without_being_read() -> None:
    data_set = example()
    data_set.add_new(0x00091010, "OB", bytes(3 << 20))
    assert read(encode(data_set, EXPLICIT_VR_LITTLE_ENDIAN), EXPLICIT_VR_LITTLE_ENDIAN).rows == 600


def test_implicit_elements_in_an_explicit_data_set_are_read_with_pydicoms_help() -> None:
    raw = encode(example(), IMPLICIT_VR_LITTLE_ENDIAN)
    assert read(raw, EXPLICIT_VR_LITTLE_ENDIAN).patient_name == "Müller^Jürgen"


def test_an_attribute_without_a_value_is_there_also_with_pydicoms_help() -> None:
    found = read(encode(example(), IMPLICIT_VR_LITTLE_ENDIAN), EXPLICIT_VR_LITTLE_ENDIAN)
    assert (found.patient_id, found.accession_number) == ("", None)


@pytest.mark.parametrize("missing", ["SOPClassUID", "SOPInstanceUID"])
def test_a_data_set_without_its_identity_is_unreadable(missing: str) -> None:
    data_set = example()
    delattr(data_set, missing)
    with pytest.raises(HeaderUnreadable, match="no SOP"):
        read(encode(data_set, EXPLICIT_VR_LITTLE_ENDIAN), EXPLICIT_VR_LITTLE_ENDIAN)


def test_a_data_set_cut_off_within_the_header_is_unreadable() -> None:
    raw = encode(example(), EXPLICIT_VR_LITTLE_ENDIAN)
    with pytest.raises(HeaderUnreadable):
        read(raw[:-1], EXPLICIT_VR_LITTLE_ENDIAN)


def test_the_table_is_in_the_order_of_the_tags() -> None:
    tags = [wanted.tag for wanted in WANTED]
    assert tags == sorted(tags)
    assert [wanted.name for wanted in WANTED] == [field.name for field in dataclasses.fields(Header)]
