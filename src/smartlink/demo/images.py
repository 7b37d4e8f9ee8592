"""Ultrasound pictures drawn by calculation: a sector with speckle and a heart that beats.

Everything is computed in the transducer's own coordinates (depth along a beam, angle of the
beam) and then scan-converted, as a real machine does it; that is what gives speckle its typical
look: fine near the transducer, broad in the depth.  The same seed draws the same picture.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Picture = NDArray[np.uint8]

WIDTH, HEIGHT = 800, 600
DEPTHS, BEAMS = 420, 180
HALF_ANGLE = math.radians(42)
APEX = (400, 46)
"""Where the beams meet, in pixels (x, y)."""
RADIUS = 500
"""Length of a beam in pixels; it stands for 16 cm."""
NEAREST = 6
"""Pixels below the apex from which the picture begins."""
DEPTH_CM = 16
JPEG_QUALITY = 88

BEATS_PER_MINUTE = 72
FRAME_TIME_MS = 33.3
SYSTOLE = 0.36
"""Part of a beat in which the heart draws together."""
LEAFLET = (0.012, 0.10)
"""From where to where a leaflet reaches, from the middle of its valve."""
SLOWEST_FLOW = 60
"""Speeds below it (of 255) are not painted, as a machine's wall filter does."""
GREY_TEXT, BRIGHT_TEXT, MARK = (170, 180, 190), (232, 236, 240), (250, 214, 84)


@dataclass(frozen=True, slots=True)
class Caption:
    """What a machine burns into its picture."""

    hospital: str
    patient: str
    identity: str
    moment: str
    machine: str


@dataclass(frozen=True, slots=True)
class _Grid:
    """Scan conversion, worked out once: where each pixel lies among depths and beams."""

    inside: NDArray[np.intp]
    depth: NDArray[np.intp]
    beam: NDArray[np.intp]
    depth_part: Floats
    beam_part: Floats


@lru_cache(maxsize=1)
def _grid() -> _Grid:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    across, down = x - APEX[0], y - APEX[1]
    radius = np.hypot(across, down)
    angle = np.arctan2(across, down)
    seen = (radius < RADIUS - 1) & (radius > NEAREST) & (np.abs(angle) < HALF_ANGLE)
    inside = np.flatnonzero(seen)
    depth = radius.ravel()[inside] / RADIUS * (DEPTHS - 2)
    beam = (angle.ravel()[inside] + HALF_ANGLE) / (2 * HALF_ANGLE) * (BEAMS - 2)
    whole_depth, whole_beam = depth.astype(np.intp), beam.astype(np.intp)
    return _Grid(
        inside,
        whole_depth,
        whole_beam,
        (depth - whole_depth).astype(np.float32),
        (beam - whole_beam).astype(np.float32),
    )


def scan_convert(field: Floats) -> Picture:
    """The sector (height x width, 8 bits) that a field of (depths x beams) in 0..255 gives."""
    grid = _grid()
    flat = field.ravel()
    corner = grid.depth * BEAMS + grid.beam
    upper = flat[corner] * (1 - grid.beam_part) + flat[corner + 1] * grid.beam_part
    corner += BEAMS
    lower = flat[corner] * (1 - grid.beam_part) + flat[corner + 1] * grid.beam_part
    picture = np.zeros(HEIGHT * WIDTH, np.uint8)
    value = upper * (1 - grid.depth_part) + lower * grid.depth_part
    picture[grid.inside] = np.clip(value, 0, 255).astype(np.uint8)
    return picture.reshape(HEIGHT, WIDTH)


def contraction(phase: float) -> float:
    """How far the heart is drawn together (0 open, 1 closed) at a phase of the beat (0..1)."""
    if phase < SYSTOLE:
        return math.sin(math.pi * phase / SYSTOLE / 2) ** 2
    return math.exp(-7 * (phase - SYSTOLE))


class Heart:
    """A four-chamber view that can be asked for any moment of its beat."""

    def __init__(self, seed: int) -> None:
        """Draw lots once; every frame then uses the same scatterers, moved."""
        chance = np.random.default_rng(seed)
        self._speckle = _speckle(chance)
        self._noise = chance.rayleigh(0.6, (8, DEPTHS, BEAMS)).astype(np.float32)
        depth, beam = np.mgrid[0:DEPTHS, 0:BEAMS].astype(np.float32)
        self._depth = depth / DEPTHS
        self._angle = (beam / BEAMS - 0.5) * 2 * HALF_ANGLE
        self._x = self._depth * np.sin(self._angle)
        self._y = self._depth * np.cos(self._angle)

    def grey(self, phase: float) -> Picture:
        """The B-mode sector at a phase of the beat (0..1)."""
        drawn = contraction(phase)
        echo = self._anatomy(drawn)
        shift = (6 * drawn * np.sin(math.pi * self._depth)).astype(np.intp)
        rows = np.clip(np.arange(DEPTHS)[:, None] + shift, 0, DEPTHS - 1)
        moved = self._speckle[rows, np.arange(BEAMS)[None, :]]
        noise = self._noise[int(phase * 61) % 8] * (0.004 + 0.012 * self._depth**2)
        signal = echo * moved + noise
        attenuation = 1.1 - 0.45 * self._depth
        decibel = 20 * np.log10(signal * attenuation + 1e-4)
        return scan_convert(((decibel + 44) / 50 * 235).astype(np.float32))

    def flow(self, phase: float) -> tuple[Picture, Picture]:
        """Colour Doppler at a phase: speed towards and away, each as a sector in 0..255."""
        inside = np.clip(1.15 - self._ellipse(0.125, 0.60, 0.07, 0.20), 0, 1)
        wave = np.sin(13 * self._y + 6 * self._x - 2 * math.pi * phase)
        speed = inside * wave * np.clip(self._speckle * 0.3 + 0.9, 0, 1.3) * 255
        return scan_convert(np.clip(speed, 0, 255)), scan_convert(np.clip(-speed, 0, 255))

    def _ellipse(self, x: float | Floats, y: float, half_x: float, half_y: float) -> Floats:
        """Distance from a centre in units of the half axes: below 1 is inside."""
        ratio = np.hypot((self._x - x) / half_x, (self._y - y) / half_y)
        return np.asarray(ratio, np.float32)

    def _anatomy(self, drawn: float) -> Floats:
        """Strength of the echo for each depth and beam: walls bright, blood dark."""
        echo = np.full((DEPTHS, BEAMS), 0.035, np.float32)
        lung = self._ellipse(0.05, 0.60, 0.62, 0.50)
        echo += (0.05 * np.exp(-(((lung - 1) / 0.2) ** 2))).astype(np.float32)
        echo += 0.35 * np.exp(-(((self._depth - 0.06) / 0.03) ** 2))
        muscle = self._ellipse(0.02 + 0.1 * (self._y - 0.5), 0.54, 0.32 - 0.02 * drawn, 0.40)
        echo[muscle < 1] = 0.16
        rim = np.exp(-(((muscle - 1) / 0.035) ** 2))
        echo += (0.5 * rim).astype(np.float32)
        left = self._ellipse(0.13, 0.44, 0.125 * (1 - 0.42 * drawn), 0.215 * (1 - 0.20 * drawn))
        right = self._ellipse(-0.15, 0.45, 0.095 * (1 - 0.34 * drawn), 0.175 * (1 - 0.22 * drawn))
        atrium = self._ellipse(0.12, 0.77, 0.115 * (1 + 0.16 * drawn), 0.095 * (1 + 0.12 * drawn))
        other = self._ellipse(-0.13, 0.76, 0.105 * (1 + 0.14 * drawn), 0.09 * (1 + 0.10 * drawn))
        for chamber in (left, right, atrium, other):
            echo *= np.clip((chamber - 0.90) / 0.16, 0.008, 1)
            echo += (0.42 * np.exp(-(((chamber - 1.05) / 0.05) ** 2))).astype(np.float32)
        self._valve(echo, 0.13, drawn)
        self._valve(echo, -0.14, drawn)
        return echo

    def _valve(self, echo: Floats, x: float, drawn: float) -> None:
        """Two leaflets that are shut while the heart is drawn together."""
        opened = 0.075 * (1 - drawn)
        for side in (-1, 1):
            along = (self._x - x) * side
            leaflet = np.abs(self._y - (0.665 - opened * np.clip(1 - along / 0.1, 0, 1)))
            thin = np.exp(-((leaflet / 0.008) ** 2)) * ((along > LEAFLET[0]) & (along < LEAFLET[1]))
            echo += (0.9 * thin).astype(np.float32)


def _speckle(chance: np.random.Generator) -> Floats:
    """Interference of many scatterers: Rayleigh distributed, correlated over a few samples."""
    waves = chance.normal(size=(2, DEPTHS, BEAMS))
    for axis, width in ((1, 2), (2, 1)):
        kernel = np.hanning(2 * width + 3)[1:-1]
        waves = np.apply_along_axis(np.convolve, axis, waves, kernel / kernel.sum(), mode="same")
    strength = np.hypot(waves[0], waves[1])
    return np.asarray(strength / strength.mean(), np.float32)


def tint(grey: Picture, flow: tuple[Picture, Picture] | None = None) -> Picture:
    """The colour picture (height x width x 3) of a grey sector, with colour Doppler over it."""
    rgb = np.repeat(grey[:, :, None], 3, axis=2)
    if flow is None:
        return rgb
    towards, away = flow
    for speed, base in ((towards, (255, 70, 10)), (away, (20, 90, 255))):
        seen = speed > SLOWEST_FLOW
        rgb[seen] = (speed[seen][:, None] / 255 * np.array(base)).astype(np.uint8)
    return rgb


@lru_cache(maxsize=4)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _plain(text: str) -> str:
    """Without accents: many a machine's font has none, and neither has Pillow's own."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def burn_in(rgb: Picture, caption: Caption, phase: float, title: str) -> Image.Image:
    """The finished screen: sector, caption, depth scale, grey bar and electrocardiogram."""
    screen = Image.fromarray(rgb)
    pen = ImageDraw.Draw(screen)
    pen.text((14, 8), _plain(caption.hospital), GREY_TEXT, _font(15))
    pen.text((14, 28), _plain(caption.patient), BRIGHT_TEXT, _font(17))
    pen.text((14, 50), caption.identity, GREY_TEXT, _font(13))
    pen.text((786, 8), caption.moment, GREY_TEXT, _font(15), anchor="ra")
    pen.text((786, 28), f"{caption.machine}   MI 1.1  TIS 0.6", GREY_TEXT, _font(13), anchor="ra")
    pen.text((14, 84), f"{title}\nS5-1  2.8 MHz\n{DEPTH_CM} cm\n30 Hz", GREY_TEXT, _font(13))
    _scale(pen)
    _electrocardiogram(pen, phase)
    return screen


def _scale(pen: ImageDraw.ImageDraw) -> None:
    """Centimetres down the right side, the grey bar and the transducer's mark."""
    for centimetre in range(DEPTH_CM + 1):
        y = APEX[1] + 6 + centimetre * (RADIUS - 6) / DEPTH_CM
        long = 10 if centimetre % 5 == 0 else 5
        pen.line((752 - long, y, 752, y), GREY_TEXT)
        if centimetre % 5 == 0:
            pen.text((758, y), str(centimetre), GREY_TEXT, _font(12), anchor="lm")
    for step in range(160):
        pen.line((776, 240 + step, 788, 240 + step), (255 - step * 255 // 159,) * 3)
    pen.ellipse((APEX[0] - 26, APEX[1] - 12, APEX[0] - 14, APEX[1]), outline=MARK)


def _electrocardiogram(pen: ImageDraw.ImageDraw, phase: float) -> None:
    """Three beats along the foot of the screen, with a mark at the frame's moment."""
    points = [(40 + step, 580 - 34 * _potential(step / 240 % 1)) for step in range(720)]
    pen.line(points, (96, 208, 128))
    x = 280 + int(phase * 240)
    pen.line((x, 545, x, 590), MARK)
    pen.text((14, 566), f"{BEATS_PER_MINUTE}\nbpm", (96, 208, 128), _font(11))


def _potential(phase: float) -> float:
    waves: Sequence[tuple[float, float, float]] = (
        (0.86, 0.030, 0.12),
        (0.985, 0.006, -0.12),
        (0.01, 0.008, 1.0),
        (0.032, 0.008, -0.2),
        (0.32, 0.045, 0.26),
    )
    return sum(high * math.exp(-(((phase - at) / wide) ** 2)) for at, wide, high in waves)


def jpeg(screen: Image.Image) -> bytes:
    """The screen as one JPEG Baseline stream, chroma halved across (YBR_FULL_422)."""
    out = BytesIO()
    screen.save(out, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:2", optimize=False)
    return out.getvalue()
