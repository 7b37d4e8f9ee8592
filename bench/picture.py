"""The ratios as a picture: one bar each, on a logarithmic scale, with the spread of the rounds."""

from __future__ import annotations

import math
from html import escape
from typing import Any

ROW, LEFT, WIDTH, TOP = 24, 430, 560, 64
LONGEST = 100.0
LETTERS = 'font-family="system-ui, sans-serif" font-size="12" fill="#1c2b33"'
READ = "More than 1: SmartLink is faster."


def drawn(told: dict[str, Any]) -> str:
    """Return the picture as SVG."""
    ratios = {name: one for name, one in told["ratios"].items() if "×" in name and "median" in one}
    height = TOP + ROW * len(ratios) + 30
    width = LEFT + WIDTH + 90
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" {LETTERS}>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="20" y="24" font-size="16">SmartLink against its peers, {escape(told["date"])}</text>',
        f'<text x="20" y="44">{escape(told["machine"])}; {escape(told["volume"])}. {READ}</text>',
    ]
    for mark in (0.5, 1, 2, 5, 10, 20, 50, 100):
        x, colour = _at(mark), "#1c2b33" if mark == 1 else "#dde3e6"
        parts.append(f'<line x1="{x}" x2="{x}" y1="{TOP - 6}" y2="{height - 20}" stroke="{colour}"/>')
        parts.append(f'<text x="{x}" y="{height - 6}" text-anchor="middle">{mark:g}</text>')
    for row, (name, one) in enumerate(ratios.items()):
        y = TOP + ROW * row
        left, right = sorted((_at(1), _at(one["median"])))
        colour = "#0b7a75" if one["median"] >= 1 else "#b3541e"
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 12}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{left}" y="{y}" width="{max(right - left, 1)}" height="14" fill="{colour}" rx="2"/>'
            f'<line x1="{_at(one["low"])}" x2="{_at(one["high"])}" y1="{y + 7}" y2="{y + 7}" stroke="#1c2b33"/>'
            f'<text x="{LEFT + WIDTH + 10}" y="{y + 12}">{one["median"]:g}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _at(ratio: float) -> int:
    """Return where a ratio lies on the scale."""
    low, high = math.log(0.25), math.log(LONGEST)
    share = (math.log(min(max(ratio, 0.25), LONGEST)) - low) / (high - low)
    return LEFT + round(share * WIDTH)
