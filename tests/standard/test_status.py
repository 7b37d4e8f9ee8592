"""Statuses are shown as people read them."""

from __future__ import annotations

from smartlink.standard.status import Status


def test_a_status_is_shown_as_four_hexadecimal_digits() -> None:
    assert Status.OUT_OF_RESOURCES.shown == "A700"
    assert Status.SUCCESS.shown == "0000"
