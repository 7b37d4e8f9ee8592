"""Activation carries secrets that never show themselves by accident."""

from __future__ import annotations

import uuid

import pytest
from pydantic import SecretStr, ValidationError

from smartlink.link.activation import Activate
from smartlink.link.assertion import generate_key, public_text


def activate(public_key: str) -> Activate:
    """Return an activation with `public_key`."""
    return Activate(
        licence_key=SecretStr("ABCDE-FGHJK"), installation_id=uuid.UUID(int=1), public_key=public_key, version="0.1.0"
    )


def test_the_licence_key_is_not_in_the_printed_form() -> None:
    assert "ABCDE" not in repr(activate(public_text(generate_key())))


@pytest.mark.parametrize("text", ["", "short", "!" * 43, "A" * 44])
def test_a_public_key_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        activate(text)
