"""Download tickets are read back as they were written."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from smartlink.link.downloads import MOST_TICKETS, Downloads, DownloadsRequest, DownloadTicket, NotWanted

ONE = uuid.UUID(int=1)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_answers_of_every_kind_travel_and_come_back() -> None:
    answers = Downloads(
        answers=(
            DownloadTicket(
                item_id=ONE, url="http://127.0.0.1/x", headers={}, size=3, object_sha256="a" * 64, expires_at=NOW
            ),
            NotWanted(item_id=ONE, detail="The delivery was cancelled."),
        )
    )
    assert Downloads.model_validate_json(answers.model_dump_json()) == answers


def test_a_request_has_a_limit() -> None:
    with pytest.raises(ValidationError):
        DownloadsRequest(item_ids=tuple(uuid.UUID(int=n) for n in range(MOST_TICKETS + 1)))
