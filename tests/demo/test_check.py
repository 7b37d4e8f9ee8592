"""What `--once` calls proven, and what it does not."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from smartlink.demo import check, exam
from smartlink.demo.journey import Journey, Stop
from smartlink.demo.programs import ProgramFailed

if TYPE_CHECKING:
    from pathlib import Path

    from smartlink.demo.exam import SampleExam

AT = datetime(2026, 11, 24, 9, 41, 12, tzinfo=UTC)


@pytest.fixture
def made(tmp_path: Path) -> SampleExam:
    """An exam of three stills."""
    return exam.write_exam(tmp_path, exam.uids("check"), AT, frames=0)


def journey_of(objects: dict[str, bytes]) -> Journey:
    stops = [Stop(uid, AT, AT, AT, uid, hashlib.sha256(whole).hexdigest(), "") for uid, whole in objects.items()]
    return Journey(tuple(stops), "drafts", "Lucía Ferrer", "", AT)


def test_objects_whose_data_sets_are_the_ones_sent_pass_whatever_their_file_meta(made: SampleExam) -> None:
    objects = {sent.sop_instance_uid: sent.path.read_bytes() for sent in made.files}
    first = made.files[0].sop_instance_uid
    objects[first] = b"\0" * 128 + b"DICM\x02\x00\x00\x00UL\x04\x00\0\0\0\0" + exam.data_set_bytes(objects[first])
    check.stored_as_sent(made, journey_of(objects), objects.__getitem__)


def test_one_changed_byte_is_told(made: SampleExam) -> None:
    objects = {sent.sop_instance_uid: sent.path.read_bytes() for sent in made.files}
    last = made.files[-1].sop_instance_uid
    objects[last] = objects[last][:-1] + b"\x01"
    with pytest.raises(ProgramFailed, match="was changed on its way"):
        check.stored_as_sent(made, journey_of(objects), objects.__getitem__)


def test_an_object_other_than_the_recorded_one_is_told(made: SampleExam) -> None:
    objects = {sent.sop_instance_uid: sent.path.read_bytes() for sent in made.files}
    with pytest.raises(ProgramFailed, match="not the one that Works recorded"):
        check.stored_as_sent(made, journey_of(objects), lambda key: objects[key] + b"\0")


def test_a_missing_instance_is_told(made: SampleExam) -> None:
    objects = {sent.sop_instance_uid: sent.path.read_bytes() for sent in made.files[1:]}
    with pytest.raises(ProgramFailed, match="2 instances"):
        check.stored_as_sent(made, journey_of(objects), objects.__getitem__)


def test_an_archive_that_lost_or_changed_an_image_is_noticed(tmp_path: Path) -> None:
    drawn = exam.write_exam(tmp_path, exam.uids("archived"), AT, frames=0)
    held = {sent.sop_instance_uid: exam.data_set_bytes(sent.path.read_bytes()) for sent in drawn.files}
    check.archived_as_sent(drawn, held)
    first = drawn.files[0].sop_instance_uid
    for wrong in ({**held, first: held[first] + b"\0"}, {uid: held[uid] for uid in held if uid != first}):
        with pytest.raises(ProgramFailed):
            check.archived_as_sent(drawn, wrong)
