"""Extended negotiation with programs that are not ours: pynetdicom and DCMTK ask, and read our answer."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_role
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)

from smartlink.gateway.dicom.acceptor import Acceptor
from smartlink.gateway.dicom.negotiation import STORAGE_INFORMATION, WINDOW
from smartlink.standard.sop_class import STORAGE_COMMITMENT, ULTRASOUND_IMAGE, VERIFICATION
from tests.gateway.cast import House
from tests.gateway.dicom.pacs import sample
from tests.requires import requires


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Acceptor]:
    with House(tmp_path).receiver() as acceptor:
        yield acceptor


def asking() -> AE:
    ae = AE(ae_title="US01")
    for uid in (VERIFICATION, ULTRASOUND_IMAGE, STORAGE_COMMITMENT):
        ae.add_requested_context(uid, ExplicitVRLittleEndian)
    return ae


def test_pynetdicom_reads_all_our_answers(receiver: Acceptor) -> None:
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = ULTRASOUND_IMAGE, b"\3\0\0\0\2\0"
    common = SOPClassCommonExtendedNegotiation()
    common.sop_class_uid, common.service_class_uid = ULTRASOUND_IMAGE, "1.2.840.10008.4.2"
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked, window.maximum_number_operations_performed = 0, 0
    identity = UserIdentityNegotiation()
    identity.user_identity_type, identity.positive_response_requested = 1, True
    identity.primary_field = b"alice"
    roles = [build_role(STORAGE_COMMITMENT, scu_role=True, scp_role=True)]
    association = asking().associate(
        "127.0.0.1",
        receiver.port,
        ae_title="SMARTLINKRCVR",
        ext_neg=[extended, common, window, identity, *roles],
    )
    assert association.is_established
    answered = association.acceptor
    assert answered.asynchronous_operations == (WINDOW, 1)
    assert {str(uid): info for uid, info in answered.sop_class_extended.items()} == {
        ULTRASOUND_IMAGE: STORAGE_INFORMATION
    }
    assert answered.user_identity is None
    (committing,) = [one for one in association.accepted_contexts if one.abstract_syntax == STORAGE_COMMITMENT]
    assert (committing.as_scu, committing.as_scp) == (True, False)
    association.release()


def test_a_context_for_which_a_peer_is_no_scu_is_refused_and_the_others_go_on(receiver: Acceptor) -> None:
    role = build_role(ULTRASOUND_IMAGE, scu_role=False, scp_role=True)
    association = asking().associate("127.0.0.1", receiver.port, ae_title="SMARTLINKRCVR", ext_neg=[role])
    assert association.is_established
    assert [str(one.abstract_syntax) for one in association.rejected_contexts] == [ULTRASOUND_IMAGE]
    assert association.send_c_echo().Status == 0
    association.release()


@pytest.mark.real
@pytest.mark.requires("storescu")
@pytest.mark.parametrize(("insists", "stored"), [(False, True), (True, False)], ids=["may be ignored", "insists"])
def test_a_user_of_dcmtk_is_let_in_and_told_nothing(receiver: Acceptor, *, insists: bool, stored: bool) -> None:
    """A requestor that insists on a positive response leaves, because nothing was verified."""
    who = ["--user", "alice", "--password", "secret", *(["--pos-response"] if insists else [])]
    command = [requires("storescu"), "-v", "-aec", "SMARTLINKRCVR", *who]
    told = subprocess.run(
        [*command, "127.0.0.1", str(receiver.port), str(sample("CT_small.dcm"))],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ("Received Store Response (Success)" in told.stdout) is stored, told.stdout
