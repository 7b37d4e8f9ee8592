"""Derived objects as files: of another identity, or uncompressed. The original is only read.

The same input makes the same bytes. Pixels are copied in pieces, or decoded frame by frame by whom the caller gives.

References: PS3.3 section C.7.6.1.1.5 (lossy compression is remembered); PS3.5 section 8.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from smartlink.standard.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from smartlink.ui.translations import marked
from smartlink.works.exams import elements as dicom
from smartlink.works.exams.elements import EXPLICIT_LITTLE, Element, Elements, Span
from smartlink.works.exams.explicit import explicit_little
from smartlink.works.exams.identity import (
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    Identity,
    identified,
)
from smartlink.works.exams.object_file import CannotDerive, Source, Writer, opened
from smartlink.works.exams.text import padded, text_of

UNCOMPRESSED: Final = frozenset(
    {
        IMPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_LITTLE_ENDIAN,
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_BIG_ENDIAN,
    }
)
LOSSY: Final = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    "1.2.840.10008.1.2.4.93": "ISO_15444_1",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
}
"""PS3.3 section C.7.6.1.1.5.1: how each irreversible Transfer Syntax is named in Lossy Image Compression Method."""

PIXEL_DATA: Final = 0x7FE00010
_ONLY_ENCAPSULATED: Final = (0x7FE00001, 0x7FE00002, 0x7FE00003)
_PHOTOMETRIC_INTERPRETATION: Final = 0x00280004
_SAMPLES_PER_PIXEL: Final = 0x00280002
_PLANAR_CONFIGURATION: Final = 0x00280006
_BITS_ALLOCATED: Final = 0x00280100
_LOSSY_COMPRESSION: Final = 0x00282110
_LOSSY_RATIO: Final = 0x00282112
_LOSSY_METHOD: Final = 0x00282114
_BYTE_BITS: Final = 8
LARGEST_PIXELS: Final = 0xFFFFFFFE


@dataclass(frozen=True, slots=True)
class Derived:
    """A file that was written."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    size: int
    object_sha256: bytes
    dataset_sha256: bytes


class Native(Protocol):
    """What unpacking says about the pixels that it wrote."""

    @property
    def photometric_interpretation(self) -> str:
        """Of the decoded pixels."""

    @property
    def size(self) -> int:
        """Bytes."""


Unpack = Callable[[Path, Path], Native]
"""Decode the image of the first file and write its pixels to the second; raises CannotDerive."""


def derive_identity(path_in: Path, path_out: Path, wanted: Identity, siblings: Collection[str] = ()) -> Derived | None:
    """Write the object of this identity; None, and nothing is written, when the original says so already.

    Every byte of the pixels, and of whatever nobody asked to change, is the original's. `siblings` as in
    `identified`. Raises CannotDerive.
    """
    with opened(path_in) as source:
        old, pixels_at = dicom.read(source.file, source.offset, source.encoding)
        new = identified(old, wanted, siblings)
        if new is None:
            return None
        with _writer(path_out, source.syntax, new) as writer:
            dicom.write(new, source.encoding, source.file, writer.put)
            dicom.copy(source.file, Span(pixels_at, source.end - pixels_at), writer.put)
    return _derived(path_out, source.syntax, new, writer)


def derive_uncompressed(
    path_in: Path, path_out: Path, unpack: Unpack, syntax: str = EXPLICIT_VR_LITTLE_ENDIAN
) -> Derived | None:
    """Write the object in Explicit or Implicit VR Little Endian; None, and nothing is written, when it is so already.

    The SOP Instance UID stays: the values are the same, or those that a lossy original decodes to, and it says so.
    Raises CannotDerive.
    """
    with opened(path_in) as source:
        if source.syntax == syntax:
            return None
        old, _ = dicom.read(source.file, source.offset, source.encoding, stop=None)
        new = explicit_little(old, source.encoding)
        with _writer(path_out, syntax, new) as writer, tempfile.TemporaryDirectory(prefix="native-") as folder:
            if source.syntax in UNCOMPRESSED or dicom.find(new, PIXEL_DATA) is None:
                dicom.write(new, dicom.encoding_of(syntax), source.file, writer.put)
            else:
                pixels = Path(folder) / "pixels"
                _write_unpacked(new, source, unpack(path_in, pixels), pixels, writer)
    return _derived(path_out, syntax, new, writer)


def _write_unpacked(new: Elements, source: Source, native: Native, pixels: Path, writer: Writer) -> None:
    length, encoding = native.size + native.size % 2, dicom.encoding_of(writer.syntax)
    if length > LARGEST_PIXELS:
        message = marked("Uncompressed, the image is larger than a DICOM object can be.")
        raise CannotDerive(message)
    described = dicom.without(_described(new, native, source.syntax), _ONLY_ENCAPSULATED)
    dicom.write((one for one in described if one.tag < PIXEL_DATA), encoding, source.file, writer.put)
    vr = "OW" if _number(described, _BITS_ALLOCATED) > _BYTE_BITS else "OB"
    with pixels.open("r+b") as file:
        file.truncate(length)  # an odd number of bytes is padded
        dicom.write((Element(PIXEL_DATA, vr, Span(0, length)),), encoding, file, writer.put)
    dicom.write((one for one in described if one.tag > PIXEL_DATA), encoding, source.file, writer.put)


def _described(new: Elements, native: Native, syntax: str) -> Elements:
    """What the header says of decoded pixels; that they were compressed with loss once is never forgotten."""
    changed = [_text(_PHOTOMETRIC_INTERPRETATION, "CS", native.photometric_interpretation)]
    if _number(new, _SAMPLES_PER_PIXEL) > 1:
        changed.append(Element(_PLANAR_CONFIGURATION, "US", b"\0\0"))
    encoded = dicom.find(new, PIXEL_DATA)
    if syntax in LOSSY and encoded is not None and text_of(dicom.find(new, _LOSSY_COMPRESSION), ()) != "01":
        ratio = native.size / max(1, dicom.value_size(encoded, EXPLICIT_LITTLE))
        changed.append(_text(_LOSSY_COMPRESSION, "CS", "01"))
        changed.append(_text(_LOSSY_RATIO, "DS", f"{ratio:.4g}"))
        changed.append(_text(_LOSSY_METHOD, "CS", LOSSY[syntax]))
    return dicom.put_in(new, *changed)


def _writer(path: Path, syntax: str, elements: Elements) -> Writer:
    return Writer(path, syntax, _uid(elements, SOP_CLASS_UID), _uid(elements, SOP_INSTANCE_UID))


def _derived(path: Path, syntax: str, elements: Elements, writer: Writer) -> Derived:
    written = writer.written
    return Derived(
        path=path,
        sop_class_uid=_uid(elements, SOP_CLASS_UID),
        sop_instance_uid=_uid(elements, SOP_INSTANCE_UID),
        study_instance_uid=_uid(elements, STUDY_INSTANCE_UID),
        series_instance_uid=_uid(elements, SERIES_INSTANCE_UID),
        transfer_syntax_uid=syntax,
        size=written.size,
        object_sha256=written.object_sha256,
        dataset_sha256=written.dataset_sha256,
    )


def _text(tag: int, vr: str, text: str) -> Element:
    return Element(tag, vr, padded(text.encode("ascii")))


def _uid(elements: Elements, tag: int) -> str:
    return text_of(dicom.find(elements, tag), ())


def _number(elements: Elements, tag: int) -> int:
    element = dicom.find(elements, tag)
    return 0 if element is None else int.from_bytes(element.raw[:2], "little")
