"""Ultrasound pictures for the browser, calculated once."""

from functools import lru_cache

from smartlink.demo.images import Caption, Heart, burn_in, tint
from smartlink.works.images.draw import webp

CAPTION = Caption("Lakeside General", "Rivera, Elena", "LG-204881", "24 Nov 2026 10:30", "US01")
BEAT = 12


@lru_cache(maxsize=1)
def beat() -> list[bytes]:
    """One beat of a heart, twelve frames."""
    heart = Heart(1)
    phases = [frame / BEAT for frame in range(BEAT)]
    return [webp(burn_in(tint(heart.grey(phase)), CAPTION, phase, "A4C"), 1024) for phase in phases]
