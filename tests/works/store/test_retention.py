"""An organisation without periods of its own has the defaults; a hold is in force once."""

from __future__ import annotations

import uuid

from smartlink.works.store import retention
from smartlink.works.store.retention import Periods
from tests.works.exams.stage import Stage, stage

__all__ = ["stage"]


def test_periods_are_the_organisations_own(stage: Stage) -> None:
    elsewhere = stage.world.organisation("Elsewhere")
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert retention.periods(site) == Periods(30, None)
        for wanted in (Periods(7, 400), Periods(9, None)):
            retention.set_periods(site, wanted)
            assert retention.periods(site) == wanted
    with stage.world.access.organisation(elsewhere.organisation_id) as site:
        assert retention.periods(site) == Periods(30, None)


def test_a_hold_is_placed_once_and_lifted_once(stage: Stage) -> None:
    exam_id = stage.exam(1)
    with stage.world.access.organisation(stage.organisation_id) as site:
        now = stage.world.now
        for expected in (True, False):
            assert retention.place_hold(site, uuid.uuid4(), exam_id, "Case", by=stage.alice, now=now) is expected
        (hold,) = retention.holds(site)
        assert (hold.exam_id, hold.reason, hold.placed_by, hold.placed_at) == (exam_id, "Case", "Alice Ames", now)
        assert retention.held(site, exam_id)
        for expected in (True, False):
            assert retention.lift_hold(site, exam_id, by=None, now=now) is expected
        assert retention.holds(site) == []
        assert not retention.held(site, exam_id)
