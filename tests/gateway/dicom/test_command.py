from __future__ import annotations

import contextlib
import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pynetdicom.dsutils import encode as pynetdicom_encode

from smartlink.gateway.dicom import command as dimse
from smartlink.gateway.dicom.command import Command, CommandField
from tests.gateway.dicom.wire import ECHO, STORE

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=64)
NUMBER = st.integers(0, 0xFFFF)


@given(NUMBER, TEXT, TEXT)
def test_a_request_comes_back_as_it_went(message_id: int, sop_class: str, instance: str) -> None:
    command = Command(CommandField.C_STORE_RQ, message_id, 0, sop_class, instance, dimse.WITH_DATA_SET)
    assert dimse.decode(dimse.encode(command)) == command


@given(NUMBER, NUMBER, TEXT)
def test_a_response_comes_back_as_it_went(message_id: int, status: int, comment: str) -> None:
    command = Command(CommandField.C_STORE_RSP, 0, message_id, "1.2", "1.2.3", status=status, error_comment=comment)
    assert dimse.decode(dimse.encode(command)) == command


@pytest.mark.parametrize("command", [ECHO, STORE, STORE.response(0xA700, "Free disk space is below the reserve.")])
def test_pydicom_reads_what_we_write(command: Command) -> None:
    theirs = read_dataset(BytesIO(dimse.encode(command)), is_implicit_VR=True, is_little_endian=True)
    assert theirs.CommandField == command.field
    assert theirs.AffectedSOPClassUID == command.affected_sop_class_uid
    assert theirs.CommandGroupLength == len(dimse.encode(command)) - 12
    assert list(theirs.keys()) == sorted(theirs.keys())


def test_we_read_what_pynetdicom_writes() -> None:
    theirs = Dataset()
    theirs.CommandField = 0x0001
    theirs.MessageID = 9
    theirs.Priority = 1
    theirs.CommandDataSetType = 0
    theirs.AffectedSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    theirs.AffectedSOPInstanceUID = "1.2.3"
    theirs.MoveOriginatorApplicationEntityTitle = "ARCHIVE"
    raw = pynetdicom_encode(theirs, True, True)  # noqa: FBT003 - their signature
    assert raw is not None
    assert dimse.decode(raw) == Command(1, 9, 0, "1.2.840.10008.5.1.4.1.1.6.1", "1.2.3", 0)


def test_what_a_sender_may_add_is_passed_over() -> None:
    """Priority, Move Originator (PS3.7 section 9.3.1.1) and what no table has."""
    extra = struct.pack("<HHIH", 0, 0x0700, 2, 0xFFFF)
    extra += struct.pack("<HHI", 0, 0x1030, 16) + b"ARCHIVE\\\x1b\xff EVIL!"
    extra += struct.pack("<HHIH", 0, 0x1031, 2, 0xFFFF) + struct.pack("<HHI", 0, 0x9999, 3) + b"odd"
    assert dimse.decode(dimse.encode(STORE) + extra) == STORE


@given(NUMBER, NUMBER, TEXT, TEXT)
def test_a_normalized_request_and_its_response_come_back_as_they_went(
    message_id: int, action: int, sop_class: str, instance: str
) -> None:
    request = Command(
        CommandField.N_ACTION_RQ,
        message_id,
        requested_sop_class_uid=sop_class,
        requested_sop_instance_uid=instance,
        action_type_id=action,
        data_set_type=dimse.WITH_DATA_SET,
    )
    assert dimse.decode(dimse.encode(request)) == request
    response = dimse.decode(dimse.encode(request.response(0)))
    assert (response.affected_sop_class_uid, response.affected_sop_instance_uid) == (sop_class, instance)
    assert (response.field, response.action_type_id) == (CommandField.N_ACTION_RSP, action)


def test_pydicom_reads_an_event_report_of_ours() -> None:
    report = Command(
        CommandField.N_EVENT_REPORT_RQ, 3, 0, "1.2", "1.2.3", data_set_type=dimse.WITH_DATA_SET, event_type_id=2
    )
    theirs = read_dataset(BytesIO(dimse.encode(report)), is_implicit_VR=True, is_little_endian=True)
    assert (theirs.EventTypeID, theirs.MessageID, theirs.AffectedSOPInstanceUID) == (2, 3, "1.2.3")
    assert list(theirs.keys()) == sorted(theirs.keys())


@given(st.binary(max_size=400))
def test_any_bytes_are_a_command_or_malformed(noise: bytes) -> None:
    for data in (noise, dimse.encode(STORE)[:30] + noise):
        with contextlib.suppress(dimse.MalformedCommandError):
            dimse.decode(data)


def test_a_command_without_its_field_is_malformed() -> None:
    with pytest.raises(dimse.MalformedCommandError, match="Command Field"):
        dimse.decode(b"")


def test_a_response_never_echoes_more_than_a_uid_can_hold() -> None:
    long = Command(CommandField.C_STORE_RQ, 1, 0, "1.2", "9" * 5000, dimse.WITH_DATA_SET)
    assert len(long.response(0x0117, "x" * 500).affected_sop_instance_uid) == 64
    assert len(long.response(0x0117, "x" * 500).error_comment) == 64


def test_a_cancel_gets_no_response() -> None:
    assert not Command(CommandField.C_CANCEL_RQ).wants_response
    assert ECHO.wants_response
    assert not ECHO.response(0).wants_response


def test_a_cancellation_names_the_request_that_it_ends() -> None:
    """PS3.7 section 9.3.2.3: no Message ID of its own, but the one of the C-FIND."""
    data = dimse.encode(Command(CommandField.C_CANCEL_RQ, message_id_responded_to=7))
    assert dimse.decode(data).message_id_responded_to == 7
    theirs = read_dataset(BytesIO(data), is_implicit_VR=True, is_little_endian=True)
    assert theirs.MessageIDBeingRespondedTo == 7
    assert "MessageID" not in theirs
    assert "Status" not in theirs


def test_a_query_has_its_priority() -> None:
    find = dimse.encode(Command(CommandField.C_FIND_RQ, 2, data_set_type=dimse.WITH_DATA_SET))
    assert read_dataset(BytesIO(find), is_implicit_VR=True, is_little_endian=True).Priority == 0
