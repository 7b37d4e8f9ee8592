"""The signed assertion: good once, for a minute, for one audience, from one key."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartlink.link import assertion

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
AUDIENCE = "http://127.0.0.1:8080/link/v1/token"
GATEWAY = uuid.UUID(int=7)


def test_a_fresh_assertion_is_verified_by_the_public_half() -> None:
    key = assertion.generate_key()
    public = assertion.load_public(assertion.public_text(assertion.load_private(assertion.private_pem(key))))
    signed = assertion.sign(key, GATEWAY, AUDIENCE, NOW)
    claims = assertion.verify(signed, public, AUDIENCE, NOW)
    assert claims.gateway_id == GATEWAY == assertion.subject(signed)
    assert claims.expires_at == NOW + assertion.LIFETIME


def test_each_assertion_has_its_own_identifier() -> None:
    key = assertion.generate_key()
    jtis = {assertion.verify(assertion.sign(key, GATEWAY, AUDIENCE, NOW), key, AUDIENCE, NOW).jti for _ in range(10)}
    assert len(jtis) == 10


@pytest.mark.parametrize("late", [timedelta(minutes=3), timedelta(minutes=-3), timedelta(days=-400)])
def test_an_assertion_of_another_time_is_refused(late: timedelta) -> None:
    key = assertion.generate_key()
    signed = assertion.sign(key, GATEWAY, AUDIENCE, NOW)
    with pytest.raises(assertion.AssertionRefused, match="at this time"):
        assertion.verify(signed, key, AUDIENCE, NOW + late)


def test_an_assertion_for_another_audience_is_refused() -> None:
    key = assertion.generate_key()
    with pytest.raises(assertion.AssertionRefused, match="somebody else"):
        assertion.verify(assertion.sign(key, GATEWAY, "http://evil", NOW), key, AUDIENCE, NOW)


def test_an_assertion_of_another_key_is_refused() -> None:
    signed = assertion.sign(assertion.generate_key(), GATEWAY, AUDIENCE, NOW)
    with pytest.raises(assertion.AssertionRefused, match="not signed"):
        assertion.verify(signed, assertion.generate_key(), AUDIENCE, NOW)


@given(st.text(max_size=300))
def test_any_other_text_is_refused_and_never_breaks(text: str) -> None:
    with pytest.raises(assertion.AssertionRefused):
        assertion.subject(text)
    with pytest.raises(assertion.AssertionRefused):
        assertion.verify(text, KEY, AUDIENCE, NOW)


@pytest.mark.parametrize("text", ["", "x", "A" * 43 + "=", "!" * 43, "AAAA"])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(assertion.AssertionRefused):
        assertion.load_public(text)


KEY = assertion.generate_key()
