"""The drawn ultrasound: it beats, it is the same for the same seed, and it is a real JPEG."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from smartlink.demo import images

CAPTION = images.Caption("Hospital San Telmo", "NADIE, Prueba", "ID 1", "24 Nov 2026", "EchoTwin 5")


def test_the_same_seed_draws_the_same_picture_and_another_seed_another() -> None:
    first, again, other = (images.Heart(seed).grey(0.2) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_chambers_are_smaller_when_the_heart_is_drawn_together() -> None:
    heart = images.Heart(7)
    inside = images.scan_convert(np.full((images.DEPTHS, images.BEAMS), 255, np.float32)) > 0
    dark_when_open = int((heart.grey(0.98)[inside] < 25).sum())
    dark_when_closed = int((heart.grey(0.36)[inside] < 25).sum())
    assert dark_when_closed < 0.75 * dark_when_open


def test_contraction_is_full_at_the_end_of_systole_and_gone_before_the_next_beat() -> None:
    assert images.contraction(0.0) == 0
    assert images.contraction(0.36) == 1
    assert images.contraction(0.99) < 0.05


def test_colour_doppler_paints_colours_over_the_grey_sector() -> None:
    heart = images.Heart(7)
    painted = images.tint(heart.grey(0.62), heart.flow(0.62)).astype(int)
    assert (np.abs(painted[:, :, 0] - painted[:, :, 2]) > 50).sum() > 500


def test_a_finished_screen_is_a_baseline_jpeg_of_the_stated_size() -> None:
    screen = images.burn_in(images.tint(images.Heart(7).grey(0.1)), CAPTION, 0.1, "A title")
    stream = images.jpeg(screen)
    assert Image.open(BytesIO(stream)).size == (images.WIDTH, images.HEIGHT)
    assert b"\xff\xc0" in stream, "SOF0, the mark of JPEG Baseline"
