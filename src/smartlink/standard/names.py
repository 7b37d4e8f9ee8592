"""Application Entity titles (PS3.5 section 6.2) and Unique Identifiers (PS3.5 chapter 9), parsed at the door."""

from __future__ import annotations

import re
from typing import Self

_AE_TITLE_LENGTH = 16
_UID_LENGTH = 64
_UID_FORM = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_LENIENT_UID_FORM = re.compile(r"[0-9]+(\.[0-9]+)+")
_FIRST_PRINTABLE, _LAST_PRINTABLE = 0x20, 0x7E


class AETitle(str):
    """One AE title: 1 to 16 characters of the default repertoire, outer spaces trimmed, no backslash or control."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the AE title that `text` spells, or raise ValueError with a sentence for a person."""
        trimmed = text.strip(" ")
        if not trimmed:
            raise ValueError("An AE title needs at least one character.")
        if len(trimmed) > _AE_TITLE_LENGTH:
            raise ValueError(f"An AE title has at most 16 characters; this one has {len(trimmed)}.")
        if any(not _FIRST_PRINTABLE <= ord(c) <= _LAST_PRINTABLE or c == "\\" for c in trimmed):
            raise ValueError("An AE title holds letters, digits and signs, without backslash or control characters.")
        return cls(trimmed)

    @property
    def folded(self) -> str:
        """The form in which two connections are compared (R87); on the wire the exact form counts."""
        return self.casefold()


class UID(str):
    """One Unique Identifier: digits and dots, at most 64 characters (PS3.5 section 9.1)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the UID that `text` spells, padding removed, or raise ValueError.

        Components with leading zeros are let in: the standard forbids them, scanners send them,
        and refusing the image would help nobody.
        """
        trimmed = text.rstrip("\0 ")
        if len(trimmed) > _UID_LENGTH:
            raise ValueError(f"A UID has at most 64 characters; this one has {len(trimmed)}.")
        if not _LENIENT_UID_FORM.fullmatch(trimmed):
            raise ValueError("A UID consists of numbers joined by dots.")
        return cls(trimmed)

    @property
    def is_strict(self) -> bool:
        """Whether the UID also obeys the rule on leading zeros."""
        return _UID_FORM.fullmatch(self) is not None
