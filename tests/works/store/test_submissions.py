"""What submission reads, on the real database."""

from __future__ import annotations

import uuid

from smartlink.works.store import submissions
from tests.works.exams.stage import Stage, stage

__all__ = ["stage"]


def test_what_no_delivery_to_a_pacs_holds_is_found(stage: Stage) -> None:
    exam_id = stage.exam()
    with stage.world.access.organisation(stage.organisation_id) as site:
        every = submissions.instances(site, exam_id)
        assert len(every) == 2
        assert submissions.not_ordered(site, exam_id, stage.pacs) == every
        assert submissions.instances(site, uuid.uuid4()) == []
    (delivery,) = stage.submit(exam_id)
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert submissions.not_ordered(site, exam_id, stage.pacs) == []
        site.run("UPDATE delivery SET state = 'cancelled' WHERE id = :id", id=delivery)
        assert submissions.not_ordered(site, exam_id, stage.pacs) == every


def test_destinations_tell_activity_gateway_and_what_is_unsent(stage: Stage) -> None:
    exam_id = stage.exam()
    stage.gateway.put_connection(
        stage.pacs, kind="pacs", ae_title="ARCHIVE", port=104, mapping=None, status="active", name="Archive"
    )
    stage.submit(exam_id)
    one, _ = stage.take()
    stage.report("sent", one)
    with stage.world.access.organisation(stage.organisation_id) as site:
        (found,) = submissions.destinations(site, exam_id)
        assert (found.name, found.active, found.unsent) == ("Archive", True, 1)
        assert found.gateway_heard_at == stage.world.now
    stage.world.key(stage.place)
    with stage.world.access.organisation(stage.organisation_id) as site:
        (found,) = submissions.destinations(site, exam_id)
        assert found.gateway_heard_at is None


def test_the_outbox_is_counted_as_it_is_listed(stage: Stage) -> None:
    stage.submit(stage.exam(1))
    stage.report("exhausted", *stage.take())
    with stage.world.access.organisation(stage.organisation_id) as site:
        for person, lines in ((stage.bob, 1), (stage.alice, 1), (stage.eve, 0)):
            assert submissions.outbox_count(site, person) == len(submissions.outbox(site, person)) == lines
