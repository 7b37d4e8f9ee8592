"""The way in: an instance is kept, on disk for good and known to the ledger, or refused with a Status and a reason.

Before the answer only what the command says is judged; the Data Set goes to the spool as it comes.
Everything that happens to the instance later happens behind the answer.
"""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from smartlink.gateway.store.spool import Kept, Provenance, Spool, SpoolFile
from smartlink.standard.names import UID
from smartlink.standard.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["DiskSpace", "Intake", "Kept", "Reception", "StoreRefused", "StoreRequest", "admit_everyone", "read_disk"]

GIB: Final = 1024**3
DEFAULT_LARGEST_INSTANCE: Final = 16 * GIB
_LEAST_RESERVE: Final = 5 * 1000**3
_RESERVE_SHARE: Final = 20
_CHECK_EVERY: Final = 64 * 1024**2
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """One reading of the spool's volume, in bytes."""

    total: int
    free: int


@dataclass(frozen=True, slots=True)
class StoreRequest:
    """What a C-STORE request and its Association say; the two UIDs of the command as sent, not yet judged."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    called_ae_title: str
    peer_address: str
    local_address: str


class StoreRefused(Exception):
    """The instance is not kept. `status` goes to the peer, `reason` to the log and the peer: no patient data."""

    def __init__(self, status: Status, reason: str) -> None:
        """Refuse with one Status and one plain sentence."""
        super().__init__(reason)
        self.status = status
        self.reason = reason


def read_disk(folder: Path) -> DiskSpace:
    """Return the space of the volume that holds `folder`, as this account may use it."""
    usage = shutil.disk_usage(folder)
    return DiskSpace(total=usage.total, free=usage.free)


def reserve_of(disk: DiskSpace, wished: int | None) -> int:
    """Return the bytes to be left free: as wished, or else the larger of 5 GB and 5 % of the volume."""
    return max(_LEAST_RESERVE, disk.total // _RESERVE_SHARE) if wished is None else wished


def admit_everyone(_request: StoreRequest) -> None:
    """Refuse nobody; the rule where none is given."""


class Intake:
    """Keeps instances for as many threads as like to; each Reception belongs to one."""

    def __init__(
        self,
        spool: Spool,
        disk: Callable[[], DiskSpace],
        reserve: Callable[[], int | None],
        ledger: Callable[[Kept], None],
        clock: Callable[[], datetime],
        *,
        ready: Callable[[], bool] = lambda: True,
        admit: Callable[[StoreRequest], None] = admit_everyone,
        largest_instance: Callable[[], int] = lambda: DEFAULT_LARGEST_INSTANCE,
    ) -> None:
        """Take the spool, a reading of the disk, the reserve (None: the default) and who is told of what was kept.

        `ledger` is told once the file is there. It must not fail: what is on disk keeps its Success, and a start-up
        scan tells the catalogue.
        `ready` says whether the catalogue can be written; while it cannot, new instances get A700.
        `admit` may raise StoreRefused for a sender that may not store here.
        """
        self._spool = spool
        self._disk = disk
        self._reserve = reserve
        self._ledger = ledger
        self._clock = clock
        self._ready = ready
        self._admit = admit
        self._largest = largest_instance

    def begin(self, request: StoreRequest) -> Reception:
        """Open the file for one instance, or raise StoreRefused before anything is written."""
        if not self._ready():
            raise StoreRefused(Status.OUT_OF_RESOURCES, "The catalogue cannot be written.")
        _check_uids(request)
        self._admit(request)
        self.check_disk()
        provenance = Provenance(
            sop_class_uid=request.sop_class_uid,
            sop_instance_uid=request.sop_instance_uid,
            transfer_syntax_uid=request.transfer_syntax_uid,
            calling_ae_title=request.calling_ae_title,
            called_ae_title=request.called_ae_title,
            peer_address=request.peer_address,
            local_address=request.local_address,
        )
        try:
            return Reception(self, self._spool.create(provenance), self._largest())
        except OSError as problem:
            raise _refusal_of(problem) from problem

    def check_disk(self) -> None:
        """Raise StoreRefused (A700) when the volume's free space is under the reserve."""
        try:
            disk = self._disk()
        except OSError as problem:
            raise _refusal_of(problem) from problem
        if disk.free < reserve_of(disk, self._reserve()):
            raise StoreRefused(Status.OUT_OF_RESOURCES, "Free disk space is below the reserve.")

    def commit(self, file: SpoolFile) -> Kept:
        """Make a file last; the ledger is told when it is there. StoreRefused when the disk says no."""
        try:
            return file.commit(self._clock(), self._ledger)
        except OSError as problem:
            raise _refusal_of(problem) from problem


class Reception:
    """One instance on its way in: `write` its bytes, then `finish` or `abandon`. A refusal abandons by itself."""

    def __init__(self, intake: Intake, file: SpoolFile, largest: int) -> None:
        """Be made by `Intake.begin`."""
        self._intake = intake
        self._file = file
        self._largest = largest
        self._next_check = _CHECK_EVERY

    def write(self, fragment: memoryview) -> None:
        """Append the Data Set's next bytes, unchanged and unbuffered; StoreRefused when they cannot be kept."""
        length = self._file.length + len(fragment)
        try:
            if length > self._largest:
                raise StoreRefused(Status.OUT_OF_RESOURCES, "The instance is larger than the limit.")
            if length > self._next_check:
                self._next_check += _CHECK_EVERY
                self._intake.check_disk()
            self._file.write(fragment)
        except StoreRefused:
            self.abandon()
            raise
        except OSError as problem:
            self.abandon()
            raise _refusal_of(problem) from problem

    def finish(self) -> Kept:
        """Return the instance, its file and name flushed and the ledger told; StoreRefused when it is not kept."""
        if not self._file.length:
            self.abandon()
            raise StoreRefused(Status.CANNOT_UNDERSTAND, "The Data Set is empty.")
        try:
            return self._intake.commit(self._file)
        except StoreRefused:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Leave nothing of the instance behind: its sender went away, or it was refused."""
        self._file.discard()


def _check_uids(request: StoreRequest) -> None:
    for uid, status, what in (
        (request.sop_class_uid, Status.REFUSED_SOP_CLASS_NOT_SUPPORTED, "Affected SOP Class UID"),
        (request.sop_instance_uid, Status.INVALID_SOP_INSTANCE, "Affected SOP Instance UID"),
    ):
        try:
            UID.parse(uid)
        except ValueError:
            raise StoreRefused(status, f"The {what} is not a valid UID.") from None


def _refusal_of(problem: OSError) -> StoreRefused:
    if problem.errno in _DISK_FULL:
        return StoreRefused(Status.OUT_OF_RESOURCES, "The disk is full.")
    return StoreRefused(
        Status.OUT_OF_RESOURCES, f"The disk refuses: {errno.errorcode.get(problem.errno or 0, 'error')}."
    )
