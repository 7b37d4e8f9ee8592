"""Each confirmed identity is a row of its own, numbered; the newest counts, the others stay."""

from __future__ import annotations

import pytest

from smartlink.works.exams import correction
from smartlink.works.exams.correction import Values
from smartlink.works.store import identities
from smartlink.works.store.database import Clash
from tests.works.exams.stage import Stage, stage

__all__ = ["stage"]


def test_the_newest_counts_and_the_others_stay(stage: Stage) -> None:
    exam_id = stage.exam(1)
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert identities.current(site, exam_id) is None
    made = [
        correction.set_identity(
            stage.world.access,
            stage.actor(),
            exam_id,
            stage.version(exam_id),
            Values(accession_number=number),
            stage.world.now,
        )
        for number in ("A", "B")
    ]
    with stage.world.access.organisation(stage.organisation_id) as site:
        first, second = (identities.get(site, one) for one in made)
        assert identities.current(site, exam_id) == second
        assert first is not None
        assert (first.number, first.accession_number, first.confirmed_by) == (1, "A", stage.bob)
        with pytest.raises(Clash), site.attempt():
            identities.insert(site, first)
