"""Two images under one UID: a person decides which counts, and what is sent from then on is the decided one."""

import threading
import uuid
from typing import Any

import pytest

from smartlink.works.errors import Conflict, NotAllowed, NotFound
from smartlink.works.exams import correction
from smartlink.works.exams.comparing import compare_upload
from smartlink.works.exams.correction import Values
from smartlink.works.exams.derivation import derive
from smartlink.works.exams.rights import Actor
from smartlink.works.exams.versions import decide
from smartlink.works.store import versions
from tests.works.exams.part10 import IMPLICIT, dataset, sha256
from tests.works.exams.stage import Stage
from tests.works.exams.test_comparing import Tools

pytestmark = pytest.mark.proves("R152")
SOP = "1.2.3.4.1"
PHYSICIAN = {0x00081050: ("PN", b"House^Gregory"), 0x00200013: ("IS", b"1 ")}
FIRST, SECOND, THIRD = (dataset(SOP, pixels=pixels, extra=PHYSICIAN) for pixels in (b"aaaa", b"bbbb", b"cccc"))


def bring(stage: Stage, *bodies: bytes) -> uuid.UUID:
    """These arrive one after the other; the exam."""
    for body in bodies:
        stage.world.wait(seconds=1)
        stage.gateway.deliver(body, SOP)
        stage.world.ingest()
    (row,) = stage.world.rows(stage.place, "SELECT id FROM exam")
    found: uuid.UUID = row["id"]
    return found


def image(stage: Stage) -> dict[str, Any]:
    """The image as it counts."""
    (row,) = stage.world.rows(stage.place, "SELECT * FROM instance")
    return row


def known(stage: Stage) -> list[versions.Version]:
    """Its versions by arrival."""
    with stage.world.access.organisation(stage.organisation_id) as site:
        return versions.of_instance(site, image(stage)["id"])


def choose(stage: Stage, number: int, *, by: uuid.UUID | None = None, seen: int | None = None) -> bool:
    """Bob, or somebody else, chooses one of the versions that he has seen: all of them, or the first few."""
    every, row = known(stage), image(stage)
    ids = [each.id for each in every[:seen]]
    return decide(
        stage.world.access, stage.actor(by), row["exam_id"], row["id"], every[number].id, ids, stage.world.now
    )


def digests(stage: Stage) -> list[str]:
    """What the gateway is ordered to deliver, by the bytes."""
    return [one["dataset_sha256"] for one in stage.take()]


def test_the_first_is_sent_until_somebody_decides_and_then_the_decided_one(stage: Stage) -> None:
    exam = bring(stage, FIRST, SECOND)
    assert [(each.counts, each.open) for each in known(stage)] == [(True, False), (False, True)]
    stage.submit(exam)
    assert digests(stage) == [sha256(FIRST)]
    stage.world.wait(minutes=1)
    assert choose(stage, 1)
    assert image(stage)["dataset_sha256"].hex() == sha256(SECOND)
    # The decision makes it an image that the PACS does not have.
    stage.submit(exam)
    assert digests(stage) == [sha256(SECOND)]
    assert [(each.counts, each.open) for each in known(stage)] == [(False, False), (True, False)]


def test_what_was_ordered_before_goes_on_as_it_was_ordered(stage: Stage) -> None:
    stage.submit(bring(stage, FIRST, SECOND))
    choose(stage, 1)
    (ordered,) = stage.take()
    (ticket,) = stage.tickets([ordered])
    assert ticket["object_sha256"] == ordered["object_sha256"] != image(stage)["object_sha256"].hex()
    with stage.world.access.organisation(stage.organisation_id) as site:
        (held,) = versions.held(site, image(stage)["id"])
    assert (held.version_id, held.destination, held.stored) == (known(stage)[0].id, "ARCHIVE", False)


def test_keeping_the_first_is_a_decision_too(stage: Stage) -> None:
    exam = bring(stage, FIRST, SECOND)
    assert choose(stage, 0)
    stage.submit(exam)
    assert digests(stage) == [sha256(FIRST)]
    assert image(stage)["decided_by"] == stage.bob
    # The same bytes again are known, and open nothing anew.
    stage.gateway.deliver(SECOND, SOP, source="US09")
    stage.world.ingest()
    assert not any(each.open for each in known(stage))


def test_a_decision_is_changed_and_nothing_is_lost(stage: Stage) -> None:
    exam = bring(stage, FIRST, SECOND)
    first = image(stage)
    choose(stage, 1)
    choose(stage, 0)
    again = image(stage)
    for name in ("object_key", "object_sha256", "dataset_sha256", "upload_id", "series_id", "version_id", "size"):
        assert again[name] == first[name], name
    assert [each.dataset_sha256.hex() for each in known(stage)] == [sha256(FIRST), sha256(SECOND)]
    for row in stage.world.rows(stage.place, "SELECT object_key FROM instance_conflict"):
        with stage.world.blobs.open(row["object_key"]) as stream:
            assert stream.read()
    stage.submit(exam)
    assert digests(stage) == [sha256(FIRST)]


def test_deciding_twice_is_deciding_once_and_says_who_and_what(stage: Stage) -> None:
    exam = bring(stage, FIRST, SECOND)
    assert choose(stage, 1, by=stage.alice)
    assert not choose(stage, 1)
    events = stage.world.rows(
        stage.place, "SELECT actor_id, object_id, detail FROM audit_event WHERE action = 'image_version_decided'"
    )
    (event,) = events
    assert (event["actor_id"], event["object_id"]) == (str(stage.alice), str(exam))
    assert (event["detail"]["old"], event["detail"]["new"]) == (sha256(FIRST), sha256(SECOND))


def test_one_that_came_meanwhile_is_not_decided_unseen(stage: Stage) -> None:
    bring(stage, FIRST, SECOND)
    bring(stage, THIRD)
    with pytest.raises(Conflict):
        choose(stage, 1, seen=2)
    assert choose(stage, 2)
    assert image(stage)["dataset_sha256"].hex() == sha256(THIRD)
    assert not any(each.open for each in known(stage))


def test_whoever_saw_the_exam_before_the_decision_looks_again_before_submitting(stage: Stage) -> None:
    exam = bring(stage, FIRST, SECOND)
    before = stage.version(exam)
    choose(stage, 1)
    assert stage.version(exam) == before + 1


def test_nobody_decides_whose_exam_it_is_not(stage: Stage) -> None:
    bring(stage, FIRST, SECOND)
    with pytest.raises(NotFound):
        choose(stage, 1, by=stage.eve)
    row = image(stage)
    charlies = stage.world.organisation("Elsewhere")
    charlie = Actor(charlies.organisation_id, stage.world.person(charlies, "Charlie Cox", "Charlie", "Cox"))
    with pytest.raises(NotFound):
        decide(stage.world.access, charlie, row["exam_id"], row["id"], row["id"], [row["id"]], stage.world.now)
    with pytest.raises(NotFound):  # an image of another exam
        decide(stage.world.access, stage.actor(), row["exam_id"], uuid.uuid4(), row["id"], [], stage.world.now)
    assert image(stage) == row


def test_an_exam_that_belongs_to_nobody_is_claimed_first(stage: Stage) -> None:
    bring(stage, *(dataset(SOP, pixels=pixels) for pixels in (b"aaaa", b"bbbb")))
    with pytest.raises(NotAllowed):
        choose(stage, 1)
    assert choose(stage, 1, by=stage.alice)


def test_an_image_of_another_study_cannot_take_the_place(stage: Stage) -> None:
    bring(stage, FIRST)
    stage.gateway.deliver(dataset(SOP, study="1.2.9", pixels=b"bbbb"), SOP, study_instance_uid="1.2.9")
    stage.world.ingest()
    with pytest.raises(Conflict):
        choose(stage, 1)
    assert choose(stage, 0)


def test_copies_with_corrected_values_are_made_of_the_version_that_counts(stage: Stage) -> None:
    world = stage.world
    exam = bring(stage, FIRST, SECOND)
    values = Values(patient_name="Marker^Corrected")
    correction.set_identity(world.access, stage.actor(), exam, stage.version(exam), values, world.now)
    tools = Tools(world.access, world.blobs, world.clock, world.later)
    sent = []
    for number in (0, 1):
        choose(stage, number)
        (delivery,) = stage.submit(exam)
        derive(tools, stage.organisation_id, delivery)
        sent += stage.tickets(stage.take())
    rows = world.rows(stage.place, "SELECT version_id, object_sha256 FROM derived_object ORDER BY created_at, id")
    assert {row["version_id"] for row in rows} == {None, known(stage)[1].id}
    assert len({each["object_sha256"] for each in sent}) == 2


def test_another_encoding_of_the_one_set_aside_is_its_duplicate(stage: Stage) -> None:
    world = stage.world
    bring(stage, FIRST, SECOND)
    choose(stage, 1)
    world.later.compares.clear()
    implicit = dataset(SOP, syntax=IMPLICIT, pixels=b"aaaa", extra=PHYSICIAN)
    stage.gateway.deliver(implicit, SOP, transfer_syntax_uid=IMPLICIT)
    world.ingest()
    compare_upload(Tools(world.access, world.blobs, world.clock, world.later), *world.later.compares.pop())
    assert len(known(stage)) == 2
    assert not any(each.open for each in known(stage))


def test_two_who_decide_at_once_decide_one_after_the_other(stage: Stage) -> None:
    bring(stage, FIRST, SECOND)
    outcomes: list[object] = []

    def press(number: int, person: uuid.UUID) -> None:
        try:
            outcomes.append(choose(stage, number, by=person))
        except Conflict as error:
            outcomes.append(error)

    people = [threading.Thread(target=press, args=pair) for pair in ((0, stage.bob), (1, stage.alice))]
    for person in people:
        person.start()
    for person in people:
        person.join(30)
    assert len(outcomes) == 2
    assert sum(each.counts for each in known(stage)) == 1
    assert not any(each.open for each in known(stage))
