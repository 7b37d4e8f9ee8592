from __future__ import annotations

import pytest

from smartlink.link.test_exam import AE_TITLE, UID_ROOT, is_test_exam
from smartlink.standard.names import UID, AETitle


def test_root_and_ae_title_are_as_the_standard_wants_them_with_room_for_more() -> None:
    assert UID.parse(f"{UID_ROOT}.9999999999.1.9999") == f"{UID_ROOT}.9999999999.1.9999"
    assert AETitle.parse(AE_TITLE) == AE_TITLE


@pytest.mark.parametrize(
    ("uid", "ours"),
    [(f"{UID_ROOT}.1", True), (UID_ROOT, False), (f"{UID_ROOT}1.2", False), ("1.2", False), (None, False)],
)
def test_only_what_lies_below_the_root_is_a_test_exam(uid: str | None, ours: bool) -> None:  # noqa: FBT001 - a table
    assert is_test_exam(uid) is ours
