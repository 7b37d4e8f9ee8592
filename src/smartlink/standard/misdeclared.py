"""Text whose Specific Character Set (0008,0005) is missing, misspelt or wrong, as worklist servers send it.

The declared set counts as long as what it says could be meant. Only when it cannot (bytes that the set does not have,
control characters, the signs that UTF-8 becomes in a Latin set) other sets are tried, and the reader is told that the
text is guessed: a name that is guessed wrong must not be taken for a name.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from smartlink.standard.character_set import decode

UTF_8: Final = "ISO_IR 192"
_WINDOWS: Final = "WINDOWS-1252"
_UNDECIDED: Final = frozenset({"", "ISO_IR 6", "ISO_IR 100", "ISO 2022 IR 6", "ISO 2022 IR 100", UTF_8})
"""Sets that are declared by whoever did not think of it; what stands there in truth is often Windows' own set."""
_NOT_OF_DICOM: Final = {
    "SHIFT_JIS": "cp932",
    "EUC-JP": "euc_jp",
    "EUC-KR": "cp949",
    "BIG5": "cp950",
    **{f"WINDOWS-{number}": f"cp{number}" for number in (874, *range(1250, 1259))},
}
"""What servers use although DICOM has no term for it, as Python names it."""
_SPELLINGS: Final = re.compile(r"ISO[ _-]*(2022)?[ _-]*IR[ _-]*([0-9]+)")
_ALIASES: Final = {
    "UTF-8": UTF_8,
    "UTF8": UTF_8,
    "ISO 8859-1": "ISO_IR 100",
    "ISO-8859-1": "ISO_IR 100",
    "LATIN1": "ISO_IR 100",
    "GB2312": "GBK",
    "ASCII": "ISO_IR 6",
}
_KNOWN: Final = frozenset(
    {f"ISO_IR {number}" for number in (6, 13, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166, 192, 203)}
    | {f"ISO 2022 IR {number}" for number in (6, 13, 58, 87, 100, 101, 109, 110, 126, 127)}
    | {f"ISO 2022 IR {number}" for number in (138, 144, 148, 149, 159, 166, 203)}
    | {"GB18030", "GBK"}
)
_NEVER_IN_WORDS: Final = range(0xA0, 0xC0)
"""Signs, no letters: what the second byte of a UTF-8 character becomes in Latin-1."""
_ALLOWED_THERE: Final = "\N{MIDDLE DOT}"
_WORDS: Final = ("L", "M", "Nd", "P", "Zs")


@dataclass(frozen=True, slots=True)
class Reading:
    """The texts, in the order of the bytes; `guessed`: not as they were declared, or not to be read as a whole."""

    texts: tuple[str, ...]
    guessed: bool


def normalised(term: str) -> str:
    """Return a Defined Term as PS3.3 section C.12.1.1.2 writes it, however it was spelt; others in capitals."""
    text = " ".join(term.strip(" \0").upper().split())
    if found := _SPELLINGS.fullmatch(text):
        return f"ISO 2022 IR {found[2]}" if found[1] else f"ISO_IR {found[2]}"
    return _ALIASES.get(text, text)


def is_known(term: str) -> bool:
    """Whether a text can be read by this term: one of DICOM's, or a set of Windows or of East Asia that is not."""
    text = normalised(term)
    return text in _KNOWN or text in _NOT_OF_DICOM


def read(raws: Sequence[bytes], declared: Sequence[str], instead: str | None = None) -> Reading:
    """Return the texts of one Data Set; never fails. `instead`: what the server uses when it declares wrongly."""
    terms = [normalised(term) for term in declared]
    first = _decoded(raws, lambda raw: decode(raw, terms))
    if all(map(_is_plausible, first)):
        return Reading(first, guessed=False)
    others = [_decoded(raws, lambda raw: decode(raw, [UTF_8]))]
    if instead is not None:
        others.append(_decoded(raws, _reader(instead)))
    if (terms[0] if terms else "") in _UNDECIDED:
        others.append(_decoded(raws, _reader(_WINDOWS)))
    found = next((texts for texts in others if all(map(_is_plausible, texts))), None)
    if found is not None:
        return Reading(found, guessed=True)
    if _is_whole(first):  # odd, but every byte of it is in the declared set
        return Reading(first, guessed=False)
    return Reading(next((texts for texts in others if _is_whole(texts)), first), guessed=True)


def _reader(term: str) -> Callable[[bytes], str]:
    text = normalised(term)
    codec = _NOT_OF_DICOM.get(text)
    if codec is None:
        return lambda raw: decode(raw, [text])
    return lambda raw: raw.decode(codec, errors="replace")


def _decoded(raws: Sequence[bytes], reader: Callable[[bytes], str]) -> tuple[str, ...]:
    return tuple(reader(raw) for raw in raws)


def _is_whole(texts: Sequence[str]) -> bool:
    return not any("\N{REPLACEMENT CHARACTER}" in text for text in texts)


def _is_plausible(text: str) -> bool:
    """Whether a person could have written it: no character that is missing, a control, or a sign among letters."""
    return text.isascii() or all(_may_stand(letter) for letter in text)


def _may_stand(letter: str) -> bool:
    if letter in "\t\n\f\r":
        return True
    if ord(letter) < 0x7F:
        return letter.isprintable()
    if ord(letter) in _NEVER_IN_WORDS:
        return letter in _ALLOWED_THERE
    return letter != "\N{REPLACEMENT CHARACTER}" and unicodedata.category(letter).startswith(_WORDS)
