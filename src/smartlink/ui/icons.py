"""Tabler's icons as inline SVG, read from what scripts/build_ui.py took out of the npm package."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from smartlink.ui.assets import Assets

OUTLINE = 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
FILLED = 'fill="currentColor"'


class Icons:
    """Draws the icons that ui/icons.txt lists. An icon never stands alone: a word is beside it, or names its button."""

    def __init__(self, drawings: dict[str, str]) -> None:
        self._drawings = drawings

    def __call__(self, name: str, extra: str = "") -> Markup:
        """`icon("filled/circle-check")`; `extra` are more classes. Raises KeyError for an icon that is not listed."""
        paint = FILLED if name.startswith("filled/") else OUTLINE
        start = Markup('<svg class="i {}" viewBox="0 0 24 24" aria-hidden="true" ').format(extra)
        return start + Markup(f"{paint}>{self._drawings[name]}</svg>")  # noqa: S704 -- our own build wrote the drawing


def load(assets: Assets) -> Icons:
    """The icons of a build."""
    asset = assets.find("icons.json")
    return Icons(json.loads(asset.content) if asset else {})
