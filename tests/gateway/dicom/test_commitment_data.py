from __future__ import annotations

import contextlib
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pynetdicom.dsutils import encode

from smartlink.gateway.commitments import MOST_REFERENCES, Failure, Reference, Result
from smartlink.gateway.dicom.commitment_data import (
    LONGEST,
    TooManyReferences,
    UnreadableRequest,
    event_type_of,
    read_request,
    write_result,
)
from smartlink.standard.status import Status
from smartlink.standard.transfer_syntax import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    UNCOMPRESSED,
)

CLASS = "1.2.840.10008.5.1.4.1.1.6.1"


def request(*uids: str, transaction: str | None = "1.2.9") -> Dataset:
    asked = Dataset()
    if transaction is not None:
        asked.TransactionUID = transaction
    asked.StorageMediaFileSetID = "IGNORED"
    asked.ReferencedSOPSequence = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CLASS, uid
        asked.ReferencedSOPSequence.append(item)
    return asked


def encoded(asked: Dataset, transfer_syntax: str = EXPLICIT_VR_LITTLE_ENDIAN) -> bytes:
    implicit = transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
    data = encode(asked, implicit, transfer_syntax != EXPLICIT_VR_BIG_ENDIAN)
    assert data is not None
    if transfer_syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        return zlib.compress(data, wbits=-15)
    return data


@pytest.mark.parametrize("transfer_syntax", sorted(UNCOMPRESSED))
def test_a_request_is_read_in_every_transfer_syntax_that_we_accept_for_it(transfer_syntax: str) -> None:
    found = read_request(encoded(request("1.2.3", "1.2.4", "1.2.3"), transfer_syntax), transfer_syntax)
    assert found == ("1.2.9", (Reference(CLASS, "1.2.3"), Reference(CLASS, "1.2.4")))


@pytest.mark.parametrize("transfer_syntax", sorted(UNCOMPRESSED))
def test_pydicom_reads_a_result_of_ours(transfer_syntax: str) -> None:
    failed = Failure(Reference(CLASS, "1.2.4"), Status.NO_SUCH_OBJECT_INSTANCE)
    result = Result("1.2.9", (Reference(CLASS, "1.2.3"),), (failed,))
    data = write_result(result, transfer_syntax)
    assert len(data) % 2 == 0
    if transfer_syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        data = zlib.decompressobj(wbits=-15).decompress(data)
    told = read_dataset(
        BytesIO(data), transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN, transfer_syntax != EXPLICIT_VR_BIG_ENDIAN
    )
    assert told.TransactionUID == "1.2.9"
    assert [item.ReferencedSOPInstanceUID for item in told.ReferencedSOPSequence] == ["1.2.3"]
    assert [(item.ReferencedSOPInstanceUID, item.FailureReason) for item in told.FailedSOPSequence] == [
        ("1.2.4", 0x0112)
    ]
    assert event_type_of(result) == 2


def test_a_sequence_is_there_only_with_something_in_it() -> None:
    reference = Reference(CLASS, "1.2.3")
    all_well = Result("1.2.9", (reference,), ())
    told = read_dataset(BytesIO(write_result(all_well, EXPLICIT_VR_LITTLE_ENDIAN)), False, True)  # noqa: FBT003 - theirs
    assert "FailedSOPSequence" not in told
    assert event_type_of(all_well) == 1
    nothing = Result("1.2.9", (), (Failure(reference, Status.PROCESSING_FAILURE),))
    told = read_dataset(BytesIO(write_result(nothing, EXPLICIT_VR_LITTLE_ENDIAN)), False, True)  # noqa: FBT003 - theirs
    assert "ReferencedSOPSequence" not in told


def bomb() -> bytes:
    return zlib.compress(bytes(4 * LONGEST), wbits=-15)


BROKEN = {
    "nothing": (b"", EXPLICIT_VR_LITTLE_ENDIAN),
    "no transaction": (encoded(request("1.2.3", transaction=None)), EXPLICIT_VR_LITTLE_ENDIAN),
    "no references": (encoded(request()), EXPLICIT_VR_LITTLE_ENDIAN),
    "cut off": (encoded(request("1.2.3"))[:-40], EXPLICIT_VR_LITTLE_ENDIAN),
    "another transfer syntax": (encoded(request("1.2.3")), EXPLICIT_VR_BIG_ENDIAN),
    "no deflated data": (b"garbage!", DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN),
    "a bomb": (bomb(), DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN),
}


@pytest.mark.parametrize(("data", "transfer_syntax"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_request_is_said_to_be_none(data: bytes, transfer_syntax: str) -> None:
    with pytest.raises(UnreadableRequest):
        read_request(data, transfer_syntax)


def test_a_uid_that_is_none_is_refused_without_being_quoted() -> None:
    asked = request("1.2.3")
    asked.ReferencedSOPSequence[0].ReferencedSOPClassUID = ""
    with pytest.raises(UnreadableRequest, match="A UID is missing, or is none"):
        read_request(encoded(asked), EXPLICIT_VR_LITTLE_ENDIAN)


def items_in_vain(count: int) -> bytes:
    """A request whose sequence has so many empty items."""
    items = b"\xfe\xff\x00\xe0\0\0\0\0" * count
    sequence = b"\x08\x00\x99\x11SQ\0\0" + len(items).to_bytes(4, "little") + items
    return b"\x08\x00\x95\x11UI\x06\x001.2.9\0" + sequence


@pytest.mark.parametrize("count", [MOST_REFERENCES + 1, 130_000])
def test_too_many_references_are_refused_before_they_cost_anything(count: int) -> None:
    with pytest.raises(TooManyReferences, match="more than"):
        read_request(items_in_vain(count), EXPLICIT_VR_LITTLE_ENDIAN)


@given(st.binary(max_size=300), st.sampled_from(sorted(UNCOMPRESSED)))
def test_any_bytes_are_a_request_or_none(noise: bytes, transfer_syntax: str) -> None:
    for data in (noise, encoded(request("1.2.3"))[:60] + noise):
        with contextlib.suppress(UnreadableRequest):
            read_request(data, transfer_syntax)
