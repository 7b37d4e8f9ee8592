"""Every message that people see has its Spanish, and no Spanish is left over."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from smartlink.ui import translations
from smartlink.ui.preferences import Language

SOURCES = Path(translations.__file__).parents[1]
METHODS = [("**/templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"**/templates/**.html": {"trimmed": "true", "encoding": "utf-8"}}
KEYWORDS = {"marked": None, "_": None, "gettext": None, "ngettext": (1, 2)}
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def _said() -> set[str]:
    """The first form of every message in the templates and the code."""
    found = extract_from_dir(str(SOURCES), METHODS, OPTIONS, keywords=KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def _spanish() -> Iterator[Message]:
    with (translations.LOCALES / "es" / "LC_MESSAGES" / "messages.po").open("rb") as source:
        yield from (message for message in read_po(source, locale="es") if message.id)


def _forms(message: Message) -> tuple[tuple[str, ...], tuple[str, ...]]:
    ids = (message.id,) if isinstance(message.id, str) else tuple(message.id)
    strings = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    return ids, strings


def test_every_message_has_its_spanish_and_none_is_left_over() -> None:
    translated = {_forms(message)[0][0] for message in _spanish() if all(_forms(message)[1])}
    assert translated == _said()


def test_a_translation_keeps_the_placeholders() -> None:
    for message in _spanish():
        ids, strings = _forms(message)
        wanted = {name for text in ids for name in PLACEHOLDER.findall(text)}
        for text in strings:
            assert set(PLACEHOLDER.findall(text)) == wanted, ids


def test_nothing_is_marked_as_a_guess() -> None:
    assert [message.id for message in _spanish() if message.fuzzy] == []


@pytest.mark.parametrize(("language", "word"), [(Language.ENGLISH, "Drafts"), (Language.SPANISH, "Borradores")])
def test_a_language_answers_with_its_own_word(language: Language, word: str) -> None:
    assert translations.load(language).gettext(translations.marked("Drafts")) == word
