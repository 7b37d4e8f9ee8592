"""A gateway as far as Storage Commitment needs one: port, spool, catalogue and the two loops, in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from smartlink.gateway.catalogue import Catalogue, Description
from smartlink.gateway.commitments import Commitments
from smartlink.gateway.dicom.acceptor import Acceptor
from smartlink.gateway.dicom.command import CommandField
from smartlink.gateway.dicom.commitment_report import tell
from smartlink.gateway.dicom.commitment_scp import StorageCommitmentSCP
from smartlink.gateway.dicom.negotiation import Policy
from smartlink.gateway.dicom.storage_scp import StorageSCP
from smartlink.gateway.dicom.verification_scp import VerificationSCP
from smartlink.gateway.intake import DiskSpace, Intake
from smartlink.gateway.loop import turn
from smartlink.gateway.store import commitments, connections
from smartlink.gateway.store.database import Database, open_in
from smartlink.gateway.store.spool import Kept, Spool
from tests.gateway.cast import RECEIVER, Register
from tests.gateway.store.examples import an_ultrasound


def now() -> datetime:
    return datetime.now(UTC)


def describe(kept: Kept) -> Description:
    return Description(kept.sop_class_uid, kept.sop_instance_uid, "1.2.4", "1.2.5", {})


@dataclass
class Gateway:
    """One that runs."""

    database: Database
    spool: Spool
    acceptor: Acceptor

    @property
    def port(self) -> int:
        return self.acceptor.port

    @property
    def waiting(self) -> list[commitments.Commitment]:
        return self.database.read(lambda tx: commitments.listing(tx, 100))

    def knows(self, ae_title: str, port: int) -> None:
        """A person entered where this scanner hears results; it is on this machine."""
        scanner = replace(an_ultrasound(self.database, ae_title), host="127.0.0.1", port=port)
        self.database.write(lambda tx: connections.edit(tx, scanner, now(), news=True))


@contextmanager
def gateway(folder: Path) -> Iterator[Gateway]:
    """Run one on a data folder; it begins where the last one on this folder ended."""
    spool = Spool(folder / "spool")
    with open_in(folder) as database, ExitStack() as running:
        catalogue = Catalogue(database, spool, describe)
        vouching = Commitments(database, spool, tell, now, caught_up=catalogue.caught_up)
        plenty = DiskSpace(10**12, 10**12)
        intake = Intake(spool, lambda: plenty, lambda: None, catalogue.tell, now, ready=catalogue.ready)
        callers = Register()
        acceptor = Acceptor(
            "127.0.0.1",
            0,
            Policy(RECEIVER),
            {
                CommandField.C_STORE_RQ: StorageSCP(intake, callers),
                CommandField.C_ECHO_RQ: VerificationSCP(callers),
                CommandField.N_ACTION_RQ: StorageCommitmentSCP(vouching, callers),
            },
            callers,
        )
        for tick, pause in ((catalogue.tick, 0.0), (vouching.tick, 0.1)):
            stop = threading.Event()
            thread = threading.Thread(target=turn, args=(tick, now, stop, pause))
            thread.start()
            running.callback(thread.join)
            running.callback(stop.set)
        acceptor.start()
        running.callback(acceptor.close)
        running.callback(vouching.end)
        yield Gateway(database, spool, acceptor)
