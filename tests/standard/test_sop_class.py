"""The table of storage SOP Classes agrees with an independent dictionary."""

from __future__ import annotations

import pynetdicom.sop_class
import pytest
from pydicom._uid_dict import UID_dictionary

from smartlink.standard import sop_class


@pytest.mark.proves("R68")
def test_both_current_and_both_retired_ultrasound_classes_are_known() -> None:
    assert {sop_class.ULTRASOUND_IMAGE, sop_class.ULTRASOUND_MULTIFRAME_IMAGE} <= sop_class.STORAGE.keys()
    assert {"1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.3"} <= sop_class.STORAGE.keys()


def test_every_class_is_one_of_the_standard_dictionary() -> None:
    newest = {str(uid) for uid in pynetdicom.sop_class._STORAGE_CLASSES.values()}  # noqa: SLF001 - the only list there is
    unknown = [uid for uid in sop_class.STORAGE if uid not in UID_dictionary and uid not in newest]
    assert unknown == []


@pytest.mark.parametrize(
    "uid", [sop_class.ULTRASOUND_IMAGE, "1.2.840.113619.4.30", "2.25.7", "1.2.840.10008.5.1.4.1.1.999"]
)
def test_a_private_class_or_one_newer_than_our_table_may_be_an_image(uid: str) -> None:
    assert sop_class.may_be_image(uid)


@pytest.mark.parametrize(
    "uid", [sop_class.VERIFICATION, sop_class.STORAGE_COMMITMENT, "1.2.840.10008.5.1.4.31", "1.2.840.10008.3.1.2.3.3"]
)
def test_a_service_of_the_standard_is_no_image(uid: str) -> None:
    assert not sop_class.may_be_image(uid)
