"""What the tables of a submitted exam refuse."""

from __future__ import annotations

import uuid

import pytest

from smartlink.works.access import Access
from smartlink.works.store.database import Clash
from smartlink.works.store.submission_tables import delivery
from smartlink.works.store.tables import metadata
from tests.works.web.town import Town, town

__all__ = ["town"]


def test_they_are_among_the_tables_of_works() -> None:
    assert metadata.tables["delivery"] is delivery


@pytest.mark.parametrize(
    "change",
    [
        "state = 'receiving'",
        "state = 'submitted'",
        "folder = 'completed'",
        "folder = 'unassigned'",
        "owner_person_id = NULL",
        "folder = 'somewhere'",
    ],
)
def test_an_exam_is_a_draft_until_it_is_submitted_and_then_in_no_draft_folder(town: Town, change: str) -> None:
    exam_id = town.exam(town.bob)
    with pytest.raises(Clash):
        town.run(f"UPDATE exam SET {change} WHERE id = :id", id=exam_id)


def test_a_delivery_in_the_outbox_says_why(town: Town) -> None:
    exam_id = town.exam(town.bob, state="submitted", folder="completed")
    row = {"id": uuid.uuid4(), "organisation": town.organisation_id, "exam": exam_id, "pacs": town.connection_id}
    insert = (
        "INSERT INTO delivery (id, organisation_id, exam_id, connection_id, exam_version, state, created_at,"
        " updated_at) VALUES (:id, :organisation, :exam, :pacs, 1, :state, now(), now())"
    )
    for state in ("outbox", "lost"):
        with pytest.raises(Clash):
            town.run(insert, state=state, **row)
    town.run(insert, state="queued", **row)


def test_another_organisation_sees_none_of_them(town: Town, access: Access) -> None:
    exam_id = town.exam(town.bob)
    town.run(
        "INSERT INTO exam_identity (id, organisation_id, exam_id, number, confirmed_at) VALUES (:id, :o, :e, 1, now())",
        id=uuid.uuid4(),
        o=town.organisation_id,
        e=exam_id,
    )
    with access.organisation(town.elsewhere.organisation_id) as site:
        assert site.value("SELECT count(*) FROM exam_identity") == 0
    assert town.value("SELECT count(*) FROM exam_identity") == 1
