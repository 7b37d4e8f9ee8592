"""The size that a compressed frame states about itself, read without decoding it.

A header of 600 by 800 may carry a JPEG that claims 65,535 by 65,535 and would take gigabytes. The decoders believe the
codestream, so we look first.

References: ITU-T T.81 section B.2.2 (frame header), T.87 (JPEG-LS SOF55), T.800 Annex A.5.1 (SIZ).
"""

from __future__ import annotations

MARKER = 0xFF
SOI = b"\xff\xd8"
JPEG_2000 = b"\xff\x4f\xff\x51"
JPEG_LS_FRAME = 0xF7
NOT_FRAMES = frozenset({0xC4, 0xC8, 0xCC})  # DHT, JPG, DAC stand between SOF0 and SOF15
FRAME_HEADERS = (frozenset(range(0xC0, 0xD0)) - NOT_FRAMES) | {JPEG_LS_FRAME}
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
START_OF_SCAN = 0xDA
MAX_SEGMENTS = 1_000


def frame_size(encoded: bytes) -> tuple[int, int] | None:
    """Rows and columns as the codestream has them; None for RLE and whatever else has no such header."""
    if encoded.startswith(JPEG_2000):
        return _jpeg_2000_size(encoded)
    if encoded.startswith(SOI):
        return _jpeg_size(encoded)
    return None


def _jpeg_2000_size(encoded: bytes) -> tuple[int, int] | None:
    """SIZ: Lsiz Rsiz Xsiz Ysiz XOsiz YOsiz, each 4 bytes but the first two."""
    x, y, left, top = (int.from_bytes(encoded[at : at + 4], "big") for at in (8, 12, 16, 20))
    return (y - top, x - left)


def _jpeg_size(encoded: bytes) -> tuple[int, int] | None:
    at = len(SOI)
    for _ in range(MAX_SEGMENTS):
        if at + 9 > len(encoded) or encoded[at] != MARKER:
            return None
        kind = encoded[at + 1]
        if kind == MARKER:
            at += 1
        elif kind in ALONE:
            at += 2
        elif kind in FRAME_HEADERS:
            return int.from_bytes(encoded[at + 5 : at + 7], "big"), int.from_bytes(encoded[at + 7 : at + 9], "big")
        elif kind == START_OF_SCAN:
            return None
        else:
            at += 2 + int.from_bytes(encoded[at + 2 : at + 4], "big")
    return None
