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
