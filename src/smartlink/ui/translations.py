"""The words of both consoles in each language, read from the committed `.po` files (GNU gettext, Babel)."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from smartlink.ui.preferences import Language

LOCALES = Path(__file__).parent / "locales"


def load(language: Language) -> NullTranslations:
    """The translations into `language`; English is what the templates say."""
    if language is Language.ENGLISH:
        return NullTranslations()
    with (LOCALES / language / "LC_MESSAGES" / "messages.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def marked(message: str) -> str:
    """The message itself; the name tells the extraction that it is said to people and must have its translation."""
    return message
