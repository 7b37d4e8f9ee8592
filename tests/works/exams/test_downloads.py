"""A gateway gets exactly the objects that it was ordered to deliver."""

from __future__ import annotations

import hashlib
import uuid

import httpx
import pytest

from tests.works.exams.stage import Stage


def test_a_ticket_gives_the_bytes_that_were_ordered(stage: Stage) -> None:
    stage.submit(stage.exam())
    ordered = stage.take()
    for item, ticket in zip(ordered, stage.tickets(ordered), strict=True):
        assert (ticket["outcome"], ticket["item_id"], ticket["size"]) == ("ticket", item["item_id"], item["size"])
        content = httpx.get(ticket["url"], headers=ticket["headers"], timeout=20).content
        assert hashlib.sha256(content).hexdigest() == ticket["object_sha256"] == item["object_sha256"]
        assert len(content) == ticket["size"]


def test_another_gateway_gets_nothing(stage: Stage) -> None:
    stage.submit(stage.exam())
    ordered = stage.take()
    stage.gateway = stage.world.gateway(stage.world.second_facility(stage.place), ae_title="US09")
    answers = stage.tickets([*ordered, {"item_id": str(uuid.uuid4())}])
    assert [one["outcome"] for one in answers] == ["not_wanted"] * 3


@pytest.mark.proves("R86")
def test_what_was_taken_back_is_not_given(stage: Stage) -> None:
    stage.submit(stage.exam())
    ordered = stage.take()
    stage.gateway.delete_connection(stage.pacs)
    assert {one["outcome"] for one in stage.tickets(ordered)} == {"not_wanted"}
