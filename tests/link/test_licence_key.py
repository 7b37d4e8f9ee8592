"""A licence key survives being copied, and a typing error is caught without asking Works."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartlink.link import licence_key


@pytest.mark.proves("R30")
def test_a_generated_key_is_read_back_however_it_is_typed() -> None:
    key = licence_key.generate()
    for typed in (
        key,
        key.lower(),
        key.replace("-", ""),
        f"  {key}\n",
        key.replace("-", " "),
        key.replace("0", "O").replace("1", "l"),
    ):
        assert licence_key.parse(typed) == key


@pytest.mark.proves("R30")
def test_any_single_wrong_symbol_is_caught() -> None:
    key = licence_key.generate()
    for place, symbol in enumerate(key):
        if symbol == "-":
            continue
        wrong = key[:place] + ("2" if symbol != "2" else "3") + key[place + 1 :]
        with pytest.raises(licence_key.LicenceKeyMistyped, match="nothing was sent"):
            licence_key.parse(wrong)


@given(st.text(max_size=80))
def test_any_other_text_is_refused_and_never_breaks(text: str) -> None:
    with pytest.raises(licence_key.LicenceKeyMistyped):
        licence_key.parse(text)


@pytest.mark.proves("R30")
def test_a_key_carries_at_least_128_random_bits() -> None:
    keys = {licence_key.generate() for _ in range(100)}
    assert len(keys) == 100
    assert 32 * 5 >= 128
    assert all(len(key.replace("-", "")) == 35 for key in keys)


def test_what_is_stored_does_not_contain_the_key() -> None:
    key = licence_key.generate()
    assert key not in licence_key.digest(key)
    assert licence_key.digest(key) == licence_key.digest(licence_key.parse(key.lower()))
    assert key.startswith(licence_key.prefix(key))
