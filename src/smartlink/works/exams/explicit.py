"""A Data Set in Explicit VR Little Endian, which every archive takes (PS3.5 sections 7.1, 7.3 and Annex A.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from smartlink.works.exams.elements import (
    LONG_VRS,
    Element,
    Elements,
    Encoding,
    Item,
    Span,
    find,
    turned,
    value_size,
    without_group_lengths,
)

PIXEL_REPRESENTATION: Final = 0x00280103
_LARGEST_SHORT: Final = 0xFFFF
_WIDTHS: Final = {
    **dict.fromkeys("US SS OW AT".split(), 2),
    **dict.fromkeys("UL SL FL OL OF".split(), 4),
    **dict.fromkeys("FD OD SV UV OV".split(), 8),
}
# Where the dictionary leaves a choice (PS3.5 Annex A.1 and A.2): pixels of an implicit Data Set are always words.
_CHOSEN: Final = {"OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "OW"}


def explicit_little(elements: Elements, encoding: Encoding) -> Elements:
    """The same values, with their VR and in little-endian order, from what was read in `encoding`.

    What no dictionary knows is UN. Group lengths are left out: they would be wrong.
    """
    return _converted(without_group_lengths(elements), encoding, signed=False)


def _converted(elements: Elements, encoding: Encoding, *, signed: bool) -> Elements:
    """`signed`: whether the pixels around have signs, which decides the VR of what is compared with them."""
    representation = find(elements, PIXEL_REPRESENTATION)
    if representation is not None:
        signed = any(representation.raw)
    return tuple(_one(element, encoding, signed=signed) for element in elements)


def _one(element: Element, encoding: Encoding, *, signed: bool) -> Element:
    if isinstance(element.value, tuple):
        items = (Item(_converted(item.elements, encoding, signed=signed), item.undefined) for item in element.value)
        return replace(element, value=tuple(items))
    vr = _CHOSEN.get(element.vr, element.vr)
    if vr == "US or SS":
        vr = "SS" if signed else "US"
    if encoding.big and not element.undefined:
        element = _turned(element, _WIDTHS.get(vr, 1))
    if vr not in LONG_VRS and value_size(element, encoding) > _LARGEST_SHORT:
        vr = "UN"  # PS3.5 section 6.2.2, note 5: too long for the VR's own length field
    return replace(element, vr=vr)


def _turned(element: Element, width: int) -> Element:
    if isinstance(element.value, Span):
        return replace(element, value=replace(element.value, width=width))
    return replace(element, value=turned(element.raw, width))
