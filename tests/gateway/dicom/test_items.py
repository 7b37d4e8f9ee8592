from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartlink.gateway.dicom.items import Item, MalformedPDUError, item, items, sized, take_sized, uid


@given(st.lists(st.tuples(st.sampled_from(Item), st.binary(max_size=50)), max_size=6))
def test_items_come_back_as_they_went(several: list[tuple[Item, bytes]]) -> None:
    assert list(items(b"".join(item(*one) for one in several))) == several


@given(st.binary(max_size=100))
def test_any_bytes_are_items_or_malformed(noise: bytes) -> None:
    with contextlib.suppress(MalformedPDUError):
        assert sum(4 + len(value) for _, value in items(noise)) == len(noise)


@pytest.mark.parametrize("cut", [b"\x51", b"\x51\0\0", b"\x51\0\0\5four", b"\x50\0\xff\xff"])
def test_an_item_that_reaches_beyond_its_parent_is_malformed(cut: bytes) -> None:
    with pytest.raises(MalformedPDUError):
        list(items(cut))


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_a_sized_field_is_taken_off_with_its_length(value: bytes, rest: bytes) -> None:
    assert take_sized(sized(value) + rest) == (value, rest)


@pytest.mark.parametrize("cut", [b"", b"\0", b"\0\5four", b"\xff\xff"])
def test_a_sized_field_that_reaches_beyond_its_item_is_malformed(cut: bytes) -> None:
    with pytest.raises(MalformedPDUError):
        take_sized(cut)


def test_a_uid_is_read_without_its_padding() -> None:
    assert uid(b"1.2.3\0") == uid(b"1.2.3 ") == "1.2.3"
