"""The sample exam: three stills and a cine, as an ultrasound cart would send them (PS3.3 A.6, A.7).

Everybody in it is invented.  Apart from the UIDs, which the caller gives, the same order and seed
make the same bytes.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from smartlink.demo import images
from smartlink.standard.sop_class import ULTRASOUND_IMAGE, ULTRASOUND_MULTIFRAME_IMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from PIL.Image import Image

CINE_FRAMES = 64
STILLS = (("Apical 4 chamber, diastole", 0.95), ("Apical 4 chamber, systole", 0.30))
DOPPLER = ("Mitral inflow, colour Doppler", 0.62)

NATIVE_SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "bigendian": ExplicitVRBigEndian,
    "rle": RLELossless,
}
"""What `still_in` can write beside JPEG: a short name and its Transfer Syntax."""


@dataclass(frozen=True, slots=True)
class Order:
    """For whom and by whom the exam is made: what the cart knows before the first image."""

    hospital: str = "Hospital San Telmo"
    patient_name: str = "Morales Ibáñez^Elena"
    patient_id: str = "ST-4711"
    birth_date: str = "19790314"
    sex: str = "F"
    accession_number: str = "ST2026-0815"
    performing_physician: str = "Ferrer^Lucía"
    description: str = "Transthoracic echocardiogram"
    station: str = "US01"

    @property
    def family(self) -> str:
        """The patient's family name, as pages show it."""
        return self.patient_name.partition("^")[0]


@dataclass(frozen=True, slots=True)
class Sent:
    """One Part 10 file of the exam and what it holds."""

    path: Path
    title: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    frames: int


@dataclass(frozen=True, slots=True)
class SampleExam:
    """A study on disk, ready to be sent."""

    study_instance_uid: str
    order: Order
    files: tuple[Sent, ...]


def uids(name: str) -> Callable[[], str]:
    """A source of UIDs (PS3.5 B.2) that depend only on `name` and their order."""
    numbers: Iterator[int] = count(1)

    def following() -> str:
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{name}/{next(numbers)}').int}"

    return following


def write_exam(
    folder: Path,
    uid: Callable[[], str],
    at: datetime,
    *,
    order: Order | None = None,
    seed: int = 7,
    frames: int = CINE_FRAMES,
) -> SampleExam:
    """Write three stills and a cine (when `frames` is not 0) as Part 10 files and say what was written."""
    order = order or Order()
    folder.mkdir(parents=True, exist_ok=True)
    heart = images.Heart(seed)
    frame = _common(order, uid, at)
    written: list[Sent] = []
    for number, (title, phase) in enumerate((*STILLS, DOPPLER), start=1):
        flow = heart.flow(phase) if title == DOPPLER[0] else None
        screen = images.burn_in(images.tint(heart.grey(phase), flow), _caption(order, at), phase, title)
        still = _instance(frame, uid(), ULTRASOUND_IMAGE, number, title)
        _jpeg_pixels(still, [images.jpeg(screen)])
        written.append(_write(still, folder / f"{number}-still.dcm", JPEGBaseline8Bit, title))
    if frames:
        title = "Apical 4 chamber, loop"
        cine = _cine(_instance(frame, uid(), ULTRASOUND_MULTIFRAME_IMAGE, 4, title), frames)
        _jpeg_pixels(cine, [images.jpeg(s) for s in _screens(heart, order, at, frames)])
        written.append(_write(cine, folder / "4-cine.dcm", JPEGBaseline8Bit, title))
    return SampleExam(str(frame.StudyInstanceUID), order, tuple(written))


def still_in(
    transfer_syntax: str,
    path: Path,
    uid: Callable[[], str],
    at: datetime,
    *,
    order: Order | None = None,
    seed: int = 7,
) -> Sent:
    """Write one still in the named Transfer Syntax of NATIVE_SYNTAXES and say what was written."""
    order = order or Order()
    title, phase = STILLS[0]
    heart = images.Heart(seed)
    screen = images.burn_in(images.tint(heart.grey(phase)), _caption(order, at), phase, title)
    still = _instance(_common(order, uid, at), uid(), ULTRASOUND_IMAGE, 1, title)
    _native_pixels(still, screen)
    path.parent.mkdir(parents=True, exist_ok=True)
    return _write(still, path, NATIVE_SYNTAXES[transfer_syntax], title)


def data_set_bytes(part10: bytes) -> bytes:
    """The Data Set of a Part 10 file as it lies there: everything after the File Meta Information."""
    prefix, length_at = 132, 140
    if part10[128:prefix] != b"DICM" or part10[prefix : prefix + 6] != b"\x02\x00\x00\x00UL":
        raise ValueError("This is no DICOM file that begins with File Meta Information and its length.")
    return part10[length_at + 4 + int.from_bytes(part10[length_at : length_at + 4], "little") :]


def _caption(order: Order, at: datetime) -> images.Caption:
    family, _, given = order.patient_name.partition("^")
    return images.Caption(
        hospital=order.hospital,
        patient=f"{family.upper()}, {given}",
        identity=f"ID {order.patient_id}",
        moment=f"{at:%d %b %Y  %H:%M:%S}",
        machine="EchoTwin 5",
    )


def _common(order: Order, uid: Callable[[], str], at: datetime) -> Dataset:
    """The attributes that all instances of the exam share: patient, study, series, equipment."""
    shared = Dataset()
    shared.SpecificCharacterSet = "ISO_IR 192"
    shared.StudyDate = shared.SeriesDate = shared.ContentDate = f"{at:%Y%m%d}"
    shared.StudyTime = shared.SeriesTime = shared.ContentTime = f"{at:%H%M%S}"
    shared.AccessionNumber = order.accession_number
    shared.Modality = "US"
    shared.Manufacturer = "SmartLink demo"
    shared.InstitutionName = order.hospital
    shared.StationName = order.station
    shared.StudyDescription = order.description
    shared.SeriesDescription = "Echocardiogram"
    shared.ReferringPhysicianName = ""
    shared.PerformingPhysicianName = order.performing_physician
    shared.ManufacturerModelName = "EchoTwin 5"
    shared.PatientName = order.patient_name
    shared.PatientID = order.patient_id
    shared.PatientBirthDate = order.birth_date
    shared.PatientSex = order.sex
    shared.SoftwareVersions = "1.0"
    shared.StudyInstanceUID = uid()
    shared.SeriesInstanceUID = uid()
    shared.StudyID = "1"
    shared.SeriesNumber = 1
    shared.PatientOrientation = ""
    return shared


def _instance(shared: Dataset, uid: str, sop_class_uid: str, number: int, title: str) -> Dataset:
    """One image's own attributes upon the shared ones; its pixels come after."""
    instance = Dataset(dict(shared))
    instance.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    instance.SOPClassUID = sop_class_uid
    instance.SOPInstanceUID = uid
    instance.InstanceNumber = number
    instance.ImageComments = title
    instance.Rows, instance.Columns = images.HEIGHT, images.WIDTH
    instance.SamplesPerPixel = 3
    instance.PlanarConfiguration = 0
    instance.BitsAllocated = instance.BitsStored = 8
    instance.HighBit = 7
    instance.PixelRepresentation = 0
    instance.BurnedInAnnotation = "YES"
    instance.UltrasoundColorDataPresent = int(title == DOPPLER[0])
    instance.SequenceOfUltrasoundRegions = [_region()]
    return instance


def _region() -> Dataset:
    """Where the sector lies and how large a pixel is (PS3.3 C.8.5.5)."""
    region = Dataset()
    half = round(images.RADIUS * 0.67)
    region.RegionSpatialFormat = 1
    region.RegionDataType = 1
    region.RegionFlags = 2
    region.RegionLocationMinX0, region.RegionLocationMaxX1 = images.APEX[0] - half, images.APEX[0] + half
    region.RegionLocationMinY0, region.RegionLocationMaxY1 = images.APEX[1], images.APEX[1] + images.RADIUS
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = images.DEPTH_CM / images.RADIUS
    region.TransducerFrequency = 2800
    return region


def _cine(instance: Dataset, frames: int) -> Dataset:
    instance.NumberOfFrames = frames
    instance.FrameTime = str(images.FRAME_TIME_MS)
    instance.FrameIncrementPointer = 0x00181063
    instance.CineRate = round(1000 / images.FRAME_TIME_MS)
    instance.RecommendedDisplayFrameRate = instance.CineRate
    instance.HeartRate = images.BEATS_PER_MINUTE
    instance.StartTrim, instance.StopTrim = 1, frames
    return instance


def _screens(heart: images.Heart, order: Order, at: datetime, frames: int) -> Iterator[Image]:
    """The cine's pictures, one frame time apart."""
    beat_ms = 60_000 / images.BEATS_PER_MINUTE
    for number in range(frames):
        phase = number * images.FRAME_TIME_MS / beat_ms % 1
        yield images.burn_in(images.tint(heart.grey(phase)), _caption(order, at), phase, "Apical 4 chamber")


def _jpeg_pixels(instance: Dataset, streams: list[bytes]) -> None:
    """Put JPEG streams into the instance, a fragment per frame, with an offset table (PS3.5 A.4)."""
    raw = images.HEIGHT * images.WIDTH * 3 * len(streams)
    instance.PhotometricInterpretation = "YBR_FULL_422"
    instance.LossyImageCompression = "01"
    instance.LossyImageCompressionRatio = f"{raw / sum(map(len, streams)):.1f}"
    instance.LossyImageCompressionMethod = "ISO_10918_1"
    instance.PixelData = encapsulate(streams)
    instance["PixelData"].VR = "OB"
    instance["PixelData"].is_undefined_length = True


def _native_pixels(instance: Dataset, screen: Image) -> None:
    instance.PhotometricInterpretation = "RGB"
    instance.LossyImageCompression = "00"
    instance.PixelData = np.asarray(screen).tobytes()
    instance["PixelData"].VR = "OB"


def _write(instance: Dataset, path: Path, transfer_syntax: UID, title: str) -> Sent:
    """Write the instance as a Part 10 file in a Transfer Syntax."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = instance.SOPClassUID
    meta.MediaStorageSOPInstanceUID = instance.SOPInstanceUID
    compressed = transfer_syntax == RLELossless
    meta.TransferSyntaxUID = ExplicitVRLittleEndian if compressed else transfer_syntax
    whole = FileDataset(str(path), instance, preamble=b"\0" * 128, file_meta=meta)
    if compressed:
        whole.compress(RLELossless, generate_instance_uid=False)
    out = BytesIO()
    dcmwrite(out, whole, enforce_file_format=True)
    path.write_bytes(out.getvalue())
    return Sent(
        path,
        title,
        str(instance.SOPClassUID),
        str(instance.SOPInstanceUID),
        str(meta.TransferSyntaxUID),
        int(instance.get("NumberOfFrames", 1)),
    )
