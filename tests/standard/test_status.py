"""A status is shown as on the wire, and every one has a verdict."""

from __future__ import annotations

import pytest

from smartlink.standard.status import Status, Verdict, meaning, shown, verdict


def test_a_status_is_shown_in_four_hexadecimal_digits() -> None:
    assert Status.OUT_OF_RESOURCES.shown == "A700"
    assert Status.SUCCESS.shown == "0000"
    assert shown(0x0111) == "0111"


@pytest.mark.proves("R112")
@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((0x0000, 0xB000, 0xB006, 0xB007, 0xB123, 0x0107, 0x0116), Verdict.STORED),
        ((0x0111,), Verdict.STORED_BEFORE),
        ((0xA700, 0xA701, 0xA7FF, 0x0110, 0x0211, 0x0213), Verdict.DESTINATION),
        ((0xA900, 0xA9FF, 0xC000, 0xCFFF, 0xC001, 0x0117, 0x0122, 0x0124), Verdict.INSTANCE),
        ((0x0212, 0x0106, 0xA800, 0xFE00, 0x0001, 0xFFFF), Verdict.INSTANCE),
    ],
)
def test_every_status_of_a_response_has_its_verdict(statuses: tuple[int, ...], expected: Verdict) -> None:
    assert {verdict(status) for status in statuses} == {expected}


def test_every_status_has_words() -> None:
    assert meaning(0xA712) == "Out of resources"
    assert meaning(0x7777) == "Unknown status"
