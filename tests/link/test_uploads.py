"""Upload messages are read back as they were written, and hostile ones are refused."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from smartlink.link.uploads import (
    PART_SIZE,
    Confirm,
    Held,
    Multipart,
    Offer,
    Offered,
    OfferedInstance,
    Part,
    Receipt,
    Refused,
    Ticket,
)

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def offered(**changes: Any) -> dict[str, Any]:
    """Return the JSON form of a good offer of one instance, with some fields changed."""
    good = {
        "reference": "1",
        "connection_id": str(uuid.UUID(int=1)),
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.6.1",
        "sop_instance_uid": "1.2.3",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "study_instance_uid": "1.2",
        "series_instance_uid": "1.2.9",
        "size": 1000,
        "dataset_sha256": "0" * 64,
        "object_sha256": "f" * 64,
        "received_at": NOW.isoformat(),
    }
    return good | changes


def test_answers_of_every_kind_travel_and_come_back() -> None:
    receipt = Receipt(upload_id=uuid.UUID(int=3), sop_instance_uid="1.2.3", object_sha256="a" * 64, stored_at=NOW)
    answers = Offered(
        answers=(
            Held(reference="1", receipt=receipt),
            Ticket(
                reference="2", upload_id=uuid.UUID(int=4), url="http://127.0.0.1/x", headers={"a": "b"}, expires_at=NOW
            ),
            Multipart(reference="4", upload_id=uuid.UUID(int=5)),
            Refused(reference="3", type="urn:smartlink:problem:instance_refused", detail="No."),
        )
    )
    assert Offered.model_validate_json(answers.model_dump_json()) == answers


def test_a_field_from_the_future_is_ignored() -> None:
    assert Offer.model_validate({"instances": [offered(colour="red")], "mood": 1}).instances[0].size == 1000


@pytest.mark.parametrize(
    "changes",
    [
        {"sop_instance_uid": "1." + "2" * 63},
        {"sop_instance_uid": "1.2/../3"},
        {"study_instance_uid": ""},
        {"size": 0},
        {"size": 10**15},
        {"object_sha256": "F" * 64},
        {"dataset_sha256": "0" * 63},
        {"received_at": "2026-11-24T09:00:00"},
        {"reference": "x" * 65},
    ],
)
def test_a_hostile_offer_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OfferedInstance.model_validate(offered(**changes))


def test_a_batch_is_bounded() -> None:
    with pytest.raises(ValidationError):
        Offer.model_validate({"instances": [offered()] * 65})
    with pytest.raises(ValidationError):
        Confirm(upload_ids=())


@pytest.mark.parametrize("changes", [{"number": 0}, {"number": 1025}, {"size": PART_SIZE + 1}, {"sha256": "A" * 64}])
def test_a_hostile_part_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Part.model_validate({"number": 1, "size": 1, "sha256": "0" * 64} | changes)
