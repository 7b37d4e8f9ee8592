"""The rows of a list are replaced together, and found by facility, specialty and time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from smartlink.works.store import lookups, worklists
from smartlink.works.worklist.lists import new_items
from tests.works.exams.stage import Stage, stage
from tests.works.worklist.ward import Ward

__all__ = ["stage"]


def test_a_row_comes_back_as_it_was_put(stage: Stage) -> None:
    ward, now = Ward(stage), stage.world.now
    server = ward.server()
    items = new_items(server, [ward.item(), ward.item("P-2", birth_date=None)], now)
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert worklists.lock(site, server) is None
        row = worklists.WorklistRow(server, now, now, now, truncated=True, unreadable=3, failing_since=None,
            problem=None, remedy=None)  # fmt: skip
        worklists.put(site, row)
        worklists.replace(site, server, items)
        assert worklists.lock(site, server) == row
        assert worklists.count(site, server) == 2
        found = worklists.one(site, items[0].id, stage.place.facility_id, stage.place.specialty_id, now)
        assert found is not None
        assert (found.patient_name, found.start_at.isoformat()) == (items[0].patient_name, items[0].start_at)
        assert worklists.one(site, items[0].id, stage.place.facility_id, stage.place.other_specialty_id, now) is None
        assert len(worklists.listing(site, stage.place.facility_id, None, now, most=1)) == 1
        # A server that fails keeps the time of its last good list.
        worklists.put(site, replace(row, fetched_at=None, failing_since=now, problem="It is down."))
        (known,) = worklists.servers(site, stage.place.facility_id, None, now)
        assert (known.fetched_at, known.failing_since, known.items) == (now, now, 2)
        worklists.forget(site, server)
        assert (worklists.lock(site, server), worklists.count(site, server)) == (None, 0)


def test_who_has_something_to_purge_is_found_across_organisations(stage: Stage) -> None:
    ward, now = Ward(stage), stage.world.now
    ward.put(ward.server(), ward.item())
    later = now + timedelta(hours=48)
    with stage.world.access.outside() as transaction:
        assert lookups.worklists_expired(transaction, now) == []
        assert lookups.worklists_expired(transaction, later) == [stage.organisation_id]
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert worklists.purge(site, later) == 1
