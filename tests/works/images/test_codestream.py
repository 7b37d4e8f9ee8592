"""The size that a compressed frame states."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from smartlink.works.images.codestream import frame_size


@pytest.mark.parametrize(
    ("form", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG2000", {"no_jp2": True})]
)
def test_rows_and_columns_are_those_of_the_picture(form: str, options: dict[str, bool]) -> None:
    target = io.BytesIO()
    Image.new("RGB", (80, 60)).save(target, form, **options)
    assert frame_size(target.getvalue()) == (60, 80)


def test_jpeg_ls_states_its_size_too() -> None:
    header = bytes.fromhex("ffd8 ffff f7 000b 08 0010 0020 01 01 11 00")
    assert frame_size(header) == (16, 32)


@pytest.mark.parametrize(
    "encoded", [b"", b"\xff\xd8", b"\xff\xd8\xff\xda\x00\x08", b"\xff\xd8\x00\x00" * 9, b"\x01\x00\x00\x00"]
)
def test_what_states_no_size_answers_none(encoded: bytes) -> None:
    assert frame_size(encoded) is None


@given(st.binary(max_size=400))
def test_no_bytes_crash_it_or_hold_it(noise: bytes) -> None:
    frame_size(b"\xff\xd8" + noise)
    frame_size(b"\xff\x4f\xff\x51" + noise)
