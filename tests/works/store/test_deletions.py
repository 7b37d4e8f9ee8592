"""What is deleted is hidden by the database itself, whatever a query asks for."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from smartlink.works.store import deletions
from tests.works.exams.stage import Stage, stage
from tests.works.exams.test_deletion import delete, delete_image

__all__ = ["stage"]
SEEN = "SELECT (SELECT count(*) FROM exam) * 10 + (SELECT count(*) FROM instance)"


def test_only_a_transaction_that_says_so_sees_what_was_deleted(stage: Stage) -> None:
    exam_id = stage.exam(2)
    delete_image(stage, exam_id, 1)
    access, place = stage.world.access, stage.organisation_id
    with access.organisation(place) as site:
        assert site.value(SEEN) == 11
    delete(stage, exam_id)
    with access.organisation(place) as site:
        assert site.value(SEEN) == 0
        assert site.run("UPDATE exam SET patient_name = 'x'") == 0
        assert site.run("DELETE FROM instance") == 0
        deletions.show_hidden(site)
        assert site.value(SEEN) == 12
    with access.organisation(place) as site:  # it was said for one transaction only
        assert site.value(SEEN) == 0


def test_nothing_is_hidden_by_the_way(stage: Stage) -> None:
    exam_id = stage.exam(1)
    deletion_id = delete_image(stage, exam_id, 1)
    with (
        pytest.raises(sa.exc.ProgrammingError, match="row-level security"),
        stage.world.access.organisation(stage.organisation_id) as site,
    ):
        site.run("UPDATE exam SET deletion_id = :id", id=deletion_id)


def test_a_uid_is_known_again_by_its_hash_and_in_one_organisation_only(stage: Stage) -> None:
    deletion_id = delete(stage, stage.exam(1))
    elsewhere = stage.world.organisation("Elsewhere")
    with stage.world.access.organisation(stage.organisation_id) as site:
        found = deletions.buried(site, ["9.9", "1.2.3"])
        assert found is not None
        assert (found.deletion_id, found.deleted_at) == (deletion_id, stage.world.now)
        assert deletions.buried(site, ["9.9"]) is None
        ours = deletions.uid_hash(site, "1.2.3")
        assert site.value("SELECT uid_hash FROM tombstone") == ours
    with stage.world.access.organisation(elsewhere.organisation_id) as site:
        assert deletions.buried(site, ["1.2.3"]) is None
        assert deletions.uid_hash(site, "1.2.3") != ours
