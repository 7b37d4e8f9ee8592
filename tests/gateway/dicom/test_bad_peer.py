"""Peers that break off, mix up or talk over everything, on real sockets: each harms only its own Association."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.dicom import command as dimse
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom.acceptor import Acceptor, AcceptorLimits
from smartlink.gateway.dicom.patience import Timeouts
from smartlink.gateway.dicom.pdu import PDUType
from tests.gateway.cast import House
from tests.gateway.dicom.bad_peer import REQUEST_PDU, Step, kinds, play
from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.wire import ECHO, STORE, p_data

AC, DATA, RP, ABORT = PDUType.A_ASSOCIATE_AC, PDUType.P_DATA_TF, PDUType.A_RELEASE_RP, PDUType.A_ABORT
STORE_PDU = p_data((1, 3, dimse.encode(STORE)))
ECHO_PDU = p_data((3, 3, dimse.encode(ECHO)))
HALF = p_data((1, 0, b"half" * 5000))
LAST = p_data((1, 2, b"whole"))
ABORT_PDU = pdu.encode_abort(pdu.Abort(0, 0))
SOON = AcceptorLimits(timeouts=Timeouts(artim=0.3, idle=0.3, stall=0.3))
Script = tuple[bytes | Step, ...]

SCRIPTS: dict[str, tuple[Script, list[PDUType]]] = {
    "half a header, then closes": ((REQUEST_PDU[:3],), []),
    "half a request, then closes its half": ((REQUEST_PDU[:80], Step.HALF_CLOSE, Step.HEAR_ALL), []),
    "a request and no more, its half closed": ((REQUEST_PDU, Step.HALF_CLOSE, Step.HEAR_ALL), [AC]),
    "an echo with its half closed is answered": (
        (REQUEST_PDU, Step.HEAR, ECHO_PDU, Step.HALF_CLOSE, Step.HEAR_ALL),
        [AC, DATA],
    ),
    "half a P-DATA header": ((REQUEST_PDU, Step.HEAR, STORE_PDU, HALF[:4], Step.HALF_CLOSE, Step.HEAR_ALL), [AC]),
    "close amid a Data Set": ((REQUEST_PDU, Step.HEAR, STORE_PDU, HALF), [AC]),
    "half close amid a Data Set": ((REQUEST_PDU, Step.HEAR, STORE_PDU, HALF, Step.HALF_CLOSE, Step.HEAR_ALL), [AC]),
    "reset amid a Data Set": ((REQUEST_PDU, Step.HEAR, STORE_PDU, HALF, Step.RESET), [AC]),
    "abort amid a Data Set": ((REQUEST_PDU, Step.HEAR, STORE_PDU, HALF, ABORT_PDU, Step.HEAR_ALL), [AC]),
    "abort amid a PDU is data": ((REQUEST_PDU, Step.HEAR, STORE_PDU, HALF[:-10] + ABORT_PDU, Step.RESET), [AC]),
    "garbage amid a Data Set": (
        (REQUEST_PDU, Step.HEAR, STORE_PDU, HALF, b"\xff" * 50, Step.HEAR_ALL),
        [AC, ABORT],
    ),
    "a second request": ((REQUEST_PDU, Step.HEAR, REQUEST_PDU, Step.HEAR_ALL), [AC, ABORT]),
    "a second request amid a Data Set": (
        (REQUEST_PDU, Step.HEAR, STORE_PDU, HALF, REQUEST_PDU, Step.HEAR_ALL),
        [AC, ABORT],
    ),
    "an acceptance of nothing": ((REQUEST_PDU, Step.HEAR, b"\2\0\0\0\0\4abcd", Step.HEAR_ALL), [AC, ABORT]),
    "P-DATA before the association": ((STORE_PDU, Step.HEAR_ALL), [ABORT]),
    "a release before the association": ((pdu.RELEASE_RQ, Step.HEAR_ALL), [ABORT]),
    "a command within a Data Set": ((REQUEST_PDU, Step.HEAR, STORE_PDU, HALF, ECHO_PDU, Step.HEAR_ALL), [AC, ABORT]),
    "a release amid a Data Set": ((REQUEST_PDU, Step.HEAR, STORE_PDU, HALF, pdu.RELEASE_RQ, Step.HEAR_ALL), [AC, RP]),
    "data after the release": ((REQUEST_PDU, Step.HEAR, pdu.RELEASE_RQ + STORE_PDU + LAST, Step.HEAR_ALL), [AC, RP]),
    "a release response that nobody asked for": (
        (REQUEST_PDU, Step.HEAR, pdu.RELEASE_RP, Step.HEAR_ALL),
        [AC, ABORT],
    ),
    "two releases": ((REQUEST_PDU, Step.HEAR, pdu.RELEASE_RQ * 2, Step.HEAR_ALL), [AC, RP]),
    "garbage after the end": ((b"GET / HTTP/1.1\r\n\r\n", Step.HEAR, b"Host: x\r\n\r\n" * 100, Step.HEAR_ALL), [ABORT]),
    "everything before anything is answered": (
        (REQUEST_PDU + ECHO_PDU + pdu.RELEASE_RQ, Step.HEAR_ALL),
        [AC, DATA, RP],
    ),
}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def receiver(house: House) -> Iterator[Acceptor]:
    with house.receiver(limits=SOON) as acceptor:
        yield acceptor


@pytest.mark.proves("R151")
@pytest.mark.parametrize(("script", "expected"), SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_bad_peer_harms_only_itself(
    receiver: Acceptor, house: House, script: Script, expected: list[PDUType]
) -> None:
    """It is answered as PS3.8 says, nothing of it is kept, and the next one is served."""
    with capture_logs() as lines:
        assert kinds(play(receiver.port, *script)) == expected
        assert receiver.wait_until_empty(20)
    assert not [line for line in lines if line["event"] == "association_failed"], "no mistake of ours"
    assert files(house) == []
    with Caller(receiver.port).associate() as us01:
        assert us01.store(b"good").status == 0
        us01.release()
    assert len(files(house)) == 1


SILENCES: dict[str, Script] = {
    "before the first byte": (),
    "after half a request": (REQUEST_PDU[:80],),
    "after half a PDU header within a message": (REQUEST_PDU, Step.HEAR, STORE_PDU, HALF[:4]),
    "after half a PDU of a Data Set": (REQUEST_PDU, Step.HEAR, STORE_PDU, HALF[:-100]),
    "after half a command": (REQUEST_PDU, Step.HEAR, STORE_PDU[:40]),
    "after its release": (REQUEST_PDU, Step.HEAR, pdu.RELEASE_RQ),
}


@pytest.mark.parametrize("script", SILENCES.values(), ids=SILENCES.keys())
def test_a_peer_that_falls_silent_is_let_go_and_leaves_nothing(
    receiver: Acceptor, house: House, script: Script
) -> None:
    play(receiver.port, *script, Step.HEAR_ALL)
    assert receiver.wait_until_empty(20)
    assert files(house) == []


def files(house: House) -> list[Path]:
    """Every file of the spool, of whatever state."""
    return [path for path in house.folder.rglob("*") if path.is_file()]
