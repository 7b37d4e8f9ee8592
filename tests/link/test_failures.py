"""Notices of failures are read back as they were written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from smartlink.link.failures import Failure, FailureKind, FailureNotice

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_a_notice_travels_and_comes_back() -> None:
    failing = Failure(kind=FailureKind.STORE, count=3, since=NOW, oldest_at=NOW, cause="The PACS does not answer.")
    notice = FailureNotice(failures=(failing,), notify_hours=4, at=NOW)
    assert FailureNotice.model_validate_json(notice.model_dump_json()) == notice


@pytest.mark.parametrize("hours", [0, 25])
def test_only_whole_hours_of_a_day_are_taken(hours: int) -> None:
    with pytest.raises(ValidationError):
        FailureNotice(failures=(), notify_hours=hours, at=NOW)
