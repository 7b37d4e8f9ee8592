"""What a comparison found is told in plain words."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from smartlink.gateway.reconciling import FINDING_OF, Finding, Report, counted
from smartlink.link.connections import Kind
from smartlink.link.reconciliation import Holding
from tests.gateway.conftest import START

BLANK = Report(START, START, uuid4(), "Room 1", "US01", Kind.ULTRASOUND)


def of(**counts: int) -> list[tuple[str, str, Finding]]:
    """So many images of each finding."""
    return [
        ("1.2", f"1.2.{n}{i}", Finding(name)) for n, (name, count) in enumerate(counts.items()) for i in range(count)
    ]


@pytest.mark.parametrize(
    ("kind", "counts", "words"),
    [
        (Kind.ULTRASOUND, {"there": 3}, "Room 1 (US01): 3 images received, and Works has all of them."),
        (Kind.PACS, {"there": 2}, "Room 1 (US01): 2 images sent, and the PACS has all of them."),
        (
            Kind.ULTRASOUND,
            {"there": 1, "on_the_way": 2, "missing": 1},
            "Room 1 (US01): 4 images received, Works has 1 of them; 2 on their way to Works; 1 missing in Works.",
        ),
        (
            Kind.ULTRASOUND,
            {"deleted": 1},
            "Room 1 (US01): 1 images received, Works has 0 of them; 1 deleted in Works by a person.",
        ),
        (
            Kind.PACS,
            {"there": 1, "missing": 2},
            "Room 1 (US01): 3 images sent, the PACS has 1 of them; 2 missing in the PACS, which said that it had them.",
        ),
    ],
)
def test_a_report_is_a_sentence(kind: Kind, counts: dict[str, int], words: str) -> None:
    assert counted(replace(BLANK, kind=kind), of(**counts)).sentence == words


def test_what_is_sent_again_and_what_cannot_be_is_told() -> None:
    told = counted(BLANK, of(missing=3), {("1.2", f"1.2.0{n}"): n < 2 for n in range(3)})
    assert [one.again for one in told.differences] == [True, True, False]
    assert told.sentence.endswith("3 missing in Works. 2 are sent again. 1 cannot be sent again from here.")


def test_a_peer_that_cannot_be_asked_is_not_said_to_lack_anything() -> None:
    told = replace(BLANK, kind=Kind.PACS, counts={Finding.UNKNOWN: 5}, problem="ARCHIVE does not answer queries.")
    assert told.sentence == (
        "Room 1 (US01): 5 images sent; what became of them is not known: ARCHIVE does not answer queries."
    )
    assert told.as_json()["total"] == 5


def test_only_what_needs_somebody_is_a_difference() -> None:
    told = counted(BLANK, of(**dict.fromkeys((one.value for one in Finding), 1)))
    assert {one.finding for one in told.differences} == {
        Finding.NEEDS_ATTENTION,
        Finding.UNREADABLE,
        Finding.FAILED,
        Finding.MISSING,
    }
    assert set(FINDING_OF) == set(Holding)
