"""The parts list of the box: the one place where the gateway's parts are made and joined."""

from __future__ import annotations

import os
import platform
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway.activation import Activator
from smartlink.gateway.catalogue import Catalogue, Describe, Description, Doorkeeper, Unreadable
from smartlink.gateway.dicom.acceptor import Acceptor
from smartlink.gateway.dicom.command import CommandField
from smartlink.gateway.dicom.header import HeaderUnreadable, attributes
from smartlink.gateway.dicom.negotiation import Policy
from smartlink.gateway.dicom.storage_scp import StorageSCP
from smartlink.gateway.dicom.verification_scp import VerificationSCP
from smartlink.gateway.errors import TryAgain
from smartlink.gateway.heartbeat import Machine, Pulse
from smartlink.gateway.intake import DiskSpace, Intake, Kept, read_disk
from smartlink.gateway.janitor import Janitor
from smartlink.gateway.loop import Clock, Loop
from smartlink.gateway.service import Parts, Receiver, Service, Standing
from smartlink.gateway.settings import Deployment, SmartLinkSettings
from smartlink.gateway.store.database import Database, RunLock, open_in
from smartlink.gateway.store.spool import Spool, SpoolDamaged
from smartlink.gateway.synchronisation import Synchronisation
from smartlink.gateway.uplink.http import Client, new_client
from smartlink.gateway.uplink.objects import ObjectClient
from smartlink.gateway.uplink.pace import Pace
from smartlink.gateway.uplink.works import Account, WorksClient
from smartlink.gateway.uploads import Uploads
from smartlink.link.assertion import load_private
from smartlink.standard.names import AETitle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


log = structlog.get_logger()

VERSION: Final = version("smartlink")

_QUICK: Final = 0.25
_STEADY: Final = 0.5
_SLOW: Final = 20.0


@contextmanager
def activator(deployment: Deployment, database: Database, now: Clock) -> Iterator[Activator]:
    """Yield what presents licence keys to Works."""
    host = f"{platform.system()} {platform.release()} {platform.machine()}"
    with new_client(proxy=deployment.proxy) as http:
        yield Activator(database, WorksClient(http, _nobody, now), deployment.credential, VERSION, host)


@contextmanager
def works_client(deployment: Deployment, database: Database, now: Clock) -> Iterator[WorksClient]:
    """Yield Works with this gateway's account, for a command beside the running service."""
    with new_client(proxy=deployment.proxy) as http:
        yield WorksClient(http, Accounts(deployment, Standing(database)), now)


def service(deployment: Deployment, now: Clock) -> Service:
    """Return a service ready to run. Raises StoreFailed when one runs on this data folder already."""
    deployment.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = RunLock(deployment.data / "run.lock")
    try:
        return _service(deployment, now, lock)
    except BaseException:
        lock.release()
        raise


@dataclass(frozen=True, slots=True)
class _Ground:
    """What most parts stand on."""

    deployment: Deployment
    now: Clock
    database: Database
    spool: Spool
    standing: Standing
    http: Client
    works: WorksClient
    objects: ObjectClient

    def revoked(self) -> None:
        """Works revoked the licence."""
        self.standing.revoked(self.now())

    def disk(self) -> DiskSpace:
        """Read the space of the data folder's volume."""
        return read_disk(self.deployment.data)


def _service(deployment: Deployment, now: Clock, lock: RunLock) -> Service:
    database = open_in(deployment.data)
    spool = Spool(deployment.data / "spool", deployment.data / "incomplete")
    standing = Standing(database)
    http = new_client(proxy=deployment.proxy)
    pace = Pace(lambda: standing.bytes_per_second(now()), now)
    works = WorksClient(http, Accounts(deployment, standing), now)
    ground = _Ground(deployment, now, database, spool, standing, http, works, ObjectClient(http, pace))
    catalogue = Catalogue(database, spool, describer(spool))
    doorkeeper = Doorkeeper(database)
    intake = Intake(
        spool, ground.disk, standing.reserve, catalogue.tell, now, ready=catalogue.ready, admit=doorkeeper.admit
    )
    uploads = _uploads(ground)
    loops: list[Loop] = []

    def release() -> None:
        http.close()
        database.close()
        lock.release()

    gateway = Service(
        Parts(
            database=database,
            standing=standing,
            catalogue=catalogue,
            doorkeeper=doorkeeper,
            uploads=uploads,
            loops=loops,
            open_receiver=lambda settings: receiver(deployment, settings, intake, catalogue, now),
            release=release,
            drain_seconds=deployment.drain_seconds,
            version=VERSION,
            pid=os.getpid(),
            ending=pace.end,
        ),
        now,
    )
    loops += _loops(ground, catalogue, uploads, gateway)
    return gateway


def _uploads(ground: _Ground) -> Uploads:
    return Uploads(
        ground.database,
        ground.spool,
        ground.works,
        ground.objects,
        ground.now,
        licensed=ground.standing.licensed,
        revoked=ground.revoked,
        interval=ground.standing.retry_works,
        lanes=ground.deployment.upload_lanes,
    )


def _loops(ground: _Ground, catalogue: Catalogue, uploads: Uploads, gateway: Service) -> list[Loop]:
    standing, now, died = ground.standing, ground.now, gateway.loop_died
    synchronisation = Synchronisation(ground.database, ground.works, licensed=standing.licensed, revoked=ground.revoked)
    pulse = Pulse(
        ground.database,
        ground.works,
        Machine(VERSION, ground.disk, standing.reserve, lambda: gateway.receiver_open),
        now(),
        licensed=standing.licensed,
        revoked=ground.revoked,
        configuration_changed=synchronisation.ask,
    )
    janitor = Janitor(ground.database, ground.spool, standing.retention)
    return [
        Loop("catalogue", catalogue.tick, now, died=died),
        Loop("uploads", uploads.tick, now, pause=_QUICK, died=died),
        Loop("synchronisation", synchronisation.tick, now, pause=_STEADY, died=died),
        Loop("heartbeat", pulse.tick, now, pause=_STEADY, died=died),
        Loop("janitor", janitor.tick, now, pause=_SLOW, died=died),
    ]


def receiver(
    deployment: Deployment, settings: SmartLinkSettings, intake: Intake, catalogue: Catalogue, now: Clock
) -> Receiver:
    """Return a receiver for these settings, not yet open."""
    callers = Callers(catalogue)
    return Acceptor(
        deployment.bind,
        settings.port,
        Policy(AETitle(settings.receiver_ae_title)),
        {
            CommandField.C_STORE_RQ: StorageSCP(intake, callers),
            CommandField.C_ECHO_RQ: VerificationSCP(callers),
        },
        callers,
        now,
    )


class Callers:
    """Tells the catalogue who called; rejections were logged where they were decided."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def seen(self, calling_ae_title: str, address: str, verified: bool) -> None:  # noqa: ARG002, FBT001  the acceptor's words
        """A peer asked for its first C-ECHO or C-STORE on an association."""
        self._catalogue.seen(calling_ae_title, address)

    def refused(self, calling_ae_title: str, address: str, reason: str) -> None:
        """A peer was turned away."""

    def syntaxes_refused(self, calling_ae_title: str, address: str, abstract_syntax_uids: Sequence[str]) -> None:
        """A peer also offered what we do not take: shown, so that a person can ask for it."""
        log.info("syntaxes_refused", calling_ae=calling_ae_title, address=address, uids=list(abstract_syntax_uids)[:20])


def describer(spool: Spool) -> Describe:
    """Return what reads the Attributes of a kept instance for the catalogue."""

    def describe(kept: Kept) -> Description:
        try:
            with spool.open(kept.name) as file:
                file.seek(kept.dataset_offset)
                header = attributes(file, kept.transfer_syntax_uid)
        except HeaderUnreadable as error:
            raise Unreadable(str(error)) from error
        except (OSError, SpoolDamaged) as error:
            raise Unreadable(f"The stored file cannot be read ({type(error).__name__}).") from error
        return Description(
            sop_class_uid=header.sop_class_uid or "",
            sop_instance_uid=header.sop_instance_uid or "",
            study_instance_uid=header.study_instance_uid or "",
            series_instance_uid=header.series_instance_uid or "",
            attributes=header.as_dicom_json(),
        )

    return describe


class Accounts:
    """The gateway's account, its key read from disk once for each activation."""

    def __init__(self, deployment: Deployment, standing: Standing) -> None:
        self._deployment = deployment
        self._standing = standing
        self._known: Account | None = None

    def __call__(self) -> Account:
        """Return the account, or raise TryAgain when there is none that can be used."""
        licence = self._standing.licence
        if licence.gateway_id is None or licence.works_url is None:
            raise TryAgain("There is no licence yet.")
        known = self._known
        if known is None or known.gateway_id != licence.gateway_id or known.works_url != licence.works_url:
            try:
                key = load_private(self._deployment.credential.read_bytes())
            except (OSError, ValueError) as error:
                raise TryAgain(
                    f"The credential cannot be read ({type(error).__name__}). Activate with the license key again."
                ) from error
            known = self._known = Account(licence.works_url, licence.gateway_id, key)
        return known


def _nobody() -> Account:
    raise TryAgain("There is no licence yet.")
