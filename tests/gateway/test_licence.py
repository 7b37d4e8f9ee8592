"""Each state of the licence tells a person what it means."""

from __future__ import annotations

import pytest

from smartlink.gateway.licence import LicenceState


@pytest.mark.proves("R34")
def test_a_revoked_gateway_says_that_images_are_kept_and_what_to_do() -> None:
    assert "kept" in LicenceState.REVOKED.words
    assert "smartlink activate" in LicenceState.REVOKED.words


def test_every_state_has_its_sentence() -> None:
    assert all(state.words.endswith((".", "KEY")) for state in LicenceState)
