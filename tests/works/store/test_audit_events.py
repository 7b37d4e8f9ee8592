"""An event is stored as it was told."""

from __future__ import annotations

from datetime import datetime

from smartlink.works.access import Access
from smartlink.works.store import audit_events
from tests.works.cast import Cast


def test_an_event_keeps_its_detail(access: Access, cast: Cast, now: datetime) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        audit_events.add(
            site,
            at=now,
            actor_kind="system",
            actor_id=None,
            action="count",
            object_kind="exam",
            object_id=None,
            outcome="success",
            detail={"n": 3},
        )
        assert site.value("SELECT detail ->> 'n' FROM audit_event WHERE action = 'count'") == "3"
