"""The choice of a Transfer Syntax: the requestor's first, but never the poor ones when there is a better."""

from __future__ import annotations

import pynetdicom.sop_class  # noqa: F401 - brings the newest UIDs into pydicom's dictionary
import pytest
from pydicom._uid_dict import UID_dictionary

from smartlink.standard import transfer_syntax as ts


@pytest.mark.parametrize(
    ("proposed", "chosen"),
    [
        ((ts.IMPLICIT_VR_LITTLE_ENDIAN,), ts.IMPLICIT_VR_LITTLE_ENDIAN),
        ((ts.IMPLICIT_VR_LITTLE_ENDIAN, ts.EXPLICIT_VR_LITTLE_ENDIAN), ts.EXPLICIT_VR_LITTLE_ENDIAN),
        ((ts.EXPLICIT_VR_BIG_ENDIAN, ts.JPEG_BASELINE), ts.JPEG_BASELINE),
        ((ts.JPEG_BASELINE, ts.EXPLICIT_VR_LITTLE_ENDIAN), ts.JPEG_BASELINE),
        ((ts.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, ts.IMPLICIT_VR_LITTLE_ENDIAN), ts.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN),
        (("1.2.3.4", ts.RLE_LOSSLESS), ts.RLE_LOSSLESS),
        (("1.2.3.4",), None),
        ((), None),
    ],
)
def test_the_first_good_one_wins(proposed: tuple[str, ...], chosen: str | None) -> None:
    assert ts.choose(proposed) == chosen


@pytest.mark.proves("R68")
def test_every_one_is_a_transfer_syntax_of_the_standard_dictionary() -> None:
    kinds = {uid: UID_dictionary[uid][1] for uid in ts.TRANSFER_SYNTAXES}
    assert set(kinds.values()) == {"Transfer Syntax"}
