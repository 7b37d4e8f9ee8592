"""Makes the synthetic exam: a few small ultrasound images of nobody, as Part 10 files (PS3.3 A.6, PS3.10 section 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from smartlink.link.test_exam import PATIENT_ID, PATIENT_NAME, UID_ROOT
from smartlink.standard.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from smartlink.standard.sop_class import ULTRASOUND_IMAGE
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_ROWS: Final = 96
_COLUMNS: Final = 128
_MILLISECONDS: Final = 1000


def study_uid(at: datetime) -> str:
    """Return the Study Instance UID of a synthetic exam made at this time."""
    return f"{UID_ROOT}.{int(at.timestamp() * _MILLISECONDS)}"


def write_exam(folder: Path, study_instance_uid: str, at: datetime, images: int) -> list[Path]:
    """Write the exam into `folder` and return its files in the order of their numbers."""
    paths = []
    for number in range(1, images + 1):
        path = folder / f"{number}.dcm"
        dcmwrite(path, _image(study_instance_uid, at, number), enforce_file_format=True)
        paths.append(path)
    return paths


def _image(study_instance_uid: str, at: datetime, number: int) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = UID(EXPLICIT_VR_LITTLE_ENDIAN)
    image.file_meta.MediaStorageSOPClassUID = UID(ULTRASOUND_IMAGE)
    image.file_meta.MediaStorageSOPInstanceUID = UID(f"{study_instance_uid}.1.{number}")
    image.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    image.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    image.SOPClassUID = ULTRASOUND_IMAGE
    image.SOPInstanceUID = f"{study_instance_uid}.1.{number}"
    image.StudyInstanceUID = study_instance_uid
    image.SeriesInstanceUID = f"{study_instance_uid}.1"
    image.StudyDate = image.SeriesDate = image.ContentDate = f"{at:%Y%m%d}"
    image.StudyTime = image.SeriesTime = image.ContentTime = f"{at:%H%M%S}"
    image.Modality = "US"
    image.Manufacturer = "SmartLink"
    image.StudyDescription = image.SeriesDescription = "Test exam of SmartLink"
    image.ImageComments = "A test exam: it shows nobody and goes to no PACS."
    image.PatientName, image.PatientID = PATIENT_NAME, PATIENT_ID
    image.PatientBirthDate = image.PatientSex = ""
    image.AccessionNumber = image.StudyID = ""
    image.ReferringPhysicianName = ""
    image.SeriesNumber, image.InstanceNumber = 1, number
    image.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    image.Rows, image.Columns = _ROWS, _COLUMNS
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit = 7
    image.PixelRepresentation = 0
    image.BurnedInAnnotation = "NO"
    image.PixelData = bytes((row * column + 31 * number) % 256 for row in range(_ROWS) for column in range(_COLUMNS))
    return image
