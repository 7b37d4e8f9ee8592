"""What is held, under way and deleted is told by UIDs, within the organisation and the study."""

from __future__ import annotations

from smartlink.works.exams.parts import TICKET_LIFETIME
from smartlink.works.store import holdings
from tests.works.exams.part10 import dataset
from tests.works.exams.stage import Stage, stage
from tests.works.exams.test_deletion import delete, delete_image

__all__ = ["stage"]
UIDS = ["1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"]


def test_each_image_is_where_it_is(stage: Stage) -> None:
    exam_id = stage.exam(2)
    third = dataset(UIDS[2], study="1.2.3")
    (ticket,) = stage.gateway.offer(stage.gateway.offered(third, third, UIDS[2]))
    assert ticket["outcome"] == "ticket"
    delete_image(stage, exam_id, 2)
    elsewhere = stage.world.organisation("Elsewhere")
    with stage.world.access.organisation(stage.organisation_id) as site:
        (study,) = holdings.of_studies(site, stage.place.facility_id, ["1.2.3", "9.9"])
        assert study.sop_instance_uids == UIDS[:1]
        assert holdings.of_studies(site, elsewhere.facility_id, ["1.2.3"]) == []
        assert holdings.held(site, "1.2.3", UIDS) == set(UIDS[:1])
        assert holdings.held(site, "1.2.4", UIDS) == set()
        assert holdings.uploaded(site, "1.2.3", UIDS, stage.world.now) == {
            UIDS[0]: "ingested",
            UIDS[1]: "ingested",
            UIDS[2]: "offered",
        }
        after = stage.world.now + TICKET_LIFETIME
        assert set(holdings.uploaded(site, "1.2.3", UIDS, after)) == set(UIDS[:2])
        assert holdings.deleted(site, "1.2.3", UIDS) == {UIDS[1]}
    with stage.world.access.organisation(elsewhere.organisation_id) as site:
        assert holdings.held(site, "1.2.3", UIDS) == set()
        assert holdings.deleted(site, "1.2.3", UIDS) == set()
    delete(stage, exam_id)
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert holdings.held(site, "1.2.3", UIDS) == set()
        assert holdings.deleted(site, "1.2.3", UIDS) == set(UIDS)
