"""A Data Set as its elements, read and written without changing a byte that nobody asked to change (PS3.5 section 7).

What is read ends before the pixels; large values stay in the file as a `Span`, and so does whatever is not
understood. Everything is a frozen value: a changed Data Set is another one that shares what did not change.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final

from pydicom.datadict import dictionary_VR, private_dictionary_VR

from smartlink.standard.transfer_syntax import EXPLICIT_VR_BIG_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

FIRST_OF_PIXELS: Final = 0x7FE00000
UNDEFINED: Final = 0xFFFFFFFF
LARGEST_IN_MEMORY: Final = 64 * 1024
_MOST_BYTES: Final = 64 * 1024 * 1024
_DEEPEST: Final = 32
_PIECE: Final = 1024 * 1024
_CREATORS: Final = range(0x10, 0x100)

ITEM: Final = 0xFFFEE000
ITEM_DELIMITATION: Final = 0xFFFEE00D
SEQUENCE_DELIMITATION: Final = 0xFFFEE0DD

# PS3.5 section 7.1.2: those with a 32-bit length, and the others.
LONG_VRS: Final = frozenset("OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
SHORT_VRS: Final = frozenset("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
# Those whose characters Specific Character Set decides (PS3.5 section 6.1.2.3).
TEXT_VRS: Final = frozenset("LO LT PN SH ST UC UT".split())
# VRs without a value of their own in the dictionary: which one it is depends on other attributes (PS3.5 Annex A.1).
AMBIGUOUS_SHORT: Final = frozenset({"US or SS", "US or SS or OW"})


class Malformed(ValueError):
    """The bytes are not a Data Set in this encoding; the message holds no value of it."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written: with or without VR, in which order of bytes."""

    implicit: bool = False
    big: bool = False

    @property
    def order(self) -> str:
        """As `struct` has it."""
        return ">" if self.big else "<"


EXPLICIT_LITTLE: Final = Encoding()
IMPLICIT_LITTLE: Final = Encoding(implicit=True)
EXPLICIT_BIG: Final = Encoding(big=True)


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """The encoding of a Transfer Syntax; of a deflated one once it is inflated."""
    if transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN:
        return IMPLICIT_LITTLE
    return EXPLICIT_BIG if transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN else EXPLICIT_LITTLE


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes that stay where they are, in the file they were read from; copied with words of `width` turned round."""

    offset: int
    length: int
    width: int = 1


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a sequence."""

    elements: Elements
    undefined: bool = False


@dataclass(frozen=True, slots=True)
class Element:
    """One element. `value` is raw, with its padding; of undefined length it ends with its delimiter, but for items."""

    tag: int
    vr: str
    value: bytes | Span | tuple[Item, ...]
    undefined: bool = False

    @property
    def items(self) -> tuple[Item, ...]:
        """The items of a sequence; none of anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def raw(self) -> bytes:
        """The value's bytes; none of a sequence and of what is too large to be anything that one would look at."""
        return self.value if isinstance(self.value, bytes) else b""


Elements = tuple[Element, ...]


def read(file: BinaryIO, offset: int, encoding: Encoding, stop: int | None = FIRST_OF_PIXELS) -> tuple[Elements, int]:
    """The elements from `offset` up to the tag `stop`, and where that begins (or the file ends). Raises Malformed."""
    file.seek(0, 2)
    reader = _Reader(file, file.tell(), encoding)
    file.seek(offset)
    try:
        elements = tuple(reader.elements(reader.end, 0, stop))
    except (struct.error, UnicodeDecodeError) as error:
        message = "The Data Set ends in the middle of an element."
        raise Malformed(message) from error
    return elements, file.tell()


def read_items(raw: bytes, encoding: Encoding) -> tuple[Item, ...]:
    """The items that a sequence's value holds. Raises Malformed."""
    try:
        return tuple(_Reader(BytesIO(raw), len(raw), encoding).items(len(raw), 1))
    except (struct.error, UnicodeDecodeError) as error:
        message = "The value is no sequence of items."
        raise Malformed(message) from error


class _Reader:
    """Reads elements from where the file stands."""

    def __init__(self, file: BinaryIO, end: int, encoding: Encoding) -> None:
        self.end = end
        self._file = file
        self._encoding = encoding
        self._tag = struct.Struct(f"{encoding.order}HH")
        self._u16 = struct.Struct(f"{encoding.order}H")
        self._u32 = struct.Struct(f"{encoding.order}L")
        self._taken = 0

    def elements(self, end: int, depth: int, stop: int | None = None) -> Iterator[Element]:
        """The elements up to `end`, or the first one from `stop` on, or the delimiter of an item."""
        creators: dict[int, str] = {}
        while (at := self._file.tell()) < end:
            tag = self._read_tag()
            if stop is not None and tag >= stop:
                self._file.seek(at)
                return
            if tag == ITEM_DELIMITATION:
                self._length()
                return
            element = self._element(tag, end, depth, creators)
            if _is_creator(tag):
                creators[tag] = element.raw.decode("ascii", "replace").strip(" \0")
            yield element

    def _element(self, tag: int, end: int, depth: int, creators: dict[int, str]) -> Element:
        vr, length = self._vr_and_length(tag, creators)
        if length == UNDEFINED:
            return self._undefined(tag, vr, end, depth)
        at = self._file.tell()
        if at + length > end:
            message = "An element is longer than what it stands in."
            raise Malformed(message)
        if vr == "SQ":
            items = tuple(self.items(at + length, depth + 1))
            return Element(tag, vr, items)
        return Element(tag, vr, self._value(vr, at, length))

    def items(self, end: int, depth: int) -> Iterator[Item]:
        """The items of a sequence that ends at `end`, or with its delimiter."""
        if depth > _DEEPEST:
            message = "Sequences are nested too deeply."
            raise Malformed(message)
        while self._file.tell() < end:
            tag, length = self._read_tag(), self._length()
            if tag == SEQUENCE_DELIMITATION:
                return
            if tag != ITEM:
                message = "A sequence holds something else than items."
                raise Malformed(message)
            undefined = length == UNDEFINED
            until = end if undefined else self._file.tell() + length
            if until > end:
                message = "An item is longer than its sequence."
                raise Malformed(message)
            yield Item(tuple(self.elements(until, depth)), undefined)

    def _undefined(self, tag: int, vr: str, end: int, depth: int) -> Element:
        """A sequence of items; of any other VR the bytes as they stand, with their delimiter."""
        start = self._file.tell()
        if vr == "SQ" or (self._encoding.implicit and vr not in {"OB", "OW", "OB or OW"}):
            return Element(tag, "SQ", tuple(self.items(end, depth + 1)), undefined=True)
        if vr == "UN":  # PS3.5 section 6.2.2, note 2: items in Implicit VR Little Endian, whatever stands around
            inner = _Reader(self._file, self.end, IMPLICIT_LITTLE)
            for _ in inner.items(end, depth + 1):
                pass
        else:
            self._skip_fragments(end)
        length = self._file.tell() - start
        return Element(tag, vr, self._value(vr, start, length), undefined=True)

    def _skip_fragments(self, end: int) -> None:
        while self._file.tell() < end:
            tag, length = self._read_tag(), self._length()
            if tag == SEQUENCE_DELIMITATION:
                return
            if tag != ITEM or self._file.tell() + length > end:
                break
            self._file.seek(length, 1)
        message = "Encapsulated pixels have no end."
        raise Malformed(message)

    def _value(self, vr: str, at: int, length: int) -> bytes | Span:
        if length > LARGEST_IN_MEMORY and vr not in TEXT_VRS:
            self._file.seek(at + length)
            return Span(at, length)
        self._file.seek(at)
        self._taken += length
        if self._taken > _MOST_BYTES:
            message = "There is more in front of the pixels than any image has."
            raise Malformed(message)
        return self._file.read(length)

    def _vr_and_length(self, tag: int, creators: dict[int, str]) -> tuple[str, int]:
        if self._encoding.implicit:
            return vr_of(tag, creators), self._length()
        vr = self._file.read(2).decode("ascii")
        if vr in SHORT_VRS:
            return vr, int(self._u16.unpack(self._file.read(2))[0])
        if vr not in LONG_VRS:
            message = "An element has no Value Representation that the standard knows."
            raise Malformed(message)
        self._file.seek(2, 1)
        return vr, self._length()

    def _read_tag(self) -> int:
        group, element = self._tag.unpack(self._file.read(4))
        return int(group) << 16 | int(element)

    def _length(self) -> int:
        return int(self._u32.unpack(self._file.read(4))[0])


def vr_of(tag: int, creators: dict[int, str]) -> str:
    """The VR that the dictionary has for a tag, ambiguous ones as it prints them; UN when it has none."""
    if tag & 0xFFFF == 0:
        return "UL"
    try:
        if not tag >> 16 & 1:
            return dictionary_VR(tag)
        if _is_creator(tag):
            return "LO"
        creator = creators.get(tag & 0xFFFF0000 | tag >> 8 & 0xFF)
        return private_dictionary_VR(tag, creator) if creator else "UN"
    except KeyError:
        return "UN"


def _is_creator(tag: int) -> bool:
    """Whether the tag names the owner of a private block (PS3.5 section 7.8.1)."""
    return bool(tag >> 16 & 1) and tag & 0xFFFF in _CREATORS


def size(elements: Iterable[Element], encoding: Encoding) -> int:
    """How many bytes `write` writes."""
    return sum(_head_size(element, encoding) + value_size(element, encoding) for element in elements)


def value_size(element: Element, encoding: Encoding) -> int:
    """Bytes of the value alone."""
    if isinstance(element.value, tuple):
        inside = sum(8 + size(item.elements, encoding) + 8 * item.undefined for item in element.value)
        return inside + 8 * element.undefined
    return element.value.length if isinstance(element.value, Span) else len(element.value)


def write(elements: Iterable[Element], encoding: Encoding, source: BinaryIO, put: Callable[[bytes], object]) -> None:
    """Hand the elements to `put` in pieces; `source` is the file that their spans lie in."""
    for element in elements:
        put(_head(element, encoding))
        if isinstance(element.value, tuple):
            _write_items(element, encoding, source, put)
        elif isinstance(element.value, Span):
            copy(source, element.value, put)
        else:
            put(element.value)


def copy(source: BinaryIO, span: Span, put: Callable[[bytes], object]) -> None:
    """Hand over the bytes of a span in pieces."""
    source.seek(span.offset)
    left = span.length
    while left:
        piece = source.read(min(left, _PIECE))
        if not piece:
            message = "The file became shorter while it was read."
            raise Malformed(message)
        left -= len(piece)
        put(turned(piece, span.width))


def turned(raw: bytes, width: int) -> bytes:
    """The words of so many bytes in the other order of bytes; what is left over at the end stays."""
    if width == 1:
        return raw
    whole = len(raw) - len(raw) % width
    words = bytearray(raw)
    for at in range(width):
        words[at:whole:width] = raw[width - 1 - at : whole : width]
    return bytes(words)


def _write_items(element: Element, encoding: Encoding, source: BinaryIO, put: Callable[[bytes], object]) -> None:
    for item in element.items:
        length = UNDEFINED if item.undefined else size(item.elements, encoding)
        put(_mark(ITEM, length, encoding))
        write(item.elements, encoding, source, put)
        if item.undefined:
            put(_mark(ITEM_DELIMITATION, 0, encoding))
    if element.undefined:
        put(_mark(SEQUENCE_DELIMITATION, 0, encoding))


def _mark(tag: int, length: int, encoding: Encoding) -> bytes:
    return struct.pack(f"{encoding.order}HHL", tag >> 16, tag & 0xFFFF, length)


def _head(element: Element, encoding: Encoding) -> bytes:
    length = UNDEFINED if element.undefined else value_size(element, encoding)
    tag, order = (element.tag >> 16, element.tag & 0xFFFF), encoding.order
    if encoding.implicit:
        return struct.pack(f"{order}HHL", *tag, length)
    vr = element.vr.encode("ascii")
    if element.vr in LONG_VRS:
        return struct.pack(f"{order}HH2sHL", *tag, vr, 0, length)
    return struct.pack(f"{order}HH2sH", *tag, vr, length)


def _head_size(element: Element, encoding: Encoding) -> int:
    return 8 if encoding.implicit or element.vr not in LONG_VRS else 12


def find(elements: Iterable[Element], tag: int) -> Element | None:
    """The element of this tag."""
    return next((element for element in elements if element.tag == tag), None)


def put_in(elements: Elements, *changed: Element) -> Elements:
    """The same Data Set with these elements in their places, instead of those of their tags."""
    tags = {element.tag for element in changed}
    kept = [element for element in elements if element.tag not in tags]
    return tuple(sorted([*kept, *changed], key=lambda element: element.tag))


def without(elements: Elements, tags: Iterable[int]) -> Elements:
    """The same Data Set without these."""
    gone = frozenset(tags)
    return tuple(element for element in elements if element.tag not in gone)


def without_group_lengths(elements: Elements) -> Elements:
    """The same Data Set without group lengths, at any depth: they are retired, and wrong once something changed."""
    return tuple(with_items(element, without_group_lengths) for element in elements if element.tag & 0xFFFF)


def with_items(element: Element, change: Callable[[Elements], Elements]) -> Element:
    """The same element, its items changed; whatever is no sequence stays as it is."""
    if not isinstance(element.value, tuple):
        return element
    items = tuple(Item(change(item.elements), item.undefined) for item in element.value)
    return Element(element.tag, element.vr, items, element.undefined)
