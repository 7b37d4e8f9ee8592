"""Icons: every one that a template names is listed, and every listed one is used."""

import re
from pathlib import Path

import pytest

from smartlink.ui import assets, icons

SOURCES = Path(icons.__file__).parents[1]
LISTED = re.compile(r"^(?:filled|outline)/\S+$", re.MULTILINE)
NAMED = re.compile(r"[\"']((?:filled|outline)/[a-z0-9-]+)[\"']")


def test_the_list_and_the_templates_agree() -> None:
    named = {name for page in SOURCES.rglob("templates/*.html") for name in NAMED.findall(page.read_text("utf-8"))}
    assert set(LISTED.findall((SOURCES / "ui" / "icons.txt").read_text("utf-8"))) == named


def test_an_icon_is_hidden_from_screen_readers_and_takes_the_colour_of_its_word() -> None:
    drawn = icons.load(assets.load())("filled/circle-check", "i-sm")
    assert drawn.startswith('<svg class="i i-sm" viewBox="0 0 24 24" aria-hidden="true" fill="currentColor">')


def test_an_icon_that_is_not_listed_is_an_error() -> None:
    with pytest.raises(KeyError):
        icons.Icons({})("outline/sun")
