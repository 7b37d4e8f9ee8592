"""The checks of this machine and of what lies on it: service, licence, disk, catalogue, queues (R104, R105)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import psutil

from smartlink.gateway.certificates import WARN_BEFORE, Pair, looked_at, pairs_in_use
from smartlink.gateway.delivery import State as Delivery
from smartlink.gateway.diagnostics import Check, Finding, failed, ok, skipped, warning
from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.forecast import HORIZON, forecast
from smartlink.gateway.intake import read_disk, reserve_of
from smartlink.gateway.log import LogKind, newest_path
from smartlink.gateway.platform.descriptors import limit_of
from smartlink.gateway.platform.sockets import acknowledges_quickly
from smartlink.gateway.platform.volume import Encryption, encryption
from smartlink.gateway.settings import administrator_settings
from smartlink.gateway.status import status_of
from smartlink.gateway.store import (
    configuration,
    connections,
    counters,
    deliveries,
    disk_samples,
    instances,
    orders,
    refusals,
    settings,
)
from smartlink.gateway.store.deliveries import WORKS
from smartlink.link.connections import Kind

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from smartlink.gateway.connections import Connection
    from smartlink.gateway.settings import Deployment, SmartLinkSettings
    from smartlink.gateway.store.database import Database
    from smartlink.gateway.store.spool import Spool

_GIB: Final = 1024**3
_LEAST_CORES: Final = 6
_LEAST_MEMORY: Final = 15 * _GIB
"""What a machine of 16 GB shows, less what its firmware keeps (R4)."""
_LEAST_DISK: Final = 500 * 10**9
_OLD: Final = timedelta(hours=1)
_SINCE_YESTERDAY: Final = timedelta(hours=24)
_NOT_ENTERED_YET: Final = timedelta(minutes=1)
_LAST_IMAGES: Final = 20_000
_AT_ONCE: Final = 1000
_LOG_TAIL: Final = 2 * 1024**2
_LEAST_DESCRIPTORS: Final = 1024
_FULL: Final = 0.8


@dataclass(frozen=True, slots=True)
class Here:
    """What these checks look at; they only read."""

    deployment: Deployment
    database: Database
    spool: Spool
    now: datetime
    encryption: Callable[[Path], Encryption] = encryption

    @property
    def status(self) -> dict[str, Any]:
        """What `smartlink status` tells."""
        return status_of(self.database, self.deployment.data, self.now)

    @property
    def settings(self) -> SmartLinkSettings:
        """The administrator's settings."""
        return administrator_settings(self.database.read(settings.all_values))

    def connections(self, kind: Kind) -> list[Connection]:
        """The connections of one kind."""
        return [one for one in self.database.read(connections.live) if one.kind is kind]


def checks(here: Here) -> list[Check]:
    """Return the table: one line for each check, and for each certificate and ultrasound system."""
    plain = (
        ("service", "The service runs", service),
        ("licence", "The license", licence),
        ("settings", "SmartLink Settings are saved", settings_saved),
        ("machine", "Processor and memory", machine),
        ("disk", "Free space of the disk", disk),
        ("encryption", "Encryption of the disk", encrypted),
        ("descriptors", "Files and sockets that may be open", descriptors),
        ("acknowledgement", "Immediate acknowledgement of what scanners send", acknowledgement),
        ("folders", "Files that SmartLink must read and write", folders),
        ("uploads", "Images on their way to Works", uploads),
        ("deliveries", "Images on their way to PACS servers", pacs_deliveries),
        ("unreadable", "Images that cannot be read", unreadable),
        ("refusals", "Callers that were turned away", turned_away),
        ("log", "Errors in the log of today", errors_in_log),
    )
    table = [Check(name, title, lambda look=look: look(here)) for name, title, look in plain]  # type: ignore[misc]
    table.append(Check("catalogue", "The catalogue is sound", lambda: catalogue(here), seconds=60.0))
    table.append(Check("spool", "Catalogue and spool agree", lambda: spool(here), seconds=60.0))
    return [*table, *_certificates(here), *_scanners(here)]


def service(here: Here) -> Finding:
    """The service, as it wrote of itself within the last half minute."""
    told = here.status["service"]
    if told["running"]:
        return ok(f"version {told['version']}, running since {_at(told['started_at'])}")
    return failed(
        "not running",
        "The service does not run on this data folder: nothing is received and nothing is sent.",
        "Start it: smartlink run, or the service of the system. If it ends again, look at the log of today.",
    )


def licence(here: Here) -> Finding:
    """The license of this gateway (R27)."""
    told = here.status["licence"]
    if told["state"] == "active":
        return ok(f"active for {told['facility']} ({told['organisation']})")
    cause = told.get("meaning") or "This gateway has not been activated."
    remedy = "The key is shown in Works when it is made: Administrator, Manage connections."
    return failed(str(told["state"]), str(cause), remedy)


def settings_saved(here: Here) -> Finding:
    """Whether anybody ever saved SmartLink Settings (R43)."""
    if here.database.read(settings.all_values):
        return ok(f"{here.settings.receiver_ae_title}, port {here.settings.port}")
    return warning(
        "defaults",
        "SmartLink Settings were never saved: no PACS and no worklist server can be added.",
        "Look them over and save them: smartlink settings receiver_ae_title=NAME port=5104",
    )


def machine(_here: Here) -> Finding:
    """The minimum of R4: processor cores and memory."""
    cores, memory = psutil.cpu_count() or 0, psutil.virtual_memory()
    value = f"{cores} cores, {memory.total / _GIB:.0f} GB of memory, {memory.percent:.0f} % in use"
    if sys.maxsize < 2**32:
        return failed(value, "This is a 32-bit system.", "Install SmartLink on a 64-bit system.")
    if cores < _LEAST_CORES or memory.total < _LEAST_MEMORY:
        cause = "This machine has less than the recommended 6 cores and 16 GB of memory."
        return warning(value, cause, "Nothing need be done while images arrive and leave fast enough.")
    return ok(value)


def disk(here: Here) -> Finding:
    """Free space, what is to be left of it, and when that is reached as the last week went."""
    space = read_disk(here.deployment.data)
    reserve = reserve_of(space, here.settings.disk_reserve_bytes)
    days = forecast(here.database.read(disk_samples.listing), space, reserve)
    value = f"{_size(space.free)} of {_size(space.total)} free, {_size(reserve)} of them kept back"
    if days is not None:
        value += f"; as the last week went, full in {days:.1f} days"
    remedy = "Free space on this volume, or move the data folder to a larger one; images leave once Works has them."
    if space.free < reserve:
        return failed(value, "New images are refused (A700) until there is more space.", remedy)
    if days is not None and days < HORIZON.days:
        return warning(value, "At this rate the disk is full in less than three days.", remedy)
    if space.free < 2 * reserve:
        return warning(value, "The space left is less than twice what is kept back.", remedy)
    if space.total < _LEAST_DISK:
        return warning(value, "The volume is smaller than the recommended 500 GB.", "Watch the free space.")
    return ok(value)


def encrypted(here: Here) -> Finding:
    """Whether patient images at rest are protected by the volume's encryption (LUKS, BitLocker)."""
    found = here.encryption(here.deployment.data)
    if found is Encryption.ENCRYPTED:
        return ok(found.value)
    if found is Encryption.UNKNOWN:
        return skipped("The system does not say; ask its administrator whether this volume is encrypted.")
    cause = "Images of patients lie unencrypted on this disk until Works has them and their retention is over."
    return warning(found.value, cause, "Encrypt the volume: BitLocker on Windows, LUKS on Linux.")


def descriptors(here: Here) -> Finding:
    """How many files and sockets the service has open, of how many."""
    told = here.status["service"]
    limit, used = limit_of(told["pid"] if told["running"] else os.getpid())
    if limit is None:
        return skipped("This system has no such limit, or does not tell it.")
    value = f"up to {limit}" if used is None or not told["running"] else f"{used} of {limit}"
    remedy = "Allow the service more open files: LimitNOFILE=65536 in its systemd unit, or ulimit -n."
    if used is not None and told["running"] and used > limit * _FULL:
        return failed(value, "The service has nearly as many files and sockets open as it may.", remedy)
    if limit < _LEAST_DESCRIPTORS:
        return warning(value, "That may be too few when many ultrasound systems send at once.", remedy)
    return ok(value)


def acknowledgement(_here: Here) -> Finding:
    """Without it, scanners that write a message in two pieces wait 40 ms for each image."""
    if acknowledges_quickly():
        return ok("available")
    cause = "This system does not allow it: images of some ultrasound systems arrive more slowly."
    return warning("not available", cause, "Nothing need be done if images arrive fast enough.")


def folders(here: Here) -> Finding:
    """Whether this account may write where it has to, and read the credential."""
    data = here.deployment.data
    wrong = [path for path in (data, data / "spool") if path.exists() and not os.access(path, os.W_OK | os.R_OK)]
    credential = here.deployment.credential
    if credential.exists() and not os.access(credential, os.R_OK):
        wrong.append(credential)
    if wrong:
        cause = f"This account may not use {', '.join(map(str, wrong))}."
        return failed("not allowed", cause, "Run smartlink as the account of the service, or give it the rights.")
    return ok(str(data))


def uploads(here: Here) -> Finding:
    """What waits on its way to Works, since when, and what needs a person."""
    counts = here.database.read(lambda tx: counters.deliveries(tx, WORKS))
    oldest = here.database.read(lambda tx: deliveries.oldest(tx, WORKS, Delivery.WAITING))
    waiting = counts[Delivery.WAITING] + counts[Delivery.SENDING]
    value = f"{waiting} waiting, {counts[Delivery.HELD]} held, {counts[Delivery.PARKED]} need attention"
    if oldest is not None:
        value += f"; the oldest came {_at(oldest)}"
    if counts[Delivery.PARKED]:
        cause = "Some images are not tried again by themselves."
        return failed(value, cause, "See why: smartlink queue --state parked; try again: smartlink retry --parked")
    if counts[Delivery.HELD]:
        cause = "Some images wait until their ultrasound system is added to Works."
        return warning(value, cause, "Look at the problem of the connection: smartlink connections")
    if oldest is not None and here.now - oldest > _OLD:
        cause = here.status["works"]["problem"] or "Uploads go on, but more comes than leaves."
        return warning(value, cause, "See the check of Works and of its storage. Nothing is lost meanwhile.")
    return ok(value)


def pacs_deliveries(here: Here) -> Finding:
    """What waits on its way to each PACS, and what Works' Outbox got of it."""
    sums = dict.fromkeys(Delivery, 0)
    for one in here.connections(Kind.PACS):
        for state, count in here.database.read(lambda tx, one=one: counters.deliveries(tx, str(one.id))).items():  # type: ignore[misc]
            sums[state] += count
    waiting = sums[Delivery.WAITING] + sums[Delivery.SENDING]
    missing = here.database.read(orders.missing).count
    value = (
        f"{waiting} waiting, {missing} to be fetched, {sums[Delivery.PARKED]} need attention,"
        f" {sums[Delivery.EXHAUSTED]} went to the Outbox"
    )
    if sums[Delivery.PARKED]:
        cause = "A PACS server does not take some images as they are."
        return failed(value, cause, "See why: smartlink queue --state parked")
    failing = [name for name, told in here.status["pacs"].items() if told["failing_since"] is not None and waiting]
    if failing:
        return warning(value, f"It fails at {', '.join(failing)}.", "See the check of that PACS server.")
    return ok(value)


def unreadable(here: Here) -> Finding:
    """Images that were acknowledged and cannot be described: they stay until a person decides."""
    count = here.database.read(counters.instances)["unreadable"]
    if not count:
        return ok("none")
    cause = "These images are damaged or are not what the ultrasound system said. They are kept and never uploaded."
    return warning(f"{count} images", cause, "Look at the exam on the ultrasound system and send it again.")


def turned_away(here: Here) -> Finding:
    """Who called in vain within the last day, and why."""
    listed = here.database.read(lambda tx: refusals.listing(tx, 20))
    recent = [one for one in listed if here.now - one.last_at < _SINCE_YESTERDAY]
    if not recent:
        return ok("nobody within the last 24 hours")
    first = recent[0]
    cause = f"{first.calling_ae_title or first.address}: {first.why}."
    remedy = "Correct the AE title or address on the ultrasound system, or the list of who may call. See all: "
    return warning(f"{len(recent)} callers within 24 hours", cause, f"{remedy}smartlink refusals")


def errors_in_log(here: Here) -> Finding:
    """How many errors the service wrote today, and which was the last."""
    path = newest_path(here.deployment.logs, LogKind.SERVICE, here.now.date())
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_TAIL))
            lines = file.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return ok("nothing was logged today")
    wrong = [told for line in lines if (told := _line(line)) and told.get("level") in {"error", "fatal"}]
    if not wrong:
        return ok("none")
    last = wrong[-1]
    cause = f"The last one: {last.get('message') or last.get('event')}, {str(last.get('time'))[11:19]} UTC."
    return warning(f"{len(wrong)} errors", cause, str(last.get("action") or f"Read them in {path}"))


def catalogue(here: Here) -> Finding:
    """Every page of the catalogue is what it should be."""
    try:
        here.database.check()
    except StoreFailed as error:
        return failed("damaged", str(error), "Stop the service, run smartlink repair, start the service.")
    counts = here.database.read(counters.instances)
    return ok(f"sound, {counts['kept']} images kept")


def spool(here: Here) -> Finding:
    """Every file is known to the catalogue, and every image that Works has not has its file."""
    before = (here.now - _NOT_ENTERED_YET).timestamp()
    unknown = files = 0
    for names in _chunks(here.spool.names()):
        files += len(names)
        strange = here.database.read(lambda tx, names=names: instances.unknown(tx, names))  # type: ignore[misc]
        unknown += sum(_older(here.spool.path(name), before) for name in strange)
    missing, after = 0, 0
    while rows := here.database.read(lambda tx, after=after: instances.owed_after(tx, after, _AT_ONCE)):  # type: ignore[misc]
        missing += sum(not here.spool.path(name).exists() for _, name in rows)
        after = rows[-1][0]
    value = f"{files} files"
    if missing:
        cause = f"The files of {missing} images that Works has not are gone."
        return failed(value, cause, "Restore the folder spool from a backup, or send the exams again.")
    if unknown:
        cause = f"{unknown} files are not in the catalogue."
        return warning(value, cause, "Restart the service, which takes them in; or stop it and run smartlink repair.")
    return ok(value)


def _certificates(here: Here) -> Iterator[Check]:
    def look(pair: Pair) -> Finding:
        found = looked_at(pair, here.now)
        if found.expires_at is None:
            return failed("not usable", found.problem or "", "Put a valid certificate and its key in the same files.")
        value = f"valid until {found.expires_at:%Y-%m-%d}"
        if found.expires_at - here.now <= WARN_BEFORE:
            cause = f"It expires in {(found.expires_at - here.now).days} days."
            return warning(value, cause, "Renew it in the same file: it is taken over by itself.")
        return ok(value)

    for pair in pairs_in_use(here.settings, here.database.read(connections.live)):
        yield Check("certificate", "The certificate shown", lambda pair=pair: look(pair), about=pair.shown_by)  # type: ignore[misc]


def _scanners(here: Here) -> Iterator[Check]:
    facility = here.database.read(configuration.find)

    def look(one: Connection) -> Finding:
        midnight = here.now.replace(hour=0, minute=0, second=0, microsecond=0)
        today = here.database.read(lambda tx: instances.since(tx, one.id, midnight, _LAST_IMAGES))
        heard = "never heard of" if one.last_seen_at is None else f"last heard of {_at(one.last_seen_at)}"
        value = f"{heard}, {today} images today (UTC)"
        if not one.is_in_works:
            cause = one.problem or "Works has not been told of it yet: its images are kept here."
            return warning(value, cause, "See the check of Works; its images go on by themselves afterwards.")
        if one.problem:
            return warning(value, one.problem, "Look at the connection: smartlink connections")
        if facility is not None and not set(one.specialty_ids) <= set(facility.specialties):
            return warning(
                value, "Its specialty is no longer one of Works.", "Choose another: smartlink connections edit"
            )
        return ok(value)

    for one in here.connections(Kind.ULTRASOUND):
        yield Check("ultrasound", "An ultrasound system", lambda one=one: look(one), about=str(one.ae_title))  # type: ignore[misc]


def _chunks(names: Iterator[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for name in names:
        chunk.append(name)
        if len(chunk) == _AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _older(path: Path, before: float) -> bool:
    """Whether a file is there and was not written just now."""
    try:
        return path.stat().st_mtime < before
    except OSError:
        return False


def _line(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _size(count: int) -> str:
    return f"{count / 10**9:.1f} GB"
