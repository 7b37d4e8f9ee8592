"""A gateway asks what Works has, and for what a PACS has lost: nothing of others is told, nothing is sent twice."""

from __future__ import annotations

import uuid

import pytest

from smartlink.link.reconciliation import (
    CompareInstances,
    CompareStudies,
    Holding,
    ToldStudy,
    digest_of,
)
from smartlink.works.exams import reconciliation
from smartlink.works.fleet.tokens import Caller
from tests.works.exams.part10 import dataset
from tests.works.exams.stage import Stage
from tests.works.exams.test_deletion import acts, delete, delete_image

UIDS = ("1.2.3.4.1", "1.2.3.4.2")


def caller(stage: Stage) -> Caller:
    """The gateway behind the call."""
    return Caller(stage.gateway.id, stage.place.facility_id, stage.organisation_id)


def same(stage: Stage, *uids: str, study: str = "1.2.3") -> tuple[str, ...]:
    """The study, if Works holds exactly these of it."""
    asked = CompareStudies(studies=(ToldStudy(study_instance_uid=study, digest=digest_of(uids)),))
    return reconciliation.studies(stage.world.access, caller(stage), asked).same


def holdings(stage: Stage, *uids: str) -> tuple[Holding, ...]:
    """What Works has of each."""
    asked = CompareInstances(study_instance_uid="1.2.3", sop_instance_uids=uids)
    return reconciliation.instances(stage.world.access, caller(stage), asked, stage.world.now).holdings


def again(stage: Stage, *items: dict[str, str] | str) -> tuple[str, ...]:
    """The gateway says that the PACS lacks these; those that Works sends anew."""
    ids = [uuid.UUID(one if isinstance(one, str) else one["item_id"]) for one in items]
    answer = reconciliation.send_again(stage.world.access, caller(stage), ids, stage.world.now)
    return tuple(str(one) for one in answer.item_ids)


def test_a_study_is_the_same_when_exactly_its_images_are_held(stage: Stage) -> None:
    exam_id = stage.exam(2)
    assert same(stage, *UIDS) == ("1.2.3",)
    assert same(stage, UIDS[0]) == ()
    assert same(stage, *UIDS, study="1.2.4") == ()
    delete_image(stage, exam_id, 2)
    assert same(stage, *UIDS) == ()
    assert same(stage, UIDS[0]) == ("1.2.3",)
    assert holdings(stage, *UIDS, "9.9") == (Holding.HELD, Holding.DELETED, Holding.MISSING)


def test_what_cannot_be_an_exam_and_what_is_coming_is_told(stage: Stage) -> None:
    exam_id = stage.exam(2)
    stage.world.rows(
        stage.place, "UPDATE upload SET state = 'failed' WHERE sop_instance_uid = :uid RETURNING id", uid=UIDS[0]
    )
    assert holdings(stage, *UIDS) == (Holding.HELD, Holding.HELD)
    with stage.world.access.organisation(stage.organisation_id) as site:
        site.run("DELETE FROM instance WHERE exam_id = :id", id=exam_id)
        site.run("UPDATE upload SET state = 'confirmed' WHERE sop_instance_uid = :uid", uid=UIDS[1])
    assert holdings(stage, *UIDS) == (Holding.FAILED, Holding.ON_THE_WAY)


def test_what_is_kept_beside_another_study_is_held_and_what_is_withheld_is_deleted(stage: Stage) -> None:
    stage.exam(1, study="1.2.9")
    beside, kept_aside = "1.2.9.4.1", "1.2.8.4.1"
    stage.gateway.deliver(dataset(beside, study="1.2.3"), beside)
    assert holdings(stage, beside) == (Holding.ON_THE_WAY,)
    stage.world.ingest()
    delete(stage, stage.exam(1, study="1.2.8"))
    stage.gateway.deliver(dataset(kept_aside, study="1.2.3"), kept_aside)
    stage.world.ingest()
    assert holdings(stage, beside, kept_aside) == (Holding.HELD, Holding.DELETED)


def test_an_offer_that_nobody_took_up_in_time_is_not_on_its_way(stage: Stage) -> None:
    body = dataset(UIDS[0], study="1.2.3")
    stage.gateway.offer(stage.gateway.offered(body, body, UIDS[0]))
    assert holdings(stage, UIDS[0]) == (Holding.ON_THE_WAY,)
    stage.later(hours=1)
    assert holdings(stage, UIDS[0]) == (Holding.MISSING,)


def test_what_a_pacs_lost_is_delivered_anew_once(stage: Stage) -> None:
    exam_id = stage.exam(2)
    (delivery,) = stage.submit(exam_id)
    one, other = stage.take()
    assert again(stage, one) == (), "it has not been sent yet"
    stage.report("sent", one, other)
    assert again(stage, one, str(uuid.uuid4())) == (one["item_id"],)
    assert again(stage, one) == (), "it is on its way again"
    (ordered,) = stage.take()
    assert (ordered["sop_instance_uid"], ordered["item_id"] != one["item_id"]) == (one["sop_instance_uid"], True)
    assert stage.state(delivery) == ("delivered", None)
    stage.report("sent", ordered)
    assert again(stage, ordered) == (ordered["item_id"],)
    assert acts(stage, "lost_sent_again") == [("lost_sent_again", "gateway", "success")] * 2


@pytest.mark.parametrize("why", ["deleted", "no connection", "another gateway"])
def test_what_must_not_go_there_does_not(stage: Stage, why: str) -> None:
    exam_id = stage.exam(1)
    stage.submit(exam_id)
    (one,) = stage.take()
    stage.report("sent", one)
    if why == "deleted":
        delete(stage, exam_id)
    elif why == "no connection":
        stage.gateway.delete_connection(stage.pacs)
    else:
        stage.gateway = stage.world.gateway(stage.world.organisation("Elsewhere"))
        stage.place = stage.gateway.place
    assert again(stage, one) == ()
