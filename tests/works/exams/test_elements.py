"""A Data Set is read and written again without a byte's difference, and nonsense is Malformed, never a crash."""

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartlink.standard.transfer_syntax import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
from smartlink.works.exams import elements as dicom
from smartlink.works.exams.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Element,
    Elements,
    Encoding,
    Item,
    Malformed,
    Span,
)
from smartlink.works.exams.header import HeaderUnreadable, file_meta
from tests.works.exams.judges import samples

NESTED = (
    Element(0x00080018, "UI", b"1.2.3\0"),
    Element(
        0x00081140,
        "SQ",
        (
            Item((Element(0x00081155, "UI", b"1.2"),), undefined=True),
            Item(()),
            Item((Element(0x00080050, "SH", b"A "),)),
        ),
        undefined=True,
    ),
    Element(0x00400275, "SQ", (Item((Element(0x00401001, "SH", b"RP"),)),)),
)


def written(elements: Elements, encoding: Encoding, source: bytes = b"") -> bytes:
    """The elements as bytes."""
    target = io.BytesIO()
    dicom.write(elements, encoding, io.BytesIO(source), target.write)
    assert target.tell() == dicom.size(elements, encoding)
    return target.getvalue()


def read(raw: bytes, encoding: Encoding = EXPLICIT_LITTLE) -> Elements:
    """The elements of these bytes."""
    return dicom.read(io.BytesIO(raw), 0, encoding)[0]


@pytest.mark.parametrize("path", samples(), ids=lambda path: path.name)
def test_what_nobody_changed_is_written_as_it_was(path: Path) -> None:
    with path.open("rb") as file:
        try:
            syntax, offset = file_meta(file)
        except HeaderUnreadable:
            return  # no Part 10 file
        if syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            return  # these are inflated first
        encoding = dicom.encoding_of(syntax)
        try:
            elements, end = dicom.read(file, offset, encoding)
        except Malformed:
            assert path.name in {"SC_rgb_jpeg.dcm", "rtplan_truncated.dcm"}  # DCMTK gives up on them, too
            return
        target = io.BytesIO()
        dicom.write(elements, encoding, file, target.write)
        file.seek(offset)
        assert target.getvalue() == file.read(end - offset)


@pytest.mark.parametrize("encoding", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_items_keep_their_ways_of_ending(encoding: Encoding) -> None:
    assert read(written(NESTED, encoding), encoding) == NESTED


def test_reading_ends_before_the_pixels_and_says_where() -> None:
    head = written(NESTED, EXPLICIT_LITTLE)
    file = io.BytesIO(head + b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff whatever")
    assert dicom.read(file, 0, EXPLICIT_LITTLE) == (NESTED, len(head))


def test_encapsulated_pixels_are_one_value_with_its_delimiter() -> None:
    fragments = b"\xfe\xff\x00\xe0\0\0\0\0\xfe\xff\x00\xe0\4\0\0\0abcd\xfe\xff\xdd\xe0\0\0\0\0"
    after = Element(0xFFFCFFFC, "OB", b"\0\0")
    raw = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + fragments + written((after,), EXPLICIT_LITTLE)
    elements, end = dicom.read(io.BytesIO(raw), 0, EXPLICIT_LITTLE, stop=None)
    assert elements == (Element(0x7FE00010, "OB", fragments, undefined=True), after)
    assert end == len(raw)
    assert written(elements, EXPLICIT_LITTLE) == raw


def test_large_values_stay_in_the_file_but_texts_do_not() -> None:
    large = bytes(dicom.LARGEST_IN_MEMORY + 2)
    raw = written((Element(0x00091010, "UN", large), Element(0x0040A160, "UT", large)), EXPLICIT_LITTLE)
    binary, text = read(raw)
    assert binary.value == Span(12, len(large))
    assert binary.raw == b""
    assert text.value == large
    assert written((binary, text), EXPLICIT_LITTLE, raw) == raw


def test_a_sequence_of_unknown_vr_is_kept_as_it_stands() -> None:
    inside = written(
        (Element(0x00081140, "SQ", (Item((Element(0x00081155, "UI", b"1.2"),), undefined=True),)),), IMPLICIT_LITTLE
    )
    item = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(inside)) + inside + b"\xfe\xff\xdd\xe0\0\0\0\0"
    raw = struct.pack("<HH2sHL", 0x0009, 0x1001, b"UN", 0, 0xFFFFFFFF) + item
    (element,) = read(raw)
    assert (element.vr, element.value, element.undefined) == ("UN", item, True)
    assert written((element,), EXPLICIT_LITTLE) == raw


def test_implicit_elements_have_the_vr_of_the_dictionary() -> None:
    elements = (
        Element(0x00090010, "LO", b"GEMS_IDEN_01"),
        Element(0x00091002, "SH", b"CT01"),
        Element(0x000910FF, "UN", b"ab"),
        Element(0x00280106, "US or SS", b"\1\0"),
        Element(0x00290000, "UL", b"\0\0\0\0"),
        Element(0x02000001, "UN", b"ab"),
    )
    assert read(written(elements, IMPLICIT_LITTLE), IMPLICIT_LITTLE) == elements


def test_words_are_turned_round_and_what_is_left_over_stays() -> None:
    assert dicom.turned(b"abcde", 1) == b"abcde"
    assert dicom.turned(b"abcde", 2) == b"badce"
    assert dicom.turned(b"abcdefgh", 4) == b"dcbahgfe"
    pieces: list[bytes] = []
    dicom.copy(io.BytesIO(b"..abcd"), Span(2, 4, width=2), pieces.append)
    assert b"".join(pieces) == b"badc"


def test_elements_are_put_in_their_places_and_taken_out() -> None:
    new = dicom.put_in(NESTED, Element(0x00100010, "PN", b"A "), Element(0x00080018, "UI", b"9.9\0"))
    assert [element.tag for element in new] == [0x00080018, 0x00081140, 0x00100010, 0x00400275]
    found = dicom.find(new, 0x00080018)
    assert found is not None
    assert found.raw == b"9.9\0"
    assert dicom.without(new, [0x00100010, 0x00080018]) == NESTED[1:]


def test_group_lengths_go_at_every_depth() -> None:
    length = Element(0x00080000, "UL", b"\0\0\0\0")
    before = (length, Element(0x00081140, "SQ", (Item((length, NESTED[0])),)))
    assert dicom.without_group_lengths(before) == (Element(0x00081140, "SQ", (Item((NESTED[0],)),)),)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x08\x00",
        b"\x08\x00\x18\x00U1\x02\x00ab",
        b"\x08\x00\x18\x00\xff\xff\x02\x00ab",
        b"\x08\x00\x18\x00UI\x09\x00ab",
        b"\x08\x00\x40\x11SQ\0\0\x0a\0\0\0\x08\x00\x18\x00UI\2\0ab",
        b"\x08\x00\x40\x11SQ\0\0\x08\0\0\0\xfe\xff\x00\xe0\xff\0\0\0",
        b"\x09\x00\x01\x10OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\0\0\0",
        b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 40,
    ],
)
def test_nonsense_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read(raw)


def test_a_header_of_many_megabytes_is_not_taken_into_memory() -> None:
    one = written((Element(0x0040A160, "UT", bytes(8 * 1024 * 1024)),), EXPLICIT_LITTLE)
    with pytest.raises(Malformed, match="more in front of the pixels"):
        read(one * 9)


def test_a_file_that_became_shorter_is_noticed() -> None:
    with pytest.raises(Malformed, match="shorter"):
        dicom.copy(io.BytesIO(b"ab"), Span(0, 4), print)


@given(st.binary(max_size=300), st.sampled_from([EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG]))
def test_random_bytes_are_elements_or_malformed(raw: bytes, encoding: Encoding) -> None:
    try:
        elements, _ = dicom.read(io.BytesIO(raw), 0, encoding)
    except Malformed:
        return
    assert dicom.size(elements, encoding) >= 0
