"""Part 10 files written byte by byte, so that a test says exactly what a scanner sent."""

import hashlib
import zlib
from collections.abc import Mapping, Sequence

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DEFLATED, JPEG_BASELINE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.50"
US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
Element = tuple[str, bytes]


def element(tag: int, vr: str, value: bytes, syntax: str = EXPLICIT) -> bytes:
    """One element, its value padded to even length."""
    order = "big" if syntax == BIG else "little"
    if len(value) % 2:
        value += b"\0" if vr in {"UI", "OB"} else b" "
    head = (tag >> 16).to_bytes(2, order) + (tag & 0xFFFF).to_bytes(2, order)  # type: ignore[arg-type]
    if syntax == IMPLICIT:
        return head + len(value).to_bytes(4, "little") + value
    if vr in {"OB", "OW", "SQ", "UN", "UT"}:
        return head + vr.encode() + b"\0\0" + len(value).to_bytes(4, order) + value  # type: ignore[arg-type]
    return head + vr.encode() + len(value).to_bytes(2, order) + value  # type: ignore[arg-type]


def sequence(items: Sequence[bytes]) -> Element:
    """The value of a sequence in Explicit VR Little Endian."""
    return "SQ", b"".join(b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item for item in items)


def dataset(
    sop_instance_uid: str,
    *,
    study: str = "1.2.3",
    series: str = "1.2.3.4",
    syntax: str = EXPLICIT,
    pixels: bytes = b"\x10\x20\x30\x40",
    extra: Mapping[int, Element] | None = None,
) -> bytes:
    """A small ultrasound image's Data Set."""
    order = "big" if syntax == BIG else "little"
    elements: dict[int, Element] = {
        0x00080016: ("UI", US_IMAGE.encode()),
        0x00080018: ("UI", sop_instance_uid.encode()),
        0x00080060: ("CS", b"US"),
        0x00100010: ("PN", b"Marker^Patient"),
        0x00100020: ("LO", b"MARKER-7"),
        0x0020000D: ("UI", study.encode()),
        0x0020000E: ("UI", series.encode()),
        0x00280010: ("US", (2).to_bytes(2, order)),  # type: ignore[arg-type]
        0x00280011: ("US", (2).to_bytes(2, order)),  # type: ignore[arg-type]
        0x7FE00010: ("OW", pixels),
    }
    elements.update(extra or {})
    body = b"".join(element(tag, *elements[tag], syntax) for tag in sorted(elements))
    if syntax == DEFLATED:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = packer.compress(body) + packer.flush()
    return body


def part10(body: bytes, sop_instance_uid: str, *, syntax: str = EXPLICIT, source: str = "US01") -> bytes:
    """The file: zero preamble, File Meta Information with the provenance, the Data Set as it is."""
    meta = b"".join(
        [
            element(0x00020001, "OB", b"\0\1"),
            element(0x00020002, "UI", US_IMAGE.encode()),
            element(0x00020003, "UI", sop_instance_uid.encode()),
            element(0x00020010, "UI", syntax.encode()),
            element(0x00020012, "UI", b"2.25.1"),
            element(0x00020016, "AE", source.encode()),
        ]
    )
    return bytes(128) + b"DICM" + element(0x00020000, "UL", len(meta).to_bytes(4, "little")) + meta + body


def sha256(content: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(content).hexdigest()
