"""A synthetic exam is never sent, is in nobody's list, and is gone as soon as it has served."""

from __future__ import annotations

from datetime import timedelta

import pytest

from smartlink.link import paths
from smartlink.link.test_exam import UID_ROOT
from smartlink.works.errors import Conflict
from smartlink.works.exams import folders, submission, synthetic
from smartlink.works.store import exam_pages, submissions
from tests.works.exams.stage import Stage

STUDY = f"{UID_ROOT}.1764000000000"


def end(stage: Stage, study: str, code: int = 200) -> int:
    answer = stage.world.http.post(
        paths.SYNTHETIC_ENDED, json={"study_instance_uid": study}, headers=stage.gateway.headers()
    )
    assert answer.status_code == code
    return int(answer.json().get("instances", -1))


def exams(stage: Stage) -> list[str]:
    with stage.world.access.organisation(stage.organisation_id) as site:
        return [one.study_instance_uid for one in submissions.lines(site, None)]


@pytest.mark.proves("R104")
@pytest.mark.parametrize("performing", ["House^Gregory", "Nobody^Known"])
def test_it_is_in_nobodys_list_and_counts_nowhere(stage: Stage, performing: str) -> None:
    exam = stage.exam(1, study=STUDY, performing=performing)
    with stage.world.access.organisation(stage.organisation_id) as site:
        for person in (stage.bob, stage.eve, stage.alice):
            assert exam_pages.drafts(site, person) == exam_pages.unassigned(site, person) == []
            counts = exam_pages.counts(site, person)
            assert (counts.drafts, counts.unassigned) == (0, 0)
    assert stage.row("exam", exam)["is_test"]
    real = stage.exam(1)
    assert not stage.row("exam", real)["is_test"]


@pytest.mark.proves("R44", "R104")
def test_nobody_can_send_it_to_a_pacs(stage: Stage) -> None:
    exam = stage.exam(1, study=STUDY)
    with pytest.raises(Conflict, match="never goes to a PACS"):
        stage.submit(exam)
    with pytest.raises(Conflict, match="never goes to a PACS"):
        submission.submit(stage.world.access, submission.Actor(stage.organisation_id), exam, 1, stage.world.now)
    with stage.world.access.organisation(stage.organisation_id) as site:
        known = submissions.exam(site, exam)
        assert known is not None
        with pytest.raises(Conflict):
            submission.start(site, stage.actor(), known, stage.pacs, [], stage.world.now)
    assert stage.poll() == []


def test_without_any_pacs_it_is_not_completed_either(stage: Stage) -> None:
    exam = stage.exam(1, study=STUDY)
    assert stage.gateway.delete_connection(stage.pacs).status_code == 200
    with pytest.raises(Conflict, match="never goes"):
        stage.submit(exam)
    assert stage.row("exam", exam)["state"] == "draft"


def test_a_claimed_one_is_not_sent_either(stage: Stage) -> None:
    exam = stage.exam(1, study=STUDY, performing="Nobody^Known")
    folders.assign(stage.world.access, submission.Actor(stage.organisation_id), exam, stage.bob, stage.world.now)
    with pytest.raises(Conflict, match="never goes"):
        stage.submit(exam)


@pytest.mark.proves("R104")
def test_it_is_gone_once_it_has_served_and_ending_it_again_is_harmless(stage: Stage) -> None:
    stage.exam(2, study=STUDY)
    stage.exam(1)
    keys = [row["object_key"] for row in stage.world.rows(stage.place, "SELECT object_key FROM instance")]
    assert end(stage, STUDY) == 2
    assert exams(stage) == ["1.2.3"]
    for table in ("upload", "instance", "series", "assignment"):
        assert len(stage.world.rows(stage.place, f"SELECT 1 FROM {table}")) == 1
    listed = {row["object_key"] for row in stage.world.rows(stage.place, "SELECT object_key FROM object_removal")}
    assert len(listed & set(keys)) == 2
    assert end(stage, STUDY) == 0


def test_no_other_exam_and_no_other_facilitys_can_be_ended(stage: Stage) -> None:
    stage.exam(1)
    end(stage, "1.2.3", code=422)
    stage.exam(1, study=STUDY)
    beside = stage.world.gateway(stage.world.second_facility(stage.place), ae_title="US02")
    answer = stage.world.http.post(paths.SYNTHETIC_ENDED, json={"study_instance_uid": STUDY}, headers=beside.headers())
    assert answer.json() == {"instances": 0}
    assert sorted(exams(stage)) == ["1.2.3", STUDY]


def test_what_nobody_ended_is_removed_after_a_day(stage: Stage) -> None:
    stage.exam(1, study=STUDY)
    stage.exam(1)
    assert synthetic.tick(stage.world.access, stage.world.now + timedelta(hours=23)) == 0
    assert synthetic.tick(stage.world.access, stage.world.now + timedelta(hours=25)) == 1
    assert exams(stage) == ["1.2.3"]
