"""What the tests of the receive path share: a receiver with a spool in a folder, and what it was told."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from smartlink.gateway.dicom.acceptor import Acceptor, AcceptorLimits
from smartlink.gateway.dicom.admission import Gate, HouseRules
from smartlink.gateway.dicom.command import CommandField
from smartlink.gateway.dicom.negotiation import Policy
from smartlink.gateway.dicom.service import Service
from smartlink.gateway.dicom.storage_scp import StorageSCP
from smartlink.gateway.dicom.tls import ServerSide
from smartlink.gateway.dicom.verification_scp import VerificationSCP
from smartlink.gateway.intake import DiskSpace, Intake, Kept, StoreRequest
from smartlink.gateway.refusals import Refusal
from smartlink.gateway.store.spool import Spool
from smartlink.standard.names import AETitle
from smartlink.standard.sop_class import ULTRASOUND_IMAGE
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECEIVER = AETitle("SMARTLINKRCVR")

REQUEST = StoreRequest(
    sop_class_uid=ULTRASOUND_IMAGE,
    sop_instance_uid="1.2.3.4",
    transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN,
    calling_ae_title="US01",
    called_ae_title=str(RECEIVER),
    peer_address="10.0.0.7",
    local_address="10.0.0.1:5104",
)


@dataclass
class Register:
    """Notes who called."""

    calls: list[tuple[str, bool]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    syntaxes: list[str] = field(default_factory=list)

    def seen(self, calling_ae_title: str, address: str, verified: bool) -> None:  # noqa: ARG002, FBT001 - a Callers
        self.calls.append((calling_ae_title, verified))

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def syntaxes_refused(self, calling_ae_title: str, address: str, abstract_syntax_uids: Sequence[str]) -> None:  # noqa: ARG002 - a Callers
        self.syntaxes.extend(abstract_syntax_uids)


class House:
    """A spool in a folder, an intake on it, and a disk that a test may fill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "spool"
        self.spool = Spool(self.folder)
        self.kept: list[Kept] = []
        self.disk = DiskSpace(total=10**12, free=10**12)
        self.ready = True
        self.refuse: Exception | None = None
        self.callers = Register()
        self.intake = Intake(
            self.spool,
            lambda: self.disk,
            lambda: None,
            self.kept.append,
            lambda: NOON,
            ready=lambda: self.ready,
            admit=self.admit,
        )
        self.services: Mapping[int, Service] = {
            CommandField.C_STORE_RQ: StorageSCP(self.intake, self.callers),
            CommandField.C_ECHO_RQ: VerificationSCP(self.callers),
        }

    def admit(self, request: StoreRequest) -> None:  # noqa: ARG002 - a rule that looks at nothing
        if self.refuse is not None:
            raise self.refuse

    def wait_for_a_reception(self) -> None:
        """Wait until a file of the spool has bytes of a Data Set in it."""
        patience = threading.Event()
        for _ in range(2000):
            if any(path.stat().st_size for path in self.folder.glob("*/*")):
                return
            patience.wait(0.01)
        raise AssertionError("nothing arrives")

    def data_set_of(self, name: str) -> bytes:
        with self.spool.open(name) as file:
            file.seek(self.spool.read(name).dataset_offset)
            return file.read()

    @contextmanager
    def receiver(
        self,
        policy: Policy | None = None,
        limits: AcceptorLimits | None = None,
        port: int = 0,
        rules: HouseRules | None = None,
        security: ServerSide | None = None,
    ) -> Iterator[Acceptor]:
        acceptor = Acceptor(
            "127.0.0.1",
            port,
            policy or Policy(RECEIVER),
            self.services,
            self.callers,
            limits,
            None if rules is None else Gate(rules),
            security,
        )
        acceptor.start()
        try:
            yield acceptor
        finally:
            acceptor.close()
