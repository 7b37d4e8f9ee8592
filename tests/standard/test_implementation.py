from __future__ import annotations

import uuid

from smartlink.standard.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from smartlink.standard.names import UID


def test_our_class_uid_is_a_uuid_written_as_the_standard_has_it() -> None:
    assert UID.parse(IMPLEMENTATION_CLASS_UID).is_strict
    assert uuid.UUID(int=int(IMPLEMENTATION_CLASS_UID.removeprefix("2.25."))).version == 4


def test_our_version_name_fits_its_value_representation() -> None:
    assert 1 <= len(IMPLEMENTATION_VERSION_NAME) <= 16
