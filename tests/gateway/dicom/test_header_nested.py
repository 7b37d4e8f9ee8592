"""The walker against pydicom on Data Sets of any shape: nested sequences, undefined lengths, every VR there is.

The Data Sets are written here, byte by byte, since pydicom writes only what it finds sensible.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import read_dataset

from smartlink.gateway.dicom import header as under_test
from smartlink.gateway.dicom.header import WANTED, attributes
from smartlink.standard.transfer_syntax import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

SYNTAXES = (IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN)
LONG = "OB OD OF OL OV OW SV UC UN UR UT UV".split()
SHORT = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()
UNDEFINED = 0xFFFFFFFF
IDENTITY = {0x00080016: b"1.2.840.10008.5.1.4.1.1.6.1\0", 0x00080018: b"1.2.3.4\0"}
PLAIN = [wanted for wanted in WANTED if wanted.tag not in {*IDENTITY, 0x00080005}]
"""Specific Character Set decides how others read and has tests of its own."""


@dataclass(frozen=True)
class Element:
    """One element; `items` make it a sequence."""

    tag: int
    vr: str
    value: bytes = b""
    items: tuple[Item, ...] = ()
    undefined: bool = False


@dataclass(frozen=True)
class Item:
    """One item of a sequence."""

    elements: tuple[Element, ...] = ()
    undefined: bool = False


@dataclass
class Writer:
    """Writes Data Sets in one Transfer Syntax."""

    syntax: str
    order: str = field(init=False)

    def __post_init__(self) -> None:
        self.order = ">" if self.syntax == EXPLICIT_VR_BIG_ENDIAN else "<"

    def data_set(self, elements: tuple[Element, ...]) -> bytes:
        return b"".join(self.element(one) for one in elements)

    def element(self, one: Element) -> bytes:
        value = self.sequence(one) if one.vr == "SQ" else one.value
        length = UNDEFINED if one.undefined else len(value)
        tag = struct.pack(f"{self.order}HH", one.tag >> 16, one.tag & 0xFFFF)
        if self.syntax == IMPLICIT_VR_LITTLE_ENDIAN:
            return tag + struct.pack("<I", length) + value
        vr = one.vr.encode()
        if one.vr in SHORT:
            return tag + vr + struct.pack(f"{self.order}H", length) + value
        return tag + vr + struct.pack(f"{self.order}2xI", length) + value

    def sequence(self, one: Element) -> bytes:
        items = b"".join(self.item(item) for item in one.items)
        return items + self.delimiter(0xE0DD, 0) if one.undefined else items

    def item(self, item: Item) -> bytes:
        inner = self.data_set(item.elements)
        if item.undefined:
            return self.delimiter(0xE000, UNDEFINED) + inner + self.delimiter(0xE00D, 0)
        return self.delimiter(0xE000, len(inner)) + inner

    def delimiter(self, element: int, length: int) -> bytes:
        return struct.pack(f"{self.order}HHI", 0xFFFE, element, length)


def even(raw: bytes) -> bytes:
    return raw + b" " * (len(raw) % 2)


TEXT = st.text("AB019.^=- ", max_size=30).map(lambda text: even(text.encode()))
BYTES = st.binary(max_size=24).map(even)
NOISE_TAGS = st.one_of(
    st.integers(0x00091000, 0x000910FF),
    st.integers(0x00080110, 0x00082230),
    st.integers(0x00181000, 0x00189999),
    st.integers(0x00211000, 0x002110FF),
).filter(lambda tag: tag not in {wanted.tag for wanted in WANTED})
PLAIN_ELEMENTS = st.builds(Element, NOISE_TAGS, st.sampled_from(SHORT + LONG), BYTES)


def in_order(elements: list[Element]) -> tuple[Element, ...]:
    return tuple(sorted({one.tag: one for one in elements}.values(), key=lambda one: one.tag))


def sequences(inner: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
    wanted_within = st.sampled_from(PLAIN).map(lambda wanted: Element(wanted.tag, wanted.vr, b"IN"))
    elements = st.lists(inner | wanted_within, max_size=3).map(in_order)
    items = st.lists(st.builds(Item, elements, st.booleans()), max_size=3).map(tuple)
    return st.builds(Element, NOISE_TAGS, st.just("SQ"), st.just(b""), items, st.booleans())


NESTED = st.recursive(PLAIN_ELEMENTS, sequences, max_leaves=8) | sequences(PLAIN_ELEMENTS)


@st.composite
def data_sets(draw: st.DrawFn) -> tuple[Element, ...]:
    """Top-level elements in the order of their tags, with pixels at the end."""
    found = [Element(tag, "UI", value) for tag, value in IDENTITY.items()]
    for wanted in draw(st.lists(st.sampled_from(PLAIN), unique=True, max_size=12)):
        value = st.binary(min_size=2, max_size=2) if wanted.vr == "US" else TEXT
        found.append(Element(wanted.tag, wanted.vr, draw(value)))
    found += draw(st.lists(NESTED, max_size=6))
    found.append(Element(0x7FE00010, "OB", draw(BYTES)))
    return in_order(found)


def by_pydicom(raw: bytes, syntax: str) -> dict[int, bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = read_dataset(
            io.BytesIO(raw),
            is_implicit_VR=syntax == IMPLICIT_VR_LITTLE_ENDIAN,
            is_little_endian=syntax != EXPLICIT_VR_BIG_ENDIAN,
        )
        there = [wanted.tag for wanted in WANTED if wanted.tag in found]
        return {tag: value_of(found.get_item(tag)) for tag in there}


def value_of(element: object) -> bytes:
    """Its bytes as they were read; pydicom holds an element without a value as something else."""
    if isinstance(element, RawDataElement):
        return element.value or b""
    assert isinstance(element, DataElement)
    assert element.is_empty
    return b""


@settings(max_examples=120)
@given(data_sets(), st.sampled_from(SYNTAXES))
def test_the_walker_takes_the_same_bytes_as_pydicom_and_needs_no_help(
    elements: tuple[Element, ...], syntax: str
) -> None:
    raw = Writer(syntax).data_set(elements)
    walker = under_test._Walker(  # noqa: SLF001 - the walker without the help behind it
        io.BytesIO(raw), explicit=syntax != IMPLICIT_VR_LITTLE_ENDIAN, big_endian=syntax == EXPLICIT_VR_BIG_ENDIAN
    )
    walked = walker.walk()
    assert walked == by_pydicom(raw, syntax)
    wanted = {one.tag for one in WANTED}
    assert walked == {one.tag: one.value for one in elements if one.tag in wanted}


@settings(max_examples=60)
@given(data_sets(), st.sampled_from(SYNTAXES))
def test_the_header_is_what_was_written(elements: tuple[Element, ...], syntax: str) -> None:
    found = attributes(io.BytesIO(Writer(syntax).data_set(elements)), syntax)
    written = {one.tag: one.value for one in elements}
    for wanted in PLAIN:
        ours = getattr(found, wanted.name)
        if wanted.tag not in written:
            assert not ours
        elif wanted.vr == "US":
            assert ours == int.from_bytes(written[wanted.tag], "big" if syntax == EXPLICIT_VR_BIG_ENDIAN else "little")
        else:
            assert ours == written[wanted.tag].decode().rstrip(" ")


@settings(max_examples=60)
@given(data_sets(), st.sampled_from(SYNTAXES), st.data())
def test_a_data_set_cut_anywhere_is_unreadable_or_says_the_same(
    elements: tuple[Element, ...], syntax: str, data: st.DataObject
) -> None:
    """A cut behind what is wanted changes nothing; a cut before it is never filled with something else."""
    raw = Writer(syntax).data_set(elements)
    whole = attributes(io.BytesIO(raw), syntax)
    cut = raw[: data.draw(st.integers(0, len(raw)))]
    try:
        found = attributes(io.BytesIO(cut), syntax)
    except under_test.HeaderUnreadable:
        return
    for wanted in WANTED:
        ours = getattr(found, wanted.name)
        assert not ours or ours == getattr(whole, wanted.name)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_thousand_levels_are_passed_over(syntax: str) -> None:
    writer = Writer(syntax)
    inner = writer.delimiter(0xE000, UNDEFINED) + writer.delimiter(0xE00D, 0)
    head = writer.element(Element(0x00081110, "SQ", undefined=True))[:-8]
    for _ in range(1000):
        begin, end = writer.delimiter(0xE000, UNDEFINED) + head, writer.delimiter(0xE0DD, 0)
        inner = begin + inner + end + writer.delimiter(0xE00D, 0)
    raw = writer.data_set(in_order([Element(tag, "UI", value) for tag, value in IDENTITY.items()]))
    raw += head + inner + writer.delimiter(0xE0DD, 0) + writer.element(Element(0x00280010, "US", b"\1\1"))
    assert attributes(io.BytesIO(raw), syntax).rows == 257
