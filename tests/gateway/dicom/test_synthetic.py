"""The synthetic exam is a whole exam of ultrasound images, of nobody, under the one root."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pydicom

from smartlink.gateway.dicom.storage_scu import outgoing
from smartlink.gateway.dicom.synthetic import study_uid, write_exam
from smartlink.link.test_exam import PATIENT_ID, is_test_exam
from smartlink.standard.names import UID
from tests.gateway.conftest import START


def test_each_image_is_a_part_10_file_of_the_one_study(tmp_path: Path) -> None:
    study = study_uid(START)
    paths = write_exam(tmp_path, study, START, 3)
    images = [pydicom.dcmread(path) for path in paths]
    assert {image.StudyInstanceUID for image in images} == {study}
    assert len({image.SOPInstanceUID for image in images}) == 3
    for number, (image, path) in enumerate(zip(images, paths, strict=True), 1):
        assert is_test_exam(image.StudyInstanceUID)
        assert UID.parse(image.SOPInstanceUID) == outgoing(number, path).sop_instance_uid
        assert (image.PatientID, image.Modality, image.InstanceNumber) == (PATIENT_ID, "US", number)
        assert image.pixel_array.shape == (96, 128)


def test_two_exams_never_share_a_uid() -> None:
    assert study_uid(START) != study_uid(START + timedelta(milliseconds=1))
