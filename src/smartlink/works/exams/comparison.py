"""Whether two files are one image in two Transfer Syntaxes: attribute by attribute, pixels decoded (R152). Pure.

What may differ without meaning anything: group lengths, padding, the VR where only one side tells it, and what merely
describes how pixels are encoded. Pixels are compared as values, and only where neither file lost any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from pydicom.datadict import keyword_for_tag

from smartlink.works.exams import elements as dicom
from smartlink.works.exams.derived import PIXEL_DATA, UNCOMPRESSED
from smartlink.works.exams.elements import IMPLICIT_LITTLE, TEXT_VRS, Element, Elements, Malformed, Span
from smartlink.works.exams.explicit import explicit_little
from smartlink.works.exams.object_file import Source, opened

LOSSLESS: Final = UNCOMPRESSED | {
    "1.2.840.10008.1.2.1.98",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.8.1",
}
"""Transfer Syntaxes whose decoded values are exactly those that were encoded."""

_MEANING: Final = (0x00280004, 0x00280006)  # Photometric Interpretation, Planar Configuration: of native pixels
# Offset tables and padding besides: how pixels are encoded, not what they are.
_ENCODING: Final = frozenset({*_MEANING, 0x7FE00001, 0x7FE00002, 0x7FE00003, PIXEL_DATA, 0xFFFCFFFC})
_PADDED: Final = TEXT_VRS | frozenset("AE AS CS DA DS DT IS TM UI UR".split())

Pixels = Callable[[Path], str | None]
"""Something that is equal where the decoded pixels are, with what they mean; None where they cannot be decoded."""


def compare(one: Path, other: Path, pixels: Pixels) -> tuple[str, ...]:
    """The keywords (or tags) of the top-level attributes in which the two files differ; none when they are one image.

    Raises CannotDerive when one of them is not encoded as DICOM prescribes.
    """
    with opened(one) as first, opened(other) as second:
        left, right = _read(first), _read(second)
        differing = set(_differing(left, right, first.file, second.file))
        if not _same_pixels(_Side(one, first, left), _Side(other, second, right), pixels):
            differing.add(PIXEL_DATA)
    return tuple(_name(tag) for tag in sorted(differing))


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two."""

    path: Path
    source: Source
    elements: dict[int, Element]


def _read(source: Source) -> dict[int, Element]:
    elements, _ = dicom.read(source.file, source.offset, source.encoding, stop=None)
    return {element.tag: element for element in explicit_little(elements, source.encoding)}


def _differing(left: dict[int, Element], right: dict[int, Element], first: BinaryIO, second: BinaryIO) -> Iterator[int]:
    for tag in (left.keys() | right.keys()) - _ENCODING:
        one, other = left.get(tag), right.get(tag)
        if one is None or other is None or not _same(one, other, first, second):
            yield tag


def _same(one: Element, other: Element, first: BinaryIO, second: BinaryIO) -> bool:
    if isinstance(one.value, tuple) or isinstance(other.value, tuple):
        return _same_items(_items(one), _items(other), first, second)
    if isinstance(one.value, Span) or isinstance(other.value, Span):
        return _digest(one, first) == _digest(other, second)
    if {one.vr, other.vr} & (_PADDED | {"UN"}):
        return one.raw.rstrip(b" \0") == other.raw.rstrip(b" \0")
    return one.raw == other.raw


def _same_items(
    left: tuple[Elements, ...] | None, right: tuple[Elements, ...] | None, first: BinaryIO, second: BinaryIO
) -> bool:
    if left is None or right is None or len(left) != len(right):
        return False
    return all(
        not any(_differing({e.tag: e for e in one}, {e.tag: e for e in other}, first, second))
        for one, other in zip(left, right, strict=True)
    )


def _items(element: Element) -> tuple[Elements, ...] | None:
    """The items of a sequence, also of one whose VR an implicit Data Set did not tell; None for anything else."""
    if isinstance(element.value, tuple):
        return tuple(item.elements for item in element.value)
    if element.vr != "UN":
        return None
    try:
        found = dicom.read_items(element.raw, IMPLICIT_LITTLE)
    except Malformed:
        return None
    return tuple(explicit_little(item.elements, IMPLICIT_LITTLE) for item in found)


def _digest(element: Element, file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    if isinstance(element.value, Span):
        dicom.copy(file, element.value, digest.update)
    else:
        digest.update(element.raw)
    return digest.digest()


def _same_pixels(one: _Side, other: _Side, pixels: Pixels) -> bool:
    left, right = one.elements.get(PIXEL_DATA), other.elements.get(PIXEL_DATA)
    if left is None or right is None:
        return left is right
    syntaxes = {one.source.syntax, other.source.syntax}
    if syntaxes <= UNCOMPRESSED and all(one.elements.get(tag) == other.elements.get(tag) for tag in _MEANING):
        return _same(left, right, one.source.file, other.source.file)  # in one order of bytes already
    if not syntaxes <= LOSSLESS:
        return False
    found = pixels(one.path)
    return found is not None and found == pixels(other.path)


def _name(tag: int) -> str:
    return keyword_for_tag(tag) or f"{tag >> 16:04X},{tag & 0xFFFF:04X}"
