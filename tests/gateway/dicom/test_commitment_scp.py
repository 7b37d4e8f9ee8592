"""Storage Commitment over real sockets, as a scanner asks for it step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.command import WITH_DATA_SET, Command, CommandField
from smartlink.gateway.dicom.commitment_data import LONGEST
from smartlink.gateway.dicom.user_information import RoleSelection
from smartlink.standard.sop_class import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from smartlink.standard.status import Status
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.test_commitment_data import encoded, request
from tests.gateway.dicom.wire import REQUEST, STORE
from tests.gateway.vouching import Gateway, gateway

CONTEXT = 5
PROPOSAL = replace(
    REQUEST,
    contexts=(*REQUEST.contexts, pdu.ProposedContext(CONTEXT, STORAGE_COMMITMENT, (EXPLICIT_VR_LITTLE_ENDIAN,))),
    roles=(RoleSelection(STORAGE_COMMITMENT, scu=True, scp=False),),
)
ACTION = Command(
    CommandField.N_ACTION_RQ,
    message_id=9,
    requested_sop_class_uid=STORAGE_COMMITMENT,
    requested_sop_instance_uid=STORAGE_COMMITMENT_INSTANCE,
    action_type_id=1,
    data_set_type=WITH_DATA_SET,
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gateway]:
    with gateway(tmp_path / "data") as running:
        yield running


def ask(us01: Caller, data: bytes, command: Command = ACTION) -> Command:
    us01.say(command, CONTEXT)
    us01.data(data, last=True, context_id=CONTEXT)
    return us01.response()


def hear_result(us01: Caller) -> tuple[Command, Dataset]:
    """Take the N-EVENT-REPORT and answer it."""
    report, data = us01.response(), b""
    while True:
        piece = us01.hear()
        assert isinstance(piece, ul.DataFragment)
        data += piece.data
        if piece.last:
            break
    us01.say(report.response(0), CONTEXT)
    return report, read_dataset(BytesIO(data), is_implicit_VR=False, is_little_endian=True)


def store(us01: Caller, uid: str) -> None:
    assert us01.store(b"data", replace(STORE, affected_sop_instance_uid=uid)).status == 0


def test_a_scanner_that_stays_hears_the_result_on_its_association(house: Gateway) -> None:
    """The image was answered a moment before: it is vouched for, although its row comes behind the answer."""
    with Caller(house.port).associate(PROPOSAL) as us01:
        store(us01, "1.2.3")
        answer = ask(us01, encoded(request("1.2.3")))
        assert (answer.field, answer.status, answer.action_type_id) == (CommandField.N_ACTION_RSP, 0, 1)
        assert (answer.affected_sop_class_uid, answer.affected_sop_instance_uid) == (
            STORAGE_COMMITMENT,
            STORAGE_COMMITMENT_INSTANCE,
        )
        report, told = hear_result(us01)
        assert (report.field, report.event_type_id) == (CommandField.N_EVENT_REPORT_RQ, 1)
        assert report.affected_sop_instance_uid == STORAGE_COMMITMENT_INSTANCE
        assert told.TransactionUID == "1.2.9"
        assert [item.ReferencedSOPInstanceUID for item in told.ReferencedSOPSequence] == ["1.2.3"]
        assert "FailedSOPSequence" not in told
        store(us01, "1.2.4")
        us01.release()
    assert house.waiting == []


def test_what_is_not_here_is_named_with_its_reason(house: Gateway) -> None:
    asked = request("1.2.3", "1.2.4", "1.2.5")
    asked.ReferencedSOPSequence[1].ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    with Caller(house.port).associate(PROPOSAL) as us01:
        store(us01, "1.2.3")
        store(us01, "1.2.4")
        assert ask(us01, encoded(asked)).status == 0
        report, told = hear_result(us01)
    assert report.event_type_id == 2
    assert [item.ReferencedSOPInstanceUID for item in told.ReferencedSOPSequence] == ["1.2.3"]
    assert [(item.ReferencedSOPInstanceUID, item.FailureReason) for item in told.FailedSOPSequence] == [
        ("1.2.4", Status.CLASS_INSTANCE_CONFLICT),
        ("1.2.5", Status.NO_SUCH_OBJECT_INSTANCE),
    ]


def test_a_scanner_that_leaves_is_remembered(house: Gateway) -> None:
    with Caller(house.port).associate(PROPOSAL) as us01:
        assert ask(us01, encoded(request("1.2.3"))).status == 0
        us01.release()
    assert house.acceptor.wait_until_empty(20)
    (waiting,) = house.waiting
    assert (waiting.asked.transaction_uid, waiting.asked.calling_ae_title) == ("1.2.9", "US01")


def test_a_scanner_that_releases_instead_of_answering_is_told_again(house: Gateway) -> None:
    """Its release and our report cross on the wire."""
    with Caller(house.port).associate(PROPOSAL) as us01:
        assert ask(us01, encoded(request("1.2.3"))).status == 0
        assert us01.response().field == CommandField.N_EVENT_REPORT_RQ
        assert isinstance(us01.hear(), ul.DataFragment)
        us01.release()
    assert house.acceptor.wait_until_empty(20)
    (waiting,) = house.waiting
    assert waiting.asked.transaction_uid == "1.2.9"


GOOD = encoded(request("1.2.3"))
REFUSALS: dict[str, tuple[Command, bytes, Status]] = {
    "another class": (replace(ACTION, requested_sop_class_uid="1.2.3"), GOOD, Status.NO_SUCH_SOP_CLASS),
    "another instance": (replace(ACTION, requested_sop_instance_uid="1.2.3"), GOOD, Status.NO_SUCH_OBJECT_INSTANCE),
    "another action": (replace(ACTION, action_type_id=2), GOOD, Status.NO_SUCH_ACTION),
    "no action": (replace(ACTION, action_type_id=None), GOOD, Status.NO_SUCH_ACTION),
    "garbage": (ACTION, b"garbage!", Status.INVALID_ARGUMENT_VALUE),
    "nothing": (ACTION, b"", Status.INVALID_ARGUMENT_VALUE),
    "too long": (ACTION, bytes(LONGEST + 2), Status.RESOURCE_LIMITATION),
    "another operation": (replace(ACTION, field=CommandField.N_SET_RQ), GOOD, Status.UNRECOGNIZED_OPERATION),
}


@pytest.mark.parametrize(("command", "data", "status"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_is_no_request_is_refused_and_the_association_goes_on(
    house: Gateway, command: Command, data: bytes, status: Status
) -> None:
    with Caller(house.port).associate(PROPOSAL) as us01:
        assert ask(us01, data, command).status == status
        store(us01, "1.2.3")
        us01.release()
    assert house.waiting == []


def test_a_request_without_its_data_set_is_refused(house: Gateway) -> None:
    with Caller(house.port).associate(PROPOSAL) as us01:
        us01.say(replace(ACTION, data_set_type=0x0101), CONTEXT)
        assert us01.response().status == Status.INVALID_ARGUMENT_VALUE


def test_a_scanner_that_leaves_within_its_request_has_asked_nothing(house: Gateway) -> None:
    with Caller(house.port).associate(PROPOSAL) as us01:
        us01.say(ACTION, CONTEXT)
        us01.data(GOOD[:20], last=False, context_id=CONTEXT)
    assert house.acceptor.wait_until_empty(20)
    assert house.waiting == []


def test_a_request_in_implicit_vr_is_answered_in_it(house: Gateway) -> None:
    contexts = (pdu.ProposedContext(CONTEXT, STORAGE_COMMITMENT, (IMPLICIT_VR_LITTLE_ENDIAN,)),)
    with Caller(house.port).associate(replace(PROPOSAL, contexts=contexts)) as us01:
        assert ask(us01, encoded(request("1.2.3"), IMPLICIT_VR_LITTLE_ENDIAN)).status == 0
        us01.response()
        news = us01.hear()
        assert isinstance(news, ul.DataFragment)
        told = read_dataset(BytesIO(news.data), is_implicit_VR=True, is_little_endian=True)
        assert told.FailedSOPSequence[0].FailureReason == Status.NO_SUCH_OBJECT_INSTANCE
