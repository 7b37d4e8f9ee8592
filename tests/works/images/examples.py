"""Small images in every form that the viewer must take."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
)

ULTRASOUND_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.3.1"
ROWS, COLUMNS = 60, 80
NATIVE = (ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)

Pixels = NDArray[np.uint8] | NDArray[np.uint16]


def gradient(frames: int = 3) -> NDArray[np.uint8]:
    """Grey that runs from left to right, a little brighter with each frame."""
    ramp = np.linspace(20, 200, COLUMNS).astype(np.uint8)
    return np.stack([np.tile(ramp + 10 * frame, (ROWS, 1)) for frame in range(frames)]).astype(np.uint8)


def colour(frames: int = 3) -> NDArray[np.uint8]:
    """The gradient in red, half of it in green, none in blue."""
    grey = gradient(frames)
    return np.stack([grey, grey // 2, np.zeros_like(grey)], axis=-1)


def dataset(pixels: Pixels, photometric: str, syntax: str = ExplicitVRLittleEndian, **more: Any) -> Dataset:
    """An ultrasound image of these native pixels (frames, rows, columns[, samples])."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = UID(ULTRASOUND_MULTIFRAME)
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    made.NumberOfFrames, made.Rows, made.Columns = pixels.shape[:3]
    made.SamplesPerPixel = pixels.shape[3] if pixels.ndim == 4 else 1
    if pixels.ndim == 4:
        made.PlanarConfiguration = 0
    made.BitsAllocated = made.BitsStored = pixels.dtype.itemsize * 8
    made.HighBit, made.PixelRepresentation = made.BitsStored - 1, 0
    made.PhotometricInterpretation = photometric
    made.PixelData = pixels.tobytes()
    for keyword, value in more.items():
        setattr(made, keyword, value)
    made.HighBit = made.BitsStored - 1
    return made


def save(made: Dataset, folder: Path) -> Path:
    """The Data Set as a Part 10 file."""
    path = folder / "image.dcm"
    made.save_as(path, enforce_file_format=True)
    return path


def encapsulated(made: Dataset, frames: Sequence[bytes], syntax: str) -> Dataset:
    """The Data Set with its pixels replaced by these codestreams."""
    made.PixelData = encapsulate(list(frames))
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = UID(syntax)
    return made


def jpeg(pixels: NDArray[np.uint8], photometric: str) -> Dataset:
    """JPEG baseline, as ultrasound systems send."""
    return encapsulated(dataset(pixels, photometric), _coded(pixels, "JPEG", quality=95), JPEGBaseline8Bit)


def jpeg_2000(pixels: NDArray[np.uint8], photometric: str) -> Dataset:
    """JPEG 2000, reversible."""
    frames = _coded(pixels, "JPEG2000", no_jp2=True, irreversible=False, mct=0)
    return encapsulated(dataset(pixels, photometric), frames, JPEG2000Lossless)


def _coded(pixels: NDArray[np.uint8], form: str, **options: Any) -> list[bytes]:
    coded = []
    for frame in pixels:
        target = io.BytesIO()
        Image.fromarray(frame).save(target, form, **options)
        coded.append(target.getvalue())
    return coded
