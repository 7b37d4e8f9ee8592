"""Rendering: escaping, missing facts, languages."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from smartlink.ui import assets
from smartlink.ui.pages import Frame, Pages
from smartlink.ui.preferences import Language, Preferences, Theme

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PAGE = """{% extends "skeleton.html" %}{% import "macros.html" as m with context %}
{% block title %}{% trans %}Drafts{% endtrans %}{% endblock %}
{% block body %}{{ name }} {{ m.when(frame.now) }} {{ m.status("ok", _("Online")) }}{% endblock %}"""


def _pages(folder: Path) -> Pages:
    (folder / "page.html").write_text(PAGE, encoding="utf-8")
    return Pages([folder], assets.load())


def _frame(language: Language = Language.ENGLISH, theme: Theme = Theme.LIGHT) -> Frame:
    return Frame(Preferences(language, theme), "a-nonce", "a-token", "/", NOW, UTC)


def test_a_name_with_html_is_shown_not_obeyed(tmp_path: Path) -> None:
    page = _pages(tmp_path).render("page.html", _frame(), name="<script>alert(1)</script>")
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_a_missing_fact_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UndefinedError):
        _pages(tmp_path).render("page.html", _frame())


def test_a_page_speaks_the_reader_s_language(tmp_path: Path) -> None:
    page = _pages(tmp_path).render("page.html", _frame(Language.SPANISH), name="")
    assert '<html lang="es"' in page
    assert "Borradores" in page
    assert "Hoy 10:00" in page


def test_every_script_carries_the_nonce_and_nothing_is_inline(tmp_path: Path) -> None:
    page = _pages(tmp_path).render("page.html", _frame(), name="")
    assert page.count("<script") == page.count('nonce="a-nonce"')
    assert "<style" not in page
    assert "style=" not in page


def test_a_message_is_said_in_the_reader_s_language(tmp_path: Path) -> None:
    assert _pages(tmp_path).say(Preferences(Language.SPANISH, Theme.DARK), "Drafts") == "Borradores"
