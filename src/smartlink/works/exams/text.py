"""Text of a Data Set as bytes again: in its own Specific Character Set where that can hold it, else in UTF-8.

Reading is `smartlink.standard.character_set`; what is written here is read back by it before it counts.

References: PS3.3 section C.12.1.1.2; PS3.5 section 6.1.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pydicom.charset import convert_encodings, encode_string
from pydicom.valuerep import PersonName

from smartlink.standard.character_set import decode
from smartlink.works.exams.elements import TEXT_VRS, Element, Elements, find, put_in, with_items

SPECIFIC_CHARACTER_SET: Final = 0x00080005
DEFAULT_REPERTOIRE: Final = "ISO_IR 6"
LATIN_1: Final = ("ISO_IR 100",)
UTF_8: Final = ("ISO_IR 192",)

Terms = tuple[str, ...]


def terms_of(elements: Elements) -> Terms:
    """The values of Specific Character Set; none means the default repertoire."""
    element = find(elements, SPECIFIC_CHARACTER_SET)
    text = "" if element is None else element.raw.decode("ascii", "replace").strip(" \0")
    return tuple(term.strip() for term in text.split("\\")) if text else ()


def text_of(element: Element | None, terms: Terms) -> str:
    """The decoded value without its padding; empty when there is none."""
    return "" if element is None else decode(element.raw, terms).strip(" \0")


def encode(text: str, vr: str, terms: Terms) -> bytes | None:
    """The text in these character sets; None when they cannot hold it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an unknown term, or a text that does not fit: both are the answer None
        try:
            encodings = convert_encodings(list(terms) or None)
            raw = PersonName(text).encode(encodings) if vr == "PN" else encode_string(text, encodings)
        except (LookupError, UnicodeError, ValueError):
            return None
    return bytes(raw) if decode(bytes(raw), terms) == text else None


def terms_for(texts: Iterable[tuple[str, str]], terms: Terms) -> Terms:
    """The character sets in which all of these (VR, text) can be written: `terms` if they can, else the next best."""
    wanted = list(texts)
    if all(encode(text, vr, terms) is not None for vr, text in wanted):
        return terms
    plain = not any(terms) or terms == (DEFAULT_REPERTOIRE,)
    if plain and all(encode(text, vr, LATIN_1) is not None for vr, text in wanted):
        return LATIN_1  # old archives know it, and what stood there stays as it is
    return UTF_8


def in_terms(elements: Elements, old: Terms, new: Terms) -> Elements:
    """The same texts in other character sets, at every depth; an item that names its own stays as it is."""
    if old == new:
        return elements
    return put_in(tuple(_converted(element, old, new) for element in elements), charset_element(new))


def charset_element(terms: Terms) -> Element:
    """Specific Character Set of these values."""
    raw = "\\".join(terms or (DEFAULT_REPERTOIRE,)).encode("ascii")
    return Element(SPECIFIC_CHARACTER_SET, "CS", padded(raw))


def padded(raw: bytes, pad: bytes = b" ") -> bytes:
    """A value of even length."""
    return raw + pad if len(raw) % 2 else raw


def _converted(element: Element, old: Terms, new: Terms) -> Element:
    if element.items:
        return with_items(element, lambda inside: _inside(inside, old, new))
    if element.vr not in TEXT_VRS or new != UTF_8 or (element.raw.isascii() and b"\x1b" not in element.raw):
        return element
    return replace(element, value=padded(decode(element.raw, old).encode("utf-8").rstrip(b" ")))


def _inside(elements: Elements, old: Terms, new: Terms) -> Elements:
    if find(elements, SPECIFIC_CHARACTER_SET) is not None:
        return elements
    return tuple(_converted(element, old, new) for element in elements)
