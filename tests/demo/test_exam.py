"""The sample exam: complete, readable by pydicom, the same bytes each time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pydicom
import pytest

from smartlink.demo import exam
from smartlink.standard.transfer_syntax import JPEG_BASELINE

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 24, 9, 41, 12, tzinfo=UTC)


def test_the_exam_is_three_stills_and_a_cine_of_at_least_sixty_frames(tmp_path: Path) -> None:
    made = exam.write_exam(tmp_path, exam.uids("a"), AT)
    assert [sent.frames for sent in made.files] == [1, 1, 1, exam.CINE_FRAMES]
    assert exam.CINE_FRAMES >= 60
    assert {sent.transfer_syntax_uid for sent in made.files} == {JPEG_BASELINE}
    cine = pydicom.dcmread(made.files[3].path)
    assert cine.pixel_array.shape == (exam.CINE_FRAMES, 600, 800, 3)
    assert cine.StudyInstanceUID == made.study_instance_uid
    assert float(cine.FrameTime) == pytest.approx(33.3)


def test_the_same_order_seed_and_uids_make_the_same_bytes(tmp_path: Path) -> None:
    first = exam.write_exam(tmp_path / "1", exam.uids("a"), AT, frames=0)
    again = exam.write_exam(tmp_path / "2", exam.uids("a"), AT, frames=0)
    assert [s.path.read_bytes() for s in first.files] == [s.path.read_bytes() for s in again.files]


def test_the_physician_is_written_as_a_person_name_in_utf_8(tmp_path: Path) -> None:
    made = exam.write_exam(tmp_path, exam.uids("a"), AT, frames=0)
    still = pydicom.dcmread(made.files[0].path)
    assert still.SpecificCharacterSet == "ISO_IR 192"
    assert (still.PerformingPhysicianName.family_name, still.PerformingPhysicianName.given_name) == ("Ferrer", "Lucía")


@pytest.mark.parametrize("name", exam.NATIVE_SYNTAXES)
def test_a_still_can_be_written_in_each_other_transfer_syntax(name: str, tmp_path: Path) -> None:
    sent = exam.still_in(name, tmp_path / "one.dcm", exam.uids(name), AT)
    still = pydicom.dcmread(sent.path)
    assert still.file_meta.TransferSyntaxUID == exam.NATIVE_SYNTAXES[name] == sent.transfer_syntax_uid
    assert still.SOPInstanceUID == sent.sop_instance_uid
    assert still.pixel_array.shape == (600, 800, 3)


def test_the_data_set_is_what_follows_the_file_meta_information(tmp_path: Path) -> None:
    sent = exam.still_in("explicit", tmp_path / "one.dcm", exam.uids("x"), AT)
    assert exam.data_set_bytes(sent.path.read_bytes()).startswith(b"\x08\x00\x05\x00CS")
    with pytest.raises(ValueError, match="no DICOM file"):
        exam.data_set_bytes(b"\0" * 200)
