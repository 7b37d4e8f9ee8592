"""Deliveries and their instances as rows: what the gateway said last counts, and only what is under way is found."""

from __future__ import annotations

import uuid
from datetime import timedelta

from smartlink.works.access import Site
from smartlink.works.store import deliveries
from tests.works.exams.stage import Stage, stage

__all__ = ["stage"]


def test_a_later_word_replaces_an_earlier_one_and_an_end_replaces_any(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam(1))
    now = stage.world.now

    def told(site: Site, state: str, minutes: int) -> bool:
        (item,) = deliveries.items(site, delivery)
        return deliveries.report_item(
            site,
            item.id,
            state=state,
            attempts=1,
            status=None,
            cause=None,
            remedy=None,
            accepted=(),
            at=now + timedelta(minutes=minutes),
        )

    with stage.world.access.organisation(stage.organisation_id) as site:
        assert [told(site, "waiting", 2), told(site, "waiting", 1), told(site, "waiting", 2)] == [True, False, True]
        assert told(site, "parked", 1), "its clock was set back"
        (item,) = deliveries.items(site, delivery)
        assert item.state == "parked"


def test_what_is_under_way_is_found_by_pacs_and_by_gateway(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam())
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert deliveries.under_way_of_connection(site, stage.pacs) == [delivery]
        assert deliveries.under_way_of_gateways(site, [stage.gateway.id]) == [delivery]
        assert deliveries.under_way_of_gateways(site, [uuid.uuid4()]) == []
    stage.report("sent", *stage.take())
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert deliveries.under_way_of_connection(site, stage.pacs) == []
        assert deliveries.under_way_of_gateways(site, [stage.gateway.id]) == []
        assert deliveries.lock(site, []) == []
        assert deliveries.get(site, uuid.uuid4()) is None


def test_what_is_sent_or_refused_stays_so_when_the_rest_ends(stage: Stage) -> None:
    (delivery,) = stage.submit(stage.exam(3))
    one, other, _ = stage.take()
    stage.report("sent", one)
    stage.report("parked", other, cause="Refused.")
    with stage.world.access.organisation(stage.organisation_id) as site:
        deliveries.end_items(site, delivery, state="exhausted", cause="Gone.")
    rows = stage.world.rows(stage.place, "SELECT state, cause FROM delivery_instance ORDER BY state")
    assert [(row["state"], row["cause"]) for row in rows] == [
        ("exhausted", "Gone."),
        ("parked", "Refused."),
        ("sent", None),
    ]
