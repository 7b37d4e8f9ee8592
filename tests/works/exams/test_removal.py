"""After its days what was deleted is removed, rows and objects; a hold and whoever needs the same bytes keep them."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest

from smartlink.works.access import Site
from smartlink.works.blobs.store import frame_key, thumbnail_key
from smartlink.works.errors import Invalid, NotAllowed
from smartlink.works.exams import deletion, removal
from smartlink.works.exams.removal import Periods
from smartlink.works.exams.rights import Actor
from smartlink.works.store import deletions, removals
from tests.works.exams.part10 import dataset, part10
from tests.works.exams.stage import Stage
from tests.works.exams.test_deletion import acts, delete, delete_image, images, listed, send_again
from tests.works.exams.test_versions import FIRST, SECOND, bring, choose

LEFT = "SELECT count(*) AS n FROM {table}"
OF_AN_EXAM = (
    "exam",
    "series",
    "instance",
    "instance_conflict",
    "upload",
    "delivery",
    "delivery_instance",
    "assignment",
)


def tick(stage: Stage) -> None:
    """The worker's minute."""
    removal.tick(stage.world.access, stage.world.blobs, stage.world.now)


def keys(stage: Stage) -> list[str]:
    """The objects of every upload."""
    return [row["object_key"] for row in stage.world.rows(stage.place, "SELECT DISTINCT object_key FROM upload")]


def stored(stage: Stage, *names: str) -> list[bool]:
    """Whether each object is in storage."""
    return [stage.world.blobs.head(name) is not None for name in names]


def left(stage: Stage) -> dict[str, int]:
    """How many rows there are, hidden ones too."""
    with stage.world.access.organisation(stage.organisation_id) as site:
        deletions.show_hidden(site)
        return {table: site.value(f"SELECT count(*) FROM {table}") for table in OF_AN_EXAM}


def test_after_thirty_days_nothing_of_the_exam_is_left_but_that_it_was_deleted(stage: Stage) -> None:
    exam_id = bring(stage, FIRST, SECOND)  # two versions of one image
    choose(stage, 1)
    stage.submit(exam_id)
    image = images(stage)[0]["id"]
    previews = [thumbnail_key(stage.organisation_id, image), frame_key(stage.organisation_id, image, 1)]
    for name in previews:
        stage.world.blobs.put(name, b"picture", content_type="image/webp")
    objects = keys(stage)
    assert len(objects) == 2
    delete(stage, exam_id)
    stage.later(days=29, hours=23)
    tick(stage)
    assert stored(stage, *objects, *previews) == [True] * 4
    stage.later(hours=1)
    for _ in range(2):  # and once more changes nothing
        tick(stage)
    assert stored(stage, *objects, *previews) == [False] * 4
    assert left(stage) == dict.fromkeys(OF_AN_EXAM, 0)
    (one,) = listed(stage)
    assert one.removed_at == stage.world.now
    assert acts(stage, "exam_removed") == [("exam_removed", "system", "success")]
    # The tombstone still knows it.
    assert send_again(stage)["outcome"] == "stored"
    assert (listed(stage)[0].resent, stage.world.exams(stage.place)) == (1, [])
    deletion.undo(stage.world.access, stage.actor(stage.alice), one.id, stage.world.later, stage.world.now)
    stage.world.ingest()
    assert len(images(stage)) == 1


def test_of_a_deleted_image_nothing_is_left_and_the_others_stay(stage: Stage) -> None:
    exam_id = stage.exam(2)
    stage.submit(exam_id)
    one, other = (row["object_key"] for row in images(stage))
    delete_image(stage, exam_id, 1)
    stage.later(days=30)
    tick(stage)
    assert stored(stage, one, other) == [False, True]
    assert [row["number"] for row in images(stage)] == [2]
    assert left(stage)["instance"] == left(stage)["upload"] == 1


def test_a_hold_that_is_placed_after_the_deletion_keeps_the_objects(stage: Stage) -> None:
    exam_id = stage.exam(1)
    (name,) = keys(stage)
    delete(stage, exam_id)
    access, actor = stage.world.access, stage.actor(stage.alice)
    deletion.place_hold(access, actor, exam_id, "Case 12", stage.world.now)
    stage.later(days=31)
    tick(stage)
    assert (stored(stage, name), listed(stage)[0].held) == ([True], True)
    deletion.lift_hold(access, actor, exam_id, stage.world.now)
    tick(stage)
    assert stored(stage, name) == [False]


def test_a_hold_that_comes_in_the_last_moment_keeps_them_too(stage: Stage) -> None:
    exam_id = stage.exam(1)
    deletion_id = delete(stage, exam_id)
    deletion.place_hold(stage.world.access, stage.actor(stage.alice), exam_id, "Case 12", stage.world.now)
    stage.later(days=31)
    with stage.world.access.organisation(stage.organisation_id) as site:
        deletions.show_hidden(site)
        removal._remove(site, deletion_id, stage.world.now)  # noqa: SLF001 - it was found due before the hold
        assert site.value("SELECT count(*) FROM instance") == 1


def test_bytes_that_came_again_are_not_removed_with_the_first(stage: Stage) -> None:
    exam_id = stage.exam(1)
    (name,) = keys(stage)
    deletion_id = delete(stage, exam_id)
    stage.later(days=1)
    send_again(stage)
    stage.later(days=30)
    tick(stage)
    assert stored(stage, name) == [True]
    access, actor = stage.world.access, stage.actor(stage.alice)
    deletion.discard_resent(access, actor, deletion_id, stage.world.now)
    tick(stage)
    assert stored(stage, name) == [False]


def test_an_offer_of_the_same_bytes_in_the_last_moment_keeps_them(stage: Stage) -> None:
    exam_id = stage.exam(1)
    delete(stage, exam_id)
    stage.later(days=30)
    removal._remove_rows(stage.world.access, stage.organisation_id, stage.world.now)  # noqa: SLF001 - between two steps
    body = dataset("1.2.3.4.1", study="1.2.3", extra={0x00081050: ("PN", b"House^Gregory"), 0x00200013: ("IS", b"1")})
    assert stage.gateway.deliver(body, "1.2.3.4.1", study_instance_uid="1.2.3")["outcome"] == "stored"
    tick(stage)
    assert stored(stage, *keys(stage)) == [True]
    with stage.world.access.organisation(stage.organisation_id) as site:
        assert removals.listed(site, 9) == []


def test_finished_exams_are_deleted_when_their_period_is_over_and_others_are_not(stage: Stage) -> None:
    finished, draft = stage.exam(1), stage.exam(1, study="1.2.9")
    held, open_ = stage.exam(1, study="1.2.10"), stage.exam(1, study="1.2.11")
    for exam_id in (finished, held):
        stage.submit(exam_id)
        stage.report("sent", *stage.take())
    stage.submit(open_)
    access = stage.world.access
    deletion.place_hold(access, stage.actor(stage.alice), held, "Case 12", stage.world.now)
    with pytest.raises(NotAllowed):
        removal.set_periods(access, stage.actor(stage.alice), Periods(30, 365), stage.world.now)
    for wrong in (Periods(0, None), Periods(30, 29)):
        with pytest.raises(Invalid):
            removal.set_periods(access, Actor(stage.organisation_id), wrong, stage.world.now)
    removal.set_periods(access, Actor(stage.organisation_id), Periods(7, 365), stage.world.now)
    assert removal.periods(access, stage.organisation_id) == Periods(7, 365)
    assert acts(stage, "retention_set") == [("retention_set", "operator", "success")]
    stage.later(days=365)
    tick(stage)
    assert listed(stage) == ()
    stage.later(seconds=1)
    tick(stage)
    (one,) = listed(stage)
    assert (one.exam_id, one.by_kind, one.remove_at - one.deleted_at) == (finished, "system", timedelta(days=7))
    assert {row["id"] for row in stage.world.exams(stage.place)} == {draft, held, open_}
    stage.later(days=7)
    tick(stage)
    assert listed(stage)[0].removed_at == stage.world.now


def test_an_exam_that_is_taken_back_after_its_period_stays_for_another_one(stage: Stage) -> None:
    exam_id = stage.exam(1)
    stage.submit(exam_id)
    stage.report("sent", *stage.take())
    access = stage.world.access
    removal.set_periods(access, Actor(stage.organisation_id), Periods(7, 365), stage.world.now)
    stage.later(days=365, seconds=1)
    tick(stage)
    (one,) = listed(stage)
    stage.later(days=1)
    deletion.undo(access, stage.actor(stage.alice), one.id, stage.world.later, stage.world.now)
    for days in (0, 365):
        stage.later(days=days)
        tick(stage)
        assert [row["id"] for row in stage.world.exams(stage.place)] == [exam_id]
    stage.later(seconds=1)
    tick(stage)
    assert (stage.world.exams(stage.place), len(listed(stage))) == ([], 2)


def test_another_organisations_exams_are_left_alone(stage: Stage) -> None:
    delete(stage, stage.exam(1))
    elsewhere = stage.world.organisation("Elsewhere")
    gateway = stage.world.gateway(elsewhere)
    gateway.deliver(dataset("1.2.3.4.1", study="1.2.3"), "1.2.3.4.1")
    stage.world.ingest()
    stage.later(days=31)
    tick(stage)
    assert len(stage.world.exams(elsewhere)) == 1
    assert deletion.listing(stage.world.access, elsewhere.organisation_id, None) == ()
    assert uuid.UUID(int=0) not in {one.id for one in listed(stage)}


def in_study(stage: Stage, study: str, sop: str) -> str:
    """An image of this UID comes in that study; its object."""
    stage.world.wait(seconds=1)
    body = dataset(sop, study=study, extra={0x00081050: ("PN", b"House^Gregory"), 0x00200013: ("IS", b"1")})
    assert stage.gateway.deliver(body, sop, study_instance_uid=study)["outcome"] == "stored"
    stage.world.ingest()
    query = "SELECT object_key FROM upload WHERE study_instance_uid = :study AND sop_instance_uid = :sop"
    (row,) = stage.world.rows(stage.place, query, study=study, sop=sop)
    return str(row["object_key"])


def test_a_deleted_uid_that_comes_again_in_another_study_waits_and_is_not_removed_with_the_exam(stage: Stage) -> None:
    deletion_id = delete(stage, stage.exam(1))
    (first,) = keys(stage)
    second = in_study(stage, "1.2.9", "1.2.3.4.1")
    assert (listed(stage)[0].resent, stage.world.exams(stage.place)) == (1, [])
    stage.later(days=30)
    tick(stage)
    assert stored(stage, first, second) == [False, True]
    deletion.undo(stage.world.access, stage.actor(stage.alice), deletion_id, stage.world.later, stage.world.now)
    stage.world.ingest()
    assert [row["study_instance_uid"] for row in stage.world.exams(stage.place)] == ["1.2.9"]


def test_an_upload_of_another_study_that_failed_is_not_removed_with_the_exam(stage: Stage) -> None:
    exam_id = stage.exam(1)
    second = in_study(stage, "1.2.9", "1.2.3.4.1")
    with stage.world.access.organisation(stage.organisation_id) as site:
        site.run("DELETE FROM instance_conflict")
        site.run("UPDATE upload SET state = 'failed' WHERE object_key = :key", key=second)
    delete(stage, exam_id)
    stage.later(days=30)
    tick(stage)
    assert stored(stage, second) == [True]


def test_bytes_of_another_study_that_were_kept_beside_the_image_go_with_it(stage: Stage) -> None:
    exam_id = stage.exam(1)
    second = in_study(stage, "1.2.9", "1.2.3.4.1")
    delete(stage, exam_id)
    stage.later(days=30)
    tick(stage)
    assert stored(stage, second) == [False]


def test_what_is_kept_beside_another_studys_image_outlives_its_own_exam(stage: Stage) -> None:
    first, second = stage.exam(1), stage.exam(1, study="1.2.9")
    beside = in_study(stage, "1.2.9", "1.2.3.4.1")
    delete(stage, second)
    stage.later(days=30)
    tick(stage)
    assert listed(stage)[0].removed_at == stage.world.now
    assert stored(stage, beside) == [True]
    delete(stage, first)
    stage.later(days=30)
    tick(stage)
    assert (stored(stage, beside), left(stage)["upload"]) == ([False], 0)


def test_one_exam_that_cannot_be_removed_does_not_keep_the_others(stage: Stage) -> None:
    stuck, other, third = stage.exam(1), stage.exam(1, study="1.2.9"), stage.exam(1, study="1.2.10")
    with stage.world.access.organisation(stage.organisation_id) as site:
        series = "UPDATE instance SET series_id = (SELECT id FROM series WHERE exam_id = :stuck) WHERE exam_id = :third"
        site.run(series, stuck=stuck, third=third)
    delete(stage, stuck)
    stage.later(seconds=1)
    delete(stage, other)
    stage.later(days=30)
    tick(stage)
    assert {one.exam_id: one.removed_at for one in listed(stage)} == {stuck: None, other: stage.world.now}


def test_bytes_that_come_again_while_they_are_removed_are_asked_for_anew(stage: Stage) -> None:
    exam_id = stage.exam(1)
    (name,) = keys(stage)
    deletion_id = delete(stage, exam_id)
    stage.later(days=30)
    sop = "1.2.3.4.1"
    body = dataset(sop, study="1.2.3", extra={0x00081050: ("PN", b"House^Gregory"), 0x00200013: ("IS", b"1")})
    offered, answers = stage.gateway.offered(part10(body, sop, source="US01"), body, sop), []
    coming = threading.Thread(target=lambda: answers.extend(stage.gateway.offer(offered)))
    access, place = stage.world.access, stage.organisation_id
    with access.organisation(place) as objects:
        removals.lock_object(objects, name)
        with access.organisation(place) as site:
            deletions.show_hidden(site)
            removal._remove(site, deletion_id, stage.world.now)  # noqa: SLF001 - not committed yet
            coming.start()
            waited_for(objects, "transactionid")
        waited_for(objects, "advisory")
        stage.world.blobs.delete(name)
    coming.join(30)
    assert [one["outcome"] for one in answers] == ["ticket"]
    assert listed(stage)[0].resent == 0


def waited_for(site: Site, kind: str) -> None:
    """Somebody waits for a lock of this kind."""
    for _ in range(1000):
        if site.value("SELECT count(*) FROM pg_locks WHERE locktype = :kind AND NOT granted", kind=kind):
            return
        threading.Event().wait(0.01)
    pytest.fail("Nobody waits.")
