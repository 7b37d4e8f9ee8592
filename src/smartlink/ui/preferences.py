"""How one person wants to see the console: language and light or dark. Kept in cookies of a year, no account needed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGE_COOKIE = "language"
THEME_COOKIE = "theme"
YEAR_SECONDS = 365 * 24 * 3600


class Language(StrEnum):
    """The languages of both consoles."""

    ENGLISH = "en"
    SPANISH = "es"


class Theme(StrEnum):
    """Light, dark, or as the operating system has it."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"

    @property
    def drawn(self) -> str:
        """What the page is drawn in before the browser was asked."""
        return "dark" if self is Theme.DARK else "light"


@dataclass(frozen=True, slots=True)
class Preferences:
    """The choices of one browser."""

    language: Language
    theme: Theme


def read(cookies: Mapping[str, str], accept_language: str) -> Preferences:
    """The choices in `cookies`; without one, the browser's first language that we speak, and the system's theme."""
    language = parse_language(cookies.get(LANGUAGE_COOKIE)) or _spoken(accept_language)
    return Preferences(language, parse_theme(cookies.get(THEME_COOKIE)) or Theme.SYSTEM)


def parse_language(value: str | None) -> Language | None:
    """The language of that code, or None."""
    return Language(value) if value in set(Language) else None


def parse_theme(value: str | None) -> Theme | None:
    """The theme of that name, or None."""
    return Theme(value) if value in set(Theme) else None


def _spoken(accept_language: str) -> Language:
    """The first of ours in the browser's order (its order is by preference; weights only repeat it)."""
    codes = (item.split(";")[0].strip()[:2].lower() for item in accept_language.split(","))
    known = (parse_language(code) for code in codes)
    return next((language for language in known if language), Language.ENGLISH)
