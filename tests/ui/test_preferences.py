"""Language and theme of a browser."""

import pytest

from smartlink.ui.preferences import Language, Theme, read


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("es-MX,es;q=0.9", "es"),
        ("de,es;q=0.8,en;q=0.7", "es"),
        ("fr", "en"),
        ("EN-gb", "en"),
        (";;,", "en"),
    ],
)
def test_without_a_choice_the_browser_is_asked(header: str, language: str) -> None:
    assert read({}, header).language == language


def test_a_choice_wins() -> None:
    chosen = read({"language": "es", "theme": "dark"}, "en")
    assert (chosen.language, chosen.theme) == (Language.SPANISH, Theme.DARK)


def test_a_cookie_that_makes_no_sense_counts_as_none() -> None:
    assert read({"language": "xx", "theme": "<script>"}, "es").theme is Theme.SYSTEM


def test_the_system_theme_is_drawn_light_until_the_browser_was_asked() -> None:
    assert [theme.drawn for theme in Theme] == ["light", "light", "dark"]
