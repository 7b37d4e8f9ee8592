r"""Text of a Data Set, decoded by Specific Character Set (0008,0005).

The tables are PS3.3 C.12.1.1.2 (Tables C.12-2 to C.12-5); the rules are PS3.5 section 6.1. A value is decoded as a
whole and divided into values, component groups and components afterwards: in the multi-byte sets the bytes of ``\``,
``^`` and ``=`` are also parts of characters (JIS X 0208 puts U+79CB at 3D29), so dividing first would cut characters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_ESCAPE: Final = 0x1B
_DELIMITERS: Final = frozenset(b"\\^=\r\n\t\f")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

# Table C.12-5: multi-byte sets without code extensions; nothing else may stand beside them.
_WHOLE: Final = {"ISO_IR 192": "utf-8", "GB18030": "gb18030", "GBK": "gbk"}

# Tables C.12-2 and C.12-3: the right half (G1) of each single-byte set, as Python names it.
_RIGHT_HALF: Final = {
    "100": "iso8859-1",
    "101": "iso8859-2",
    "109": "iso8859-3",
    "110": "iso8859-4",
    "144": "iso8859-5",
    "127": "iso8859-6",
    "126": "iso8859-7",
    "138": "iso8859-8",
    "148": "iso8859-9",
    "203": "iso8859-15",
    "13": "katakana",
    "166": "iso8859-11",
}

# Tables C.12-3 and C.12-4: what each escape sequence designates, and to which half.
_DESIGNATES: Final[dict[bytes, tuple[int, str]]] = {
    b"(B": (0, "ascii"),
    b"(J": (0, "ascii"),  # JIS X 0201 Romaji; 5C is the value delimiter in DICOM, not the yen sign
    b"-A": (1, "iso8859-1"),
    b"-B": (1, "iso8859-2"),
    b"-C": (1, "iso8859-3"),
    b"-D": (1, "iso8859-4"),
    b"-L": (1, "iso8859-5"),
    b"-G": (1, "iso8859-6"),
    b"-F": (1, "iso8859-7"),
    b"-H": (1, "iso8859-8"),
    b"-M": (1, "iso8859-9"),
    b"-b": (1, "iso8859-15"),
    b"-T": (1, "iso8859-11"),
    b")I": (1, "katakana"),
    b"$B": (0, "jis-x-0208"),
    b"$(D": (0, "jis-x-0212"),
    b"$)C": (1, "ks-x-1001"),
    b"$)A": (1, "gb-2312"),
}
_LONGEST_ESCAPE: Final = 3

# How a two-byte character of each set is spelt in a codec that Python has: prefix and codec.
_TWO_BYTES: Final = {
    "jis-x-0208": (b"", "euc_jp"),
    "jis-x-0212": (b"\x8f", "euc_jp"),
    "ks-x-1001": (b"", "euc_kr"),
    "gb-2312": (b"", "gb2312"),
}


def decode(raw: bytes, specific_character_set: Sequence[str]) -> str:
    """The text of `raw`, read by the values of Specific Character Set; never fails.

    What cannot be decoded becomes U+FFFD, which equals nobody's name. An absent or unknown set is the default
    repertoire (ISO-IR 6). Padding is kept.
    """
    terms = [term.strip().upper() for term in specific_character_set]
    first = terms[0] if terms else ""
    whole = _WHOLE.get(first)
    if whole is not None:
        return raw.decode(whole, errors="replace")
    initial = _RIGHT_HALF.get(first.removeprefix("ISO_IR ").removeprefix("ISO 2022 IR "))
    return "".join(_characters(raw, initial))


@dataclass(slots=True)
class _Halves:
    """What G0 and G1 hold at this point of the value (PS3.5 section 6.1.2.5)."""

    initial: str | None
    left: str
    right: str | None

    def reset(self) -> None:
        """Go back to the first value's sets, as PS3.5 section 6.1.2.5.3 asks at each delimiter."""
        self.left = "ascii"
        if self.initial is not None:  # with none, what a careless sender designated last is the better guess
            self.right = self.initial

    def designate(self, half: int, charset: str) -> None:
        """Follow an escape sequence."""
        if half == 0:
            self.left = charset
        else:
            self.right = charset


def _characters(raw: bytes, initial: str | None) -> Iterator[str]:
    halves = _Halves(initial=initial, left="ascii", right=initial)
    at = 0
    while at < len(raw):
        byte = raw[at]
        if byte == _ESCAPE:
            at += _follow(raw[at + 1 : at + 1 + _LONGEST_ESCAPE], halves)
            continue
        charset = (halves.right if byte >= 0x80 else halves.left) if byte > 0x20 else "ascii"
        length = 2 if charset in _TWO_BYTES else 1
        yield _character(raw[at : at + length], charset)
        if length == 1 and byte in _DELIMITERS:
            halves.reset()
        at += length


def _follow(after: bytes, halves: _Halves) -> int:
    """Designate what the bytes after ESC ask for; answers the length of the whole sequence."""
    for length in (2, 3):
        found = _DESIGNATES.get(after[:length])
        if found is not None:
            halves.designate(*found)
            return length + 1
    return 1  # not an escape sequence of DICOM: ESC itself is dropped


def _character(raw: bytes, charset: str | None) -> str:
    if charset is None:
        return _REPLACEMENT
    if charset == "katakana":
        return raw.decode("shift_jis", errors="replace") if 0xA1 <= raw[0] <= 0xDF else _REPLACEMENT
    if charset in _TWO_BYTES:
        prefix, codec = _TWO_BYTES[charset]
        return (prefix + bytes(byte | 0x80 for byte in raw)).decode(codec, errors="replace")
    return raw.decode(charset, errors="replace")
