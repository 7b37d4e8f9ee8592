from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from smartlink.link.insight import JourneyRequest, JourneyTold, StorageProbe


def test_what_is_told_travels_and_comes_back() -> None:
    told = JourneyTold(study_instance_uid="1.2", exam=None, instances=({"state": "offered"},), missing=("Nothing.",))
    probe = StorageProbe(url="https://s3.example/x", headers={"a": "b"}, expires_at=datetime(2026, 11, 24, tzinfo=UTC))
    assert JourneyTold.model_validate_json(told.model_dump_json()) == told
    assert StorageProbe.model_validate_json(probe.model_dump_json()) == probe


@pytest.mark.parametrize("study", ["", "1" * 65])
def test_an_exam_is_named_by_no_more_than_a_uid(study: str) -> None:
    with pytest.raises(ValidationError):
        JourneyRequest(study=study)
