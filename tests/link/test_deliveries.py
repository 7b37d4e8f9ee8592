"""Reports of deliveries are read back as they were written, and hostile ones are refused."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from smartlink.link.deliveries import DeliveryReport, ItemReport, ItemState

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def report(**changes: Any) -> dict[str, Any]:
    """Return the JSON form of a good report, with some fields changed."""
    good = {"item_id": str(uuid.UUID(int=1)), "state": "sent", "at": NOW.isoformat(), "attempts": 1, "status": "0000"}
    return good | changes


@pytest.mark.parametrize("state", list(ItemState))
def test_a_report_of_every_state_travels_and_comes_back(state: ItemState) -> None:
    told = DeliveryReport.model_validate({"items": [report(state=state.value, cause="No room.", remedy="Make some.")]})
    assert DeliveryReport.model_validate_json(told.model_dump_json()) == told


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "dancing"},
        {"status": "0"},
        {"status": "a700"},
        {"cause": "x" * 501},
        {"at": "2026-11-24T09:00:00"},
        {"attempts": -1},
        {"accepted_transfer_syntaxes": ["1.2/3"]},
    ],
)
def test_a_hostile_report_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ItemReport.model_validate(report(**changes))
