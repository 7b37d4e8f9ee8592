"""Results told on Associations of ours; the scanner that hears them is pynetdicom's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.events import Event
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification  # type: ignore[attr-defined] # made at import

from smartlink.demo.programs import free_port
from smartlink.gateway.calling import AssociationFailed, Layer, Peer, SendLimits
from smartlink.gateway.commitments import Failure, Reference, Result
from smartlink.gateway.dicom.commitment_report import tell
from smartlink.gateway.errors import Stopping
from smartlink.standard.sop_class import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from smartlink.standard.status import Status
from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.pacs import Callee, scripted
from tests.gateway.dicom.test_commitment_data import encoded, request
from tests.gateway.dicom.test_commitment_scp import PROPOSAL, ask, store
from tests.gateway.vouching import gateway

CLASS = "1.2.840.10008.5.1.4.1.1.6.1"
LIMITS = SendLimits(connect_seconds=5, associate_seconds=5, response_seconds=5, idle_seconds=5)
RESULT = Result(
    "1.2.9",
    (Reference(CLASS, "1.2.3"),),
    (Failure(Reference(CLASS, "1.2.4"), Status.NO_SUCH_OBJECT_INSTANCE),),
)
Heard = tuple[int, Dataset]


@contextmanager
def scanner(
    port: int = 0, *, status: int = 0, roles: bool = True, syntax: str = StorageCommitmentPushModel
) -> Iterator[tuple[int, SimpleQueue[Heard]]]:
    """Run US01, which hears results; yield its port and what it heard."""
    heard: SimpleQueue[Heard] = SimpleQueue()

    def hear(event: Event) -> tuple[int, None]:
        assert isinstance(event.request, N_EVENT_REPORT)
        assert event.request.AffectedSOPClassUID == STORAGE_COMMITMENT
        assert event.request.AffectedSOPInstanceUID == STORAGE_COMMITMENT_INSTANCE
        assert event.event_type is not None
        heard.put((event.event_type, event.event_information))
        return status, None

    ae = AE(ae_title="US01")
    if roles:
        ae.add_supported_context(syntax, scu_role=False, scp_role=True)
    else:
        ae.add_supported_context(syntax)
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, hear)])
    assert server is not None
    try:
        yield server.server_address[1], heard
    finally:
        server.shutdown()
        server.server_close()


def us01(port: int) -> Peer:
    return Peer("127.0.0.1", port, "US01", "SMARTLINKRCVR")


def never() -> bool:
    return False


@pytest.mark.parametrize("roles", [True, False], ids=["answers our role", "does not answer it"])
def test_a_result_is_told(*, roles: bool) -> None:
    with scanner(roles=roles) as (port, heard):
        assert tell(us01(port), RESULT, never, LIMITS) == 0
    event_type, told = heard.get(timeout=20)
    assert (event_type, told.TransactionUID) == (2, "1.2.9")
    assert told.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.3"
    assert told.FailedSOPSequence[0].FailureReason == 0x0112


def test_a_status_is_returned_as_it_was_answered() -> None:
    with scanner(status=0x0110) as (port, _):
        assert tell(us01(port), RESULT, never, LIMITS) == 0x0110


def test_one_that_does_not_take_results_is_named_with_what_to_do() -> None:
    with scanner(syntax=Verification) as (port, _), pytest.raises(AssociationFailed) as failed:
        tell(us01(port), RESULT, never, LIMITS)
    assert failed.value.layer is Layer.CONTEXT
    assert "Check the port" in failed.value.remedy


def test_a_program_that_ends_is_not_kept_waiting() -> None:
    done = threading.Event()

    def hang(caller: socket.socket) -> None:
        Callee(caller).associate().take()
        done.wait(20)

    with scripted(hang) as port:
        with pytest.raises(Stopping):
            tell(us01(port), RESULT, lambda: True, SendLimits(stop_seconds=0.1))
        done.set()


def eventually(fact: Callable[[], bool]) -> None:
    patience = threading.Event()
    for _ in range(2000):
        if fact():
            return
        patience.wait(0.01)
    raise AssertionError("it never came true")


def test_a_scanner_that_left_hears_it_after_a_restart_of_the_gateway(tmp_path: Path) -> None:
    port = free_port()
    with gateway(tmp_path / "data") as house:
        house.knows("US01", port)
        with Caller(house.port).associate(PROPOSAL) as caller:
            store(caller, "1.2.3")
            assert ask(caller, encoded(request("1.2.3"))).status == 0
            caller.release()
        eventually(lambda: any(one.problem for one in house.waiting))  # nobody listened
        house.database.write(lambda tx: tx.execute("UPDATE commitment SET next_attempt_at = asked_at"))
    with scanner(port) as (_, heard), gateway(tmp_path / "data") as again:
        event_type, told = heard.get(timeout=20)
        assert (event_type, told.TransactionUID) == (1, "1.2.9")
        eventually(lambda: again.waiting == [])
