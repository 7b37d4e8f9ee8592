"""The list of a worklist server travels whole, and nothing in it is what DICOM does not allow."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import ValidationError

from smartlink.link.worklist import MOST_ITEMS, WorklistItem, WorklistPut, is_text

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)


def an_item(**values: Any) -> WorklistItem:
    return WorklistItem.model_validate({"patient_name": "Rivera^Elena", "patient_id": "7", "start_at": AT} | values)


@pytest.mark.proves("R52")
def test_a_list_comes_out_of_json_as_it_went_in() -> None:
    item = an_item(
        patient_name="Yamada^Tarou=山田^太郎=やまだ^たろう",
        birth_date="1965-03-12",
        start_at=datetime(2026, 11, 24, 9, tzinfo=timezone(timedelta(hours=-5))),
    )
    put = WorklistPut(checked_at=AT, fetched_at=AT, items=(item,), truncated=True, unreadable=2)
    assert WorklistPut.model_validate_json(put.model_dump_json()) == put


def test_what_a_newer_gateway_adds_is_passed_over() -> None:
    assert WorklistPut.model_validate({"checked_at": AT.isoformat(), "colour": "blue"}).items is None


@pytest.mark.parametrize(
    "values",
    [
        {"patient_id": "x" * 65},
        {"patient_name": "a\\b"},
        {"patient_name": "a\0b"},
        {"accession_number": "x" * 17},
        {"sex": "X"},
        {"study_instance_uid": "1.2.x"},
        {"start_at": "2026-11-24T09:00:00"},
    ],
)
def test_what_is_no_item_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        an_item(**values)


def test_a_list_is_bounded() -> None:
    with pytest.raises(ValidationError):
        WorklistPut(checked_at=AT, items=tuple(an_item() for _ in range(MOST_ITEMS + 1)))


def test_the_ideographic_space_is_a_letter_of_a_name() -> None:
    assert is_text("山田　太郎")
    assert not is_text("a\x1bb")
