"""Person names (VR PN, PS3.5 section 6.2) and when two of them are the same (R76).

A PN value has up to three component groups (alphabetic, ideographic, phonetic) divided by ``=``; a group has up to
five components (family, given, middle, prefix, suffix) divided by ``^``. Scanners also send names typed into one
field: "Jane Doe", "Doe, Jane". `PersonName.forms` gives every reading of such a value as comparison keys, and two
names are the same when they share a key. Nothing here is fuzzy: a letter more or less is another name.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

_GROUPS: Final = 3
_COMPONENTS: Final = 5
# A name of more words than this is read in the order written only; it bounds the readings of hostile input.
_MOST_WORDS: Final = 8
_TITLES: Final = frozenset(
    "dr dra doctor doctora prof professor profesor profesora mr mrs ms miss sr sra srta herr frau".split()
)
_DEGREES: Final = frozenset("md phd mbbs frcr facr facc".split())
_FAMILY_FIRST_SCRIPTS: Final = ("CJK", "HANGUL", "HIRAGANA", "KATAKANA")


@dataclass(frozen=True, slots=True)
class ComponentGroup:
    """One component group: family, given, middle, prefix and suffix as written, without outer white space."""

    family: str = ""
    given: str = ""
    middle: str = ""
    prefix: str = ""
    suffix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a group; missing components are empty, components beyond the fifth are ignored."""
        return cls(*(component.strip(" \0") for component in text.split("^")[:_COMPONENTS]))

    def forms(self) -> frozenset[str]:
        """The comparison keys of this group, family name first; prefix and suffix do not count (R76)."""
        if self.given or self.middle:
            words = _words(f"{self.family} {self.given} {self.middle}")
            return frozenset({" ".join(words)}) if words else frozenset()
        return _typed_forms(self.family, any_order=True)


@dataclass(frozen=True, slots=True)
class PersonName:
    """One PN value: its component groups in the standard's order."""

    groups: tuple[ComponentGroup, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one decoded value; groups beyond the third are ignored."""
        return cls(tuple(ComponentGroup.parse(group) for group in text.split("=")[:_GROUPS]))

    def forms(self) -> frozenset[str]:
        """Every comparison key of every group; empty when the name is empty."""
        return frozenset(form for group in self.groups for form in group.forms())


def parse_values(text: str) -> tuple[PersonName, ...]:
    r"""Read a decoded attribute of VM 1-n: values are divided by ``\``; empty ones are left out."""
    names = (PersonName.parse(value) for value in text.split("\\"))
    return tuple(name for name in names if name.forms())


def display_forms(text: str) -> frozenset[str]:
    """The comparison keys of a name as a person writes it on a screen: "Dr. Jane Doe", "Doe, Jane".

    Given names come first, except after a comma and in the scripts of East Asia.
    """
    return _typed_forms(text, any_order=False)


def without_accents(forms: Iterable[str]) -> frozenset[str]:
    """The keys of the second pass of R76: accents of Latin and Greek letters do not count."""
    return frozenset(_plain(form) for form in forms)


def _words(text: str) -> list[str]:
    normalised = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", normalised).split()


def _typed_forms(text: str, *, any_order: bool) -> frozenset[str]:
    """The readings of a name in one field; `any_order`: the family name may stand first or last."""
    family, comma, rest = text.partition(",")
    if comma and not _is_degree(rest):
        words = _words(family) + _without_titles(_words(rest.replace(",", " ")))
        return frozenset({" ".join(words)}) if words else frozenset()
    words = _without_titles(_words(family))
    if not words:
        return frozenset()
    as_written = " ".join(words)
    if len(words) == 1 or len(words) > _MOST_WORDS:
        return frozenset({as_written})
    family_last = {" ".join(words[at:] + words[:at]) for at in range(1, len(words))}
    if any_order or _family_first(as_written):
        return frozenset(family_last | {as_written})
    return frozenset(family_last)


def _is_degree(text: str) -> bool:
    """Whether what follows the comma is a degree ("Jane Doe, MD") and not the given name."""
    words = _words(text.replace(",", " "))
    return not words or all(_bare(word) in _DEGREES for word in words)


def _without_titles(words: list[str]) -> list[str]:
    start, end = 0, len(words)
    while end - start > 1 and _bare(words[start]) in _TITLES:
        start += 1
    while end - start > 2 and _bare(words[end - 1]) in _DEGREES:
        end -= 1
    return words[start:end]


def _bare(word: str) -> str:
    return re.sub(r"[.,]", "", word)


def _family_first(text: str) -> bool:
    return any(unicodedata.name(letter, "").startswith(_FAMILY_FIRST_SCRIPTS) for letter in text)


def _plain(form: str) -> str:
    letters: list[str] = []
    base = ""
    for letter in unicodedata.normalize("NFD", form):
        if not unicodedata.combining(letter):
            base = letter
        elif unicodedata.name(base, "").startswith(("LATIN", "GREEK")):
            continue
        letters.append(letter)
    return unicodedata.normalize("NFC", "".join(letters))
