"""Decodes the frames of a stored image one at a time, within limits that are checked before memory is taken.

What cannot be shown is an answer with a reason, never a crash: the exam page says so and the stored object stays as it
is. Colour comes out as RGB, grey as one channel of 8 bits, whatever the Transfer Syntax was.

References: PS3.3 sections C.7.6.3 (Image Pixel), C.11.1 and C.11.2 (Modality and VOI LUT); PS3.5 section 8.2.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.multival import MultiValue
from pydicom.pixels import apply_color_lut, apply_modality_lut, as_pixel_options, get_decoder, iter_pixels
from pydicom.uid import UID, JPEGBaseline8Bit, JPEGExtended12Bit

from smartlink.works.images.codestream import frame_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset, FileMetaDataset

BYTE_BITS = 8
WHITE = 255
CHUNK = 1 << 20
COLOUR_DIMENSIONS = 3
VIDEO = "1.2.840.10008.1.2.4.10"  # MPEG2, MPEG-4 AVC and HEVC: .100 to .108
EXPLICIT_LONG_ELEMENT = 12  # tag, VR, two reserved bytes, length (PS3.5 section 7.1.2)
IMPLICIT_ELEMENT = 8  # tag, length (section 7.1.3)
BEFORE_META_GROUP = 128 + 4 + 12  # preamble, DICM, the group length element itself (PS3.10 section 7.1)
IMAGE_PIXEL = ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation", "PhotometricInterpretation")
# For the commonest syntax the decoder that reports damage; GDCM, which pydicom tries first, aborts the process on it.
SAFEST: Final = {JPEGBaseline8Bit: "pillow"}
# What pydicom and the decoders raise for bytes that are not what they say; anything else is our own mistake.
UNDECODABLE = (
    BytesLengthException,
    InvalidDicomError,
    zlib.error,
    ValueError,
    TypeError,
    RuntimeError,
    AttributeError,
    OSError,
    LookupError,
    EOFError,
)


class Why(StrEnum):
    """Why an image cannot be displayed."""

    NO_PIXELS = "no_pixels"
    TOO_LARGE = "too_large"
    VIDEO = "video"
    COMPRESSION = "compression"
    DAMAGED = "damaged"


class CannotDisplay(Exception):
    """The image is stored and can be sent, but not shown here; `why` is what the exam page says."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Limits:
    """What one image may cost; `pixels` is rows times columns of one frame."""

    pixels: int = 40_000_000
    frames: int = 3_000
    encoded_bytes: int = 1 << 28
    inflated_bytes: int = 1 << 29


class StoredImage:
    """One DICOM file whose frames can be drawn."""

    def __init__(self, path: Path, limits: Limits | None = None) -> None:
        """Read the header and check it; raises CannotDisplay."""
        self._path = path
        self._limits = limits or Limits()
        self._meta = _read_meta(path)
        self._syntax = UID(str(self._meta.get("TransferSyntaxUID", "")))
        self._check_syntax()
        self._header, self._pixels_at = _read_header(path)
        self.frames = _whole_number(self._header.get("NumberOfFrames") or 1)
        self._check_header()

    @property
    def transfer_syntax(self) -> str:
        """How the pixels are encoded."""
        return str(self._syntax)

    def draw(self) -> Iterator[Image.Image]:
        """Every frame in order, one in memory at a time; raises CannotDisplay at the first one that fails."""
        try:
            yield from self._drawn()
        except UNDECODABLE as error:
            raise CannotDisplay(Why.DAMAGED) from error

    def native(self, *, rgb: bool) -> Iterator[tuple[bytes, str]]:
        """Every frame in order as native pixels (PS3.5 section 8.1.1), with the Photometric Interpretation they have.

        Colours lie by pixel, words are little-endian. `rgb`: YBR is turned into RGB, which rounds, as is right where
        values are not exact anyhow; else only what the codestream itself defines is undone. Raises CannotDisplay.
        """
        try:
            yield from self._native(rgb=rgb)
        except UNDECODABLE as error:
            raise CannotDisplay(Why.DAMAGED) from error

    def _native(self, *, rgb: bool) -> Iterator[tuple[bytes, str]]:
        header, decoder = self._header, get_decoder(self._syntax)
        kind = f"<{'i' if header.PixelRepresentation else 'u'}{max(1, int(header.BitsAllocated) // BYTE_BITS)}"
        plugin = SAFEST.get(self._syntax, "")
        with self._path.open("rb") as file:
            file.seek(self._pixels_at)
            vr = file.read(self._head_of_pixels)[4:6].decode("ascii", "replace")
            source = dcmread(self._path) if self._syntax.is_deflated else file
            described = as_pixel_options(header, pixel_keyword="PixelData", pixel_vr="OB" if vr == "OB" else "OW")
            options = {} if self._syntax.is_deflated else described
            for pixels, properties in decoder.iter_array(source, raw=not rgb, decoding_plugin=plugin, **options):
                yield pixels.astype(kind, copy=False).tobytes(), str(properties["photometric_interpretation"])

    @property
    def _head_of_pixels(self) -> int:
        """Bytes between the beginning of the element and its value."""
        return IMPLICIT_ELEMENT if self._syntax.is_implicit_VR else EXPLICIT_LONG_ELEMENT

    def _drawn(self) -> Iterator[Image.Image]:
        header, window = self._header, None
        source = dcmread(self._path) if self._syntax.is_deflated else self._path
        for pixels in iter_pixels(source, decoding_plugin=SAFEST.get(self._syntax, "")):
            shown = apply_color_lut(pixels, header) if _is_palette(header) else pixels
            if shown.ndim == COLOUR_DIMENSIONS:
                yield Image.fromarray(_colour_bytes(shown, header))
                continue
            values = apply_modality_lut(shown, header)
            window = window or _window(header, values)
            yield Image.fromarray(window.grey(values, inverted=header.PhotometricInterpretation == "MONOCHROME1"))

    def _check_syntax(self) -> None:
        if self._syntax.startswith(VIDEO):
            raise CannotDisplay(Why.VIDEO)
        try:
            decoder = None if not self._syntax.is_compressed else get_decoder(self._syntax)
        except (NotImplementedError, ValueError) as error:
            raise CannotDisplay(Why.COMPRESSION) from error
        if decoder is not None and not decoder.is_available:
            raise CannotDisplay(Why.COMPRESSION)
        if self._syntax.is_deflated:
            _check_inflated(self._path, self._meta, self._limits)

    def _check_header(self) -> None:
        header, limits = self._header, self._limits
        if any(keyword not in header for keyword in IMAGE_PIXEL):
            raise CannotDisplay(Why.NO_PIXELS)
        pixels = _whole_number(header.Rows) * _whole_number(header.Columns)
        if pixels < 1 or self.frames < 1:
            raise CannotDisplay(Why.DAMAGED)
        if pixels > limits.pixels or self.frames > limits.frames:
            raise CannotDisplay(Why.TOO_LARGE)
        if self._syntax == JPEGExtended12Bit and int(header.BitsStored) > BYTE_BITS:
            raise CannotDisplay(Why.COMPRESSION)
        if self._syntax.is_encapsulated:
            self._check_codestreams(pixels)

    def _check_codestreams(self, pixels: int) -> None:
        """A compressed frame states its own size; one that states more than the header would take memory unasked."""
        if self._path.stat().st_size // self.frames > self._limits.encoded_bytes:
            raise CannotDisplay(Why.TOO_LARGE)
        with self._path.open("rb") as source:
            source.seek(self._pixels_at + EXPLICIT_LONG_ELEMENT)
            try:
                for encoded in generate_frames(source, number_of_frames=self.frames):
                    rows, columns = frame_size(encoded) or (1, pixels)
                    if rows * columns > pixels:
                        raise CannotDisplay(Why.DAMAGED)
            except UNDECODABLE as error:
                raise CannotDisplay(Why.DAMAGED) from error


@dataclass(frozen=True, slots=True)
class Window:
    """The values between which grey runs from black to white (PS3.3 section C.11.2)."""

    low: float
    high: float

    def grey(self, values: NDArray[np.generic], *, inverted: bool) -> NDArray[np.uint8]:
        """The values as 8-bit grey."""
        span = max(self.high - self.low, 1.0)
        scaled = np.clip((values.astype(np.float32) - self.low) * (WHITE / span), 0, WHITE).astype(np.uint8)
        return np.asarray(WHITE - scaled, dtype=np.uint8) if inverted else scaled


def _read_meta(path: Path) -> FileMetaDataset:
    try:
        return read_file_meta_info(path)
    except UNDECODABLE as error:
        raise CannotDisplay(Why.DAMAGED) from error


def _read_header(path: Path) -> tuple[Dataset, int]:
    """The Data Set up to the pixels, and where in the file these begin."""
    try:
        with path.open("rb") as source:
            return dcmread(source, stop_before_pixels=True), source.tell()
    except UNDECODABLE as error:
        raise CannotDisplay(Why.DAMAGED) from error


def _check_inflated(path: Path, meta: FileMetaDataset, limits: Limits) -> None:
    """Refuse a deflated Data Set that would unpack to more than the limit, without unpacking it into memory."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    total = 0
    with path.open("rb") as source:
        source.seek(BEFORE_META_GROUP + int(meta.FileMetaInformationGroupLength))
        pending = source.read(CHUNK)
        while pending:
            try:
                total += len(unpacker.decompress(pending, CHUNK))
            except zlib.error as error:
                raise CannotDisplay(Why.DAMAGED) from error
            if total > limits.inflated_bytes:
                raise CannotDisplay(Why.TOO_LARGE)
            pending = unpacker.unconsumed_tail or source.read(CHUNK)


def _whole_number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError as error:
        raise CannotDisplay(Why.DAMAGED) from error


def _is_palette(header: Dataset) -> bool:
    return str(header.PhotometricInterpretation) == "PALETTE COLOR"


def _colour_bytes(pixels: NDArray[np.generic], header: Dataset) -> NDArray[np.uint8]:
    """Colour of more than 8 bits (a palette's 16, mostly) brought down to 8."""
    if pixels.dtype.itemsize == 1:
        return np.ascontiguousarray(pixels, dtype=np.uint8)
    bits = pixels.dtype.itemsize * BYTE_BITS if _is_palette(header) else int(header.BitsStored)
    return np.ascontiguousarray(np.right_shift(pixels, max(bits - BYTE_BITS, 0)), dtype=np.uint8)


def _window(header: Dataset, values: NDArray[np.generic]) -> Window:
    """The header's first window; without one the stored range of 8 bits, or what the first frame really uses."""
    centre, width = _first(header.get("WindowCenter")), _first(header.get("WindowWidth"))
    if centre is not None and width is not None and width >= 1:
        return Window(centre - width / 2, centre + width / 2)
    if int(header.BitsStored) <= BYTE_BITS and int(header.PixelRepresentation) == 0 and "RescaleSlope" not in header:
        return Window(0, (1 << int(header.BitsStored)) - 1)
    return Window(float(values.min()), float(values.max()))


def _first(value: object) -> float | None:
    several = value if isinstance(value, (list, MultiValue)) else [value]
    first = next(iter(several), None)
    return None if first is None else float(str(first))
