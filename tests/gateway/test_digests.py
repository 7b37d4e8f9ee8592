"""All digests of a file in one pass, its parts included when it is large."""

from __future__ import annotations

import hashlib
import io
import zlib

import pytest

from smartlink.gateway.digests import digests
from smartlink.gateway.store.spool import SpoolDamaged
from smartlink.link.uploads import LARGEST_WHOLE, PART_SIZE


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_digests_are_of_the_data_set_and_of_the_whole_file() -> None:
    head, data = bytes(200), b"the Data Set" * 1000
    found = digests(io.BytesIO(head + data), 200, 200 + len(data))
    assert (found.dataset, found.whole, found.crc32) == (sha256(data), sha256(head + data), zlib.crc32(data))
    assert found.parts == ()
    with pytest.raises(SpoolDamaged):
        digests(io.BytesIO(b"short"), 200, 300)


@pytest.mark.parametrize("size", [LARGEST_WHOLE + 1, 3 * PART_SIZE - 1, 3 * PART_SIZE, 3 * PART_SIZE + 1])
def test_the_parts_of_a_large_file_are_cut_where_they_belong(size: int) -> None:
    file = (bytes(range(256)) * (size // 256 + 1))[:size]
    found = digests(io.BytesIO(file), 317, size)
    assert found.parts == tuple(sha256(file[at : at + PART_SIZE]) for at in range(0, size, PART_SIZE))
    assert (found.dataset, found.whole) == (sha256(file[317:]), sha256(file))


def test_the_largest_file_that_goes_as_a_whole_has_no_parts() -> None:
    assert digests(io.BytesIO(bytes(LARGEST_WHOLE)), 200, LARGEST_WHOLE).parts == ()
