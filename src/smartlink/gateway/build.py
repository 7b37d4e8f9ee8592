"""The parts list of the box: the one place where the gateway's parts are made and joined."""

from __future__ import annotations

import os
import platform
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import structlog

from smartlink.gateway import repair as repairing
from smartlink.gateway import worklists
from smartlink.gateway.accounts import Accounts
from smartlink.gateway.activation import Activator
from smartlink.gateway.archive import Archive
from smartlink.gateway.attempt import Line, Rules
from smartlink.gateway.catalogue import Catalogue, Describe, Description, Doorkeeper, Unreadable
from smartlink.gateway.certificates import Watch, pairs_in_use
from smartlink.gateway.commands import CommandChannel
from smartlink.gateway.commitments import Commitments
from smartlink.gateway.connecting import peer_of
from smartlink.gateway.dicom.command import CommandField
from smartlink.gateway.dicom.commitment_report import tell
from smartlink.gateway.dicom.commitment_scp import StorageCommitmentSCP
from smartlink.gateway.dicom.header import HeaderUnreadable, attributes
from smartlink.gateway.dicom.ports import ports_of
from smartlink.gateway.dicom.requestor import never
from smartlink.gateway.dicom.service import Service as Answering
from smartlink.gateway.dicom.storage_scp import StorageSCP
from smartlink.gateway.dicom.storage_scu import store
from smartlink.gateway.dicom.verification_scp import VerificationSCP
from smartlink.gateway.dicom.verification_scu import echo
from smartlink.gateway.dicom.worklist_scu import find
from smartlink.gateway.downloads import Downloads
from smartlink.gateway.errors import CatalogueDamaged, Refused, StoreFailed, TryAgain
from smartlink.gateway.forecast import Gauge
from smartlink.gateway.heartbeat import Machine, Pulse
from smartlink.gateway.intake import DiskSpace, Intake, Kept, read_disk, reserve_of
from smartlink.gateway.janitor import Janitor
from smartlink.gateway.log_keeping import LogKeeper
from smartlink.gateway.loop import Clock, Loop
from smartlink.gateway.messages import Message
from smartlink.gateway.notices import Notices, Sources
from smartlink.gateway.notices import Rules as NoticeRules
from smartlink.gateway.reconciliation import Daily, Reconciliation
from smartlink.gateway.refusals import Refusal, Refusals
from smartlink.gateway.reports import Reports
from smartlink.gateway.service import Parts, Receiver, Service, Standing
from smartlink.gateway.settings import Deployment, SmartLinkSettings, administrator_settings
from smartlink.gateway.settling import Settling, play_back
from smartlink.gateway.store import connections
from smartlink.gateway.store import settings as settings_rows
from smartlink.gateway.store.database import Database, RunLock, open_in
from smartlink.gateway.store.journal import Journal
from smartlink.gateway.store.spool import Spool, SpoolDamaged
from smartlink.gateway.synchronisation import Synchronisation
from smartlink.gateway.syntaxes import Syntaxes
from smartlink.gateway.uplink.http import Client, new_client
from smartlink.gateway.uplink.objects import ObjectClient
from smartlink.gateway.uplink.pace import Pace
from smartlink.gateway.uplink.works import Account, WorksClient
from smartlink.gateway.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from smartlink.gateway.connections import Connection
    from smartlink.gateway.repair import Report


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


def reconciliation(
    deployment: Deployment, database: Database, works: WorksClient, stop: Callable[[], bool] = never
) -> Reconciliation:
    """Return what compares both ends, over this way to Works; no PACS is asked on once `stop` says so."""

    def held(pacs: Connection, series: Sequence[tuple[str, str]]) -> frozenset[str]:
        from smartlink.gateway.dicom.query_scu import held_by  # noqa: PLC0415  pynetdicom, which is wanted once a day

        sender = administrator_settings(database.read(settings_rows.all_values)).sender_ae_title
        return held_by(peer_of(pacs, sender), series, deployment.send_limits, stop)

    return Reconciliation(database, works, held)


def service(deployment: Deployment, now: Clock) -> Service:
    """Return a service ready to run. Raises StoreFailed when one runs on this data folder already."""
    deployment.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = RunLock(deployment.data / "run.lock")
    try:
        return _service(deployment, now, lock)
    except BaseException:
        lock.release()
        raise


def repair(deployment: Deployment, now: Clock, *, rebuild: bool = False) -> Report:
    """Repair the catalogue of a data folder. Raises Refused while the service runs, StoreFailed when it cannot be."""
    if not deployment.data.is_dir():
        raise Refused(f"There is no data folder {deployment.data}. Name the right one with --data.")
    try:
        lock = RunLock(deployment.data / "run.lock")
    except StoreFailed as error:
        raise Refused("SmartLink runs on this data folder. Stop it, then run `smartlink repair` again.") from error
    try:
        spool = Spool(deployment.data / "spool", deployment.data / "incomplete")
        fetched = Spool(deployment.data / "fetched", deployment.data / "incomplete")
        journal = Journal(deployment.data / "journal")
        return repairing.repair(deployment.data, spool, fetched, journal, describer(spool), now(), rebuild=rebuild)
    finally:
        lock.release()


def log_not_started(problem: Exception) -> None:
    """Say in the service's log why it does not start; a damaged catalogue is message 13."""
    told = Message.NOT_STORED_LOCALLY.fields if isinstance(problem, CatalogueDamaged) else {}
    log.fatal("service_not_started", **told, why=str(problem))


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
    fetched: Spool
    """What was fetched from Works for a PACS lies apart: Works has it, so nothing of it is ever taken in."""

    def revoked(self) -> None:
        """Works revoked the licence."""
        self.standing.revoked(self.now())

    def disk(self) -> DiskSpace:
        """Read the space of the data folder's volume."""
        return read_disk(self.deployment.data)

    def room(self) -> bool:
        """Whether the disk may take what is fetched: what scanners send goes first."""
        disk = self.disk()
        return disk.free >= reserve_of(disk, self.standing.reserve())

    def rules(self) -> Rules:
        """What is set for the way to the PACS."""
        settings = self.standing.settings
        return Rules(
            settings.sender_ae_title,
            timedelta(minutes=settings.retry_pacs_minutes),
            timedelta(days=settings.continue_retry_days),
        )

    def notice_rules(self) -> NoticeRules:
        """What is set for the notices of what fails."""
        standing = self.standing
        return NoticeRules(standing.settings.notify_hours, standing.retry_works(), self.rules().interval)


@dataclass(frozen=True, slots=True)
class _Carriers:
    """What has transfers under way."""

    uploads: Uploads
    downloads: Downloads
    archive: Archive
    worklists: worklists.Worklists

    def close(self) -> None:
        """Wait for the transfers under way."""
        for one in (self.uploads, self.downloads, self.archive, self.worklists):
            one.close()


def _service(deployment: Deployment, now: Clock, lock: RunLock) -> Service:
    database = _checked(deployment)
    journal = Journal(deployment.data / "journal")
    spool = Spool(deployment.data / "spool", deployment.data / "incomplete", journal)
    settling = Settling(journal, spool)
    standing = Standing(database)
    http = new_client(proxy=deployment.proxy)
    pace = Pace(lambda: standing.bytes_per_second(now()), now)
    works = WorksClient(http, Accounts(deployment, standing), now, standing.retry_works)
    fetched = Spool(deployment.data / "fetched", deployment.data / "incomplete")
    ground = _Ground(deployment, now, database, spool, standing, http, works, ObjectClient(http, pace), fetched)
    catalogue = Catalogue(database, spool, describer(spool), now)
    doorkeeper = Doorkeeper(database)
    refusals = Refusals(database, now)
    syntaxes = Syntaxes(database, now)
    intake = _intake(ground, settling, catalogue, doorkeeper)
    commitments = Commitments(database, spool, tell, now, caught_up=_both(settling.caught_up, catalogue.caught_up))
    door = _Door(intake, catalogue, doorkeeper, refusals, syntaxes, commitments)
    carriers = _Carriers(_uploads(ground), _downloads(ground), _archive(ground), _worklists(ground))
    loops: list[Loop] = []
    stop = threading.Event()

    def end() -> None:
        stop.set()
        pace.end()
        carriers.archive.end()
        carriers.worklists.end()
        commitments.end()

    def release() -> None:
        http.close()
        database.close()
        lock.release()

    gateway = Service(
        Parts(
            database=database,
            standing=standing,
            play_back=lambda: play_back(journal, spool, database),
            settling=settling,
            catalogue=catalogue,
            doorkeeper=doorkeeper,
            uploads=carriers,
            loops=loops,
            open_receiver=lambda settings: receiver(deployment, settings, door),
            release=release,
            drain_seconds=deployment.drain_seconds,
            version=VERSION,
            pid=os.getpid(),
            ending=end,
        ),
        now,
    )
    loops += _loops(ground, catalogue, carriers, gateway, stop.is_set)
    loops += _loops_of_the_house(ground, settling, door, gateway.loop_died)
    return gateway


def _loops_of_the_house(ground: _Ground, settling: Settling, door: _Door, died: Callable[[str], None]) -> list[Loop]:
    """What happens at the door and on the machine, with no destination."""
    deployment, database, now = ground.deployment, ground.database, ground.now
    watch = Watch(lambda: pairs_in_use(ground.standing.settings, database.read(connections.live)))
    return [
        Loop("files", settling.tick, now, died=died),
        Loop("journal", settling.recycle, now, died=died),
        Loop("refusals", door.refusals.tick, now, pause=_STEADY, died=died),
        Loop("syntaxes", door.syntaxes.tick, now, pause=_STEADY, died=died),
        Loop("commitments", door.commitments.tick, now, pause=_STEADY, died=died),
        Loop("certificates", watch.tick, now, pause=_SLOW, died=died),
        Loop("logs", LogKeeper(deployment.logs, deployment.log_days).tick, now, pause=_SLOW, died=died),
        Loop("disk", Gauge(database, ground.disk).tick, now, pause=_SLOW, died=died),
    ]


def _both(first: Callable[[float], bool], second: Callable[[float], bool]) -> Callable[[float], bool]:
    """One after the other: what the second waits for comes from the first."""
    return lambda seconds: first(seconds) and second(seconds)


def _intake(ground: _Ground, settling: Settling, catalogue: Catalogue, doorkeeper: Doorkeeper) -> Intake:
    return Intake(
        ground.spool,
        ground.disk,
        ground.standing.reserve,
        catalogue.tell,
        ground.now,
        ready=lambda: settling.ready() and catalogue.ready(),
        admit=doorkeeper.admit,
        largest_instance=ground.standing.largest_instance,
    )


def _checked(deployment: Deployment) -> Database:
    """Open the catalogue, and begin nothing on a damaged one: it would fail at some image or other."""
    database = open_in(deployment.data)
    try:
        database.check()
    except BaseException:
        database.close()
        raise
    return database


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


def _downloads(ground: _Ground) -> Downloads:
    return Downloads(
        ground.database,
        ground.fetched,
        ground.works,
        ground.objects,
        ground.now,
        licensed=ground.standing.licensed,
        revoked=ground.revoked,
        interval=ground.standing.retry_works,
        room=ground.room,
    )


def _archive(ground: _Ground) -> Archive:
    return Archive(
        ground.database,
        lambda instance: ground.fetched if instance.from_works else ground.spool,
        Line(store, echo),
        ground.now,
        licensed=ground.standing.licensed,
        rules=ground.rules,
        limits=ground.deployment.send_limits,
        lanes=ground.deployment.pacs_lanes,
    )


def _worklists(ground: _Ground) -> worklists.Worklists:
    return worklists.Worklists(
        ground.database,
        ground.works,
        find,
        ground.now,
        licensed=ground.standing.licensed,
        revoked=ground.revoked,
        rules=lambda: worklists.rules_of(ground.standing.settings),
        limits=ground.deployment.send_limits,
    )


def _loops(
    ground: _Ground, catalogue: Catalogue, carriers: _Carriers, gateway: Service, stop: Callable[[], bool]
) -> list[Loop]:
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
    channel = CommandChannel(
        ground.database,
        ground.works,
        licensed=standing.licensed,
        revoked=ground.revoked,
        synchronise=synchronisation.ask,
        refresh_worklists=carriers.worklists.ask,
    )
    reports = Reports(ground.database, ground.works, licensed=standing.licensed, revoked=ground.revoked)
    notices = Notices(
        ground.database,
        ground.works,
        Sources(uploads=lambda: carriers.uploads.failing, downloads=lambda: carriers.downloads.failing),
        licensed=standing.licensed,
        revoked=ground.revoked,
        rules=ground.notice_rules,
    )
    daily = Daily(
        reconciliation(ground.deployment, ground.database, ground.works, stop),
        licensed=standing.licensed,
        revoked=ground.revoked,
    )
    janitor = Janitor(ground.database, ground.spool, ground.fetched, standing.retention)
    return [
        Loop("catalogue", catalogue.tick, now, died=died),
        Loop("uploads", carriers.uploads.tick, now, pause=_QUICK, died=died),
        Loop("commands", channel.tick, now, pause=_QUICK, died=died),
        Loop("downloads", carriers.downloads.tick, now, pause=_QUICK, died=died),
        Loop("archive", carriers.archive.tick, now, pause=_QUICK, died=died),
        Loop("worklists", carriers.worklists.tick, now, pause=_QUICK, died=died),
        Loop("reports", reports.tick, now, pause=_STEADY, died=died),
        Loop("synchronisation", synchronisation.tick, now, pause=_STEADY, died=died),
        Loop("heartbeat", pulse.tick, now, pause=_STEADY, died=died),
        Loop("notices", notices.tick, now, pause=_STEADY, died=died),
        Loop("janitor", janitor.tick, now, pause=_SLOW, died=died),
        Loop("reconciliation", daily.tick, now, pause=_SLOW, died=died),
    ]


@dataclass(frozen=True, slots=True)
class _Door:
    """What every receiver stands before, whatever its settings."""

    intake: Intake
    catalogue: Catalogue
    doorkeeper: Doorkeeper
    refusals: Refusals
    syntaxes: Syntaxes
    commitments: Commitments


def receiver(deployment: Deployment, settings: SmartLinkSettings, door: _Door) -> Receiver:
    """Return a receiver for these settings, not yet open."""
    callers = Callers(door.catalogue, door.refusals, door.syntaxes)
    services: dict[int, Answering] = {
        CommandField.C_STORE_RQ: StorageSCP(door.intake, callers),
        CommandField.C_ECHO_RQ: VerificationSCP(callers),
        CommandField.N_ACTION_RQ: StorageCommitmentSCP(door.commitments, callers),
    }
    return ports_of(deployment.bind, settings, services, callers, door.doorkeeper.is_blocked)


class Callers:
    """Tells the catalogue who called, and notes who was turned away."""

    def __init__(self, catalogue: Catalogue, refusals: Refusals, syntaxes: Syntaxes) -> None:
        self._catalogue = catalogue
        self._refusals = refusals
        self._syntaxes = syntaxes

    def seen(self, calling_ae_title: str, address: str, verified: bool) -> None:  # noqa: ARG002, FBT001  the acceptor's words
        """A peer asked for its first C-ECHO or C-STORE on an association."""
        self._catalogue.seen(calling_ae_title, address)

    def refused(self, refusal: Refusal) -> None:
        """A peer was turned away: counted and logged."""
        self._refusals.note(refusal)

    def syntaxes_refused(self, calling_ae_title: str, address: str, abstract_syntax_uids: Sequence[str]) -> None:
        """A peer also offered what we do not take: counted and shown, so that a person can allow it."""
        self._syntaxes.note(calling_ae_title, address, abstract_syntax_uids)


def describer(spool: Spool) -> Describe:
    """Return what reads the Attributes of a kept instance for the catalogue."""

    def describe(kept: Kept) -> Description:
        try:
            with spool.path(kept.name).open("rb", 0) as file:
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


def _nobody() -> Account:
    raise TryAgain("There is no licence yet.")
