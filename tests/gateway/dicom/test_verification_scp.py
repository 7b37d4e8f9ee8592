from __future__ import annotations

from smartlink.gateway.dicom.negotiation import Context
from smartlink.gateway.dicom.service import Peer
from smartlink.gateway.dicom.verification_scp import VerificationSCP
from smartlink.standard.names import AETitle
from smartlink.standard.sop_class import VERIFICATION
from smartlink.standard.transfer_syntax import IMPLICIT_VR_LITTLE_ENDIAN
from tests.gateway.cast import Register
from tests.gateway.dicom.wire import ECHO


def test_an_echo_succeeds_and_tells_who_asked() -> None:
    register = Register()
    peer = Peer(AETitle("US01"), "SMARTLINKRCVR", "10.0.0.7", "10.0.0.1:5104")
    context = Context(3, VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN)
    assert VerificationSCP(register).begin(peer, context, ECHO).finish() == ECHO.response(0)
    assert register.calls == [("US01", True)]
