"""Every uncompressed encoding becomes the same Explicit VR Little Endian."""

import io

import pytest

from smartlink.works.exams import elements as dicom
from smartlink.works.exams.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Element,
    Elements,
    Encoding,
    Item,
)
from smartlink.works.exams.explicit import explicit_little
from tests.works.exams.test_elements import written

LITTLE: Elements = (
    Element(0x00080018, "UI", b"1.2.3\0"),
    Element(0x00081140, "SQ", (Item((Element(0x00081160, "IS", b"1 "),), undefined=True),), undefined=True),
    Element(
        0x00186011, "SQ", (Item((Element(0x00186018, "UL", b"\1\2\3\4"), Element(0x0018602C, "FD", bytes(range(8))))),)
    ),
    Element(0x00280009, "AT", b"\x18\x00\x63\x10"),
    Element(0x00280010, "US", b"\1\2"),
    Element(0x00280103, "US", b"\0\0"),
    Element(0x00280106, "US", b"\1\2"),
    Element(0x7FE00010, "OW", b"\1\2\3\4"),
)
BIG: Elements = (
    Element(0x00080018, "UI", b"1.2.3\0"),
    Element(0x00081140, "SQ", (Item((Element(0x00081160, "IS", b"1 "),), undefined=True),), undefined=True),
    Element(
        0x00186011,
        "SQ",
        (Item((Element(0x00186018, "UL", b"\4\3\2\1"), Element(0x0018602C, "FD", bytes(range(8))[::-1]))),),
    ),
    Element(0x00280009, "AT", b"\x00\x18\x10\x63"),
    Element(0x00280010, "US", b"\2\1"),
    Element(0x00280103, "US", b"\0\0"),
    Element(0x00280106, "US", b"\2\1"),
    Element(0x7FE00010, "OW", b"\2\1\4\3"),
)


def read(elements: Elements, encoding: Encoding) -> Elements:
    """The elements as they come back from a file of this encoding."""
    return dicom.read(io.BytesIO(written(elements, encoding)), 0, encoding, stop=None)[0]


@pytest.mark.parametrize(
    ("elements", "encoding"), [(LITTLE, EXPLICIT_LITTLE), (LITTLE, IMPLICIT_LITTLE), (BIG, EXPLICIT_BIG)]
)
def test_the_values_are_the_same_whatever_they_were_encoded_in(elements: Elements, encoding: Encoding) -> None:
    assert explicit_little(read(elements, encoding), encoding) == LITTLE


@pytest.mark.parametrize(("sign", "vr"), [(b"\0\0", "US"), (b"\1\0", "SS")])
def test_pixel_values_have_the_sign_of_the_pixels(sign: bytes, vr: str) -> None:
    lut = Element(
        0x00283000, "SQ", (Item((Element(0x00283002, "US", b"\1\0\1\0\1\0"), Element(0x00283006, "OW", b"ab"))),)
    )
    given = (Element(0x00280103, "US", sign), Element(0x00280106, "US", b"\1\0"), lut)
    new = explicit_little(read(given, IMPLICIT_LITTLE), IMPLICIT_LITTLE)
    assert [element.vr for element in new] == ["US", vr, "SQ"]
    assert [element.vr for element in new[2].items[0].elements] == [vr, "OW"]


def test_what_no_dictionary_knows_stays_as_it_is() -> None:
    given = (Element(0x00091001, "UN", b"\1\2\3\4"),)
    assert explicit_little(read(given, IMPLICIT_LITTLE), IMPLICIT_LITTLE) == given


def test_what_is_too_long_for_its_vr_is_of_unknown_vr() -> None:
    given = (Element(0x00081030, "LO", b"a" * 70_000),)
    (element,) = explicit_little(read(given, IMPLICIT_LITTLE), IMPLICIT_LITTLE)
    assert element.vr == "UN"
    assert written((element,), EXPLICIT_LITTLE).startswith(b"\x08\x00\x30\x10UN\0\0\x70\x11\x01\x00")


def test_large_words_are_turned_round_while_they_are_copied() -> None:
    raw = written((Element(0x7FE00010, "OW", b"\1\2" * 40_000),), EXPLICIT_BIG)
    new = explicit_little(dicom.read(io.BytesIO(raw), 0, EXPLICIT_BIG, stop=None)[0], EXPLICIT_BIG)
    assert written(new, EXPLICIT_LITTLE, raw)[12:] == b"\2\1" * 40_000
