"""The images that are sent: whole Part 10 files with a header as scanners write it, and random bytes for pixels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of image."""

    name: str
    sop_class_uid: str
    transfer_syntax_uid: UID
    size: int
    """Bytes of pixels."""
    frames: int = 1


STILL: Final = Kind("still", UltrasoundImageStorage, JPEGBaseline8Bit, 300_000)
CINE: Final = Kind("cine", UltrasoundMultiFrameImageStorage, JPEGBaseline8Bit, 40_000_000, frames=80)
SLICE: Final = Kind("slice", CTImageStorage, ExplicitVRLittleEndian, 20_000)
GIANT: Final = Kind("giant", UltrasoundMultiFrameImageStorage, JPEGBaseline8Bit, 1_000_000_000, frames=1000)


@dataclass(frozen=True, slots=True)
class Load:
    """A set of files of one kind, in a folder of their own."""

    kind: Kind
    folder: Path
    files: tuple[Path, ...]

    @property
    def count(self) -> int:
        """How many images."""
        return len(self.files)

    def shares(self, senders: int) -> list[list[Path]]:
        """Return the files dealt out to so many senders."""
        return [list(self.files[first::senders]) for first in range(senders)]


def written(folder: Path, kind: Kind, count: int) -> Load:
    """Write a set and return it; each set is an exam of its own."""
    folder.mkdir(parents=True)
    study, series = generate_uid(), generate_uid()
    files = []
    for number in range(1, count + 1):
        path = folder / f"{number:05}.dcm"
        _instance(kind, study, series, number).save_as(path, enforce_file_format=True)
        files.append(path)
    return Load(kind, folder, tuple(files))


def _instance(kind: Kind, study: str, series: str, number: int) -> Dataset:
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = kind.transfer_syntax_uid
    one.SpecificCharacterSet = "ISO_IR 100"
    one.ImageType = ["ORIGINAL", "PRIMARY"]
    one.SOPClassUID = kind.sop_class_uid
    one.SOPInstanceUID = generate_uid()
    one.StudyDate = one.ContentDate = "20260302"
    one.StudyTime = one.ContentTime = "093000"
    one.AccessionNumber = "A1"
    one.Modality = "CT" if kind is SLICE else "US"
    one.Manufacturer = "Example"
    one.InstitutionName = "Lakeside"
    one.ReferringPhysicianName = "Example^Eve"
    one.StationName = "US01"
    one.StudyDescription = "Measurement"
    one.PerformingPhysicianName = "Example^Bob"
    one.PatientName = "Example^Patient"
    one.PatientID = "P1"
    one.PatientBirthDate = "19700101"
    one.PatientSex = "O"
    one.StudyInstanceUID, one.SeriesInstanceUID = study, series
    one.StudyID, one.SeriesNumber, one.InstanceNumber = "1", 1, number
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.BitsAllocated = one.BitsStored = 8
    one.HighBit, one.PixelRepresentation = 7, 0
    one.Rows, one.Columns = 100, kind.size // kind.frames // 100
    if kind.frames > 1:
        one.NumberOfFrames, one.FrameTime = kind.frames, "33.3"
    frame = os.urandom(kind.size // kind.frames)
    if kind.transfer_syntax_uid == JPEGBaseline8Bit:
        one.PixelData = encapsulate([frame] * kind.frames)
    else:
        one.PixelData = frame
    one["PixelData"].VR = "OB"
    return one
