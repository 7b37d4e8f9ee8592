"""The look keeps its rules: colours in one file, no class of ours named like one of Tabler's, nothing inline."""

import re
from pathlib import Path

from smartlink.ui import assets

SOURCES = Path(assets.__file__).parents[1]
OWN = Path(assets.__file__).parent / "assets"
CLASS = re.compile(r"\.(-?[a-zA-Z_][\w-]*)")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
BLOCK = re.compile(r"\{[^{}]*\}")
HEX = re.compile(r"#[0-9a-fA-F]{3,8}\b")
# What language.md takes from Tabler as it is, and we only adjust.
ADJUSTED = frozenset(
    "btn btn-sm btn-icon disabled form-control form-select form-label form-hint form-check-input".split()
)


def _classes(style: str) -> set[str]:
    selectors = COMMENT.sub("", style)
    while BLOCK.search(selectors):
        selectors = BLOCK.sub(" ", selectors)
    return set(CLASS.findall(selectors)) | set(CLASS.findall(_selectors_of_nested(style)))


def _selectors_of_nested(style: str) -> str:
    """Selectors inside @media: whatever stands before an opening brace."""
    return " ".join(re.findall(r"([^{};]+)\{", COMMENT.sub("", style)))


def test_no_class_of_ours_has_a_name_that_tabler_uses() -> None:
    tabler = assets.load().find("tabler.min.css")
    assert tabler is not None
    theirs = set(CLASS.findall(_selectors_of_nested(tabler.content.decode())))
    ours = {name for sheet in OWN.glob("*.css") for name in _classes(sheet.read_text("utf-8"))}
    assert sorted((ours & theirs) - ADJUSTED) == []


def test_a_colour_is_written_in_tokens_css_only() -> None:
    pages = [*SOURCES.rglob("templates/*.html"), *(sheet for sheet in OWN.iterdir() if sheet.name != "tokens.css")]
    coloured = {
        page.name for page in pages if HEX.search(page.read_text("utf-8").replace("#main", "").replace("#live", ""))
    }
    assert coloured == set()


def test_templates_hold_no_style_and_no_script_of_their_own() -> None:
    for page in SOURCES.rglob("templates/*.html"):
        text = page.read_text("utf-8")
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", text), page.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), page.name


def test_every_class_in_a_template_exists() -> None:
    known = {name for sheet in OWN.glob("*.css") for name in _classes(sheet.read_text("utf-8"))}
    tabler = assets.load().find("tabler.min.css")
    assert tabler is not None
    known |= set(CLASS.findall(tabler.content.decode()))
    used = {
        name
        for page in SOURCES.rglob("templates/*.html")
        for value in re.findall(r'class="([^"{}]+)"', page.read_text("utf-8"))
        for name in value.split()
    }
    assert sorted(used - known - {"works"}) == []
