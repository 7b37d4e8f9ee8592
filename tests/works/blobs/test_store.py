"""Objects are named by their content, so that a repeat is the same object."""

from __future__ import annotations

import io

from smartlink.works.blobs.store import chunks, frame_key, multipart_key, object_key, thumbnail_key


def test_names_hold_the_organisation_and_nothing_of_the_patient() -> None:
    assert object_key("o", b"\xab" * 32) == f"objects/o/ab/{'ab' * 32}"
    assert multipart_key("o", "u") == "multipart/o/u"
    assert thumbnail_key("o", "i") == "previews/o/i/thumb.webp"
    assert frame_key("o", "i", 3) == "previews/o/i/3.webp"


def test_a_stream_comes_in_pieces() -> None:
    assert list(chunks(io.BytesIO(b"abcde"), 2)) == [b"ab", b"cd", b"e"]
