"""Enters what was kept into the catalogue, in groups, behind the answer; takes in at start what a crash left out.

The file is the truth and was on disk before Success; the row may come late or after a restart, and a repeat is
harmless. Unknown ultrasound systems register themselves here (R61-R63).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import structlog

from smartlink.gateway.connections import Approval, Connection, directly_to, may_store, new_ultrasound
from smartlink.gateway.delivery import State
from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.intake import StoreRefused, StoreRequest
from smartlink.gateway.messages import Message
from smartlink.gateway.retry import Outage
from smartlink.gateway.settings import administrator_settings
from smartlink.gateway.store import configuration, connections, deliveries, instances, settings
from smartlink.gateway.store.spool import Kept, Spool, SpoolDamaged
from smartlink.link.test_exam import AE_TITLE, is_test_exam
from smartlink.standard.names import UID, AETitle
from smartlink.standard.status import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from smartlink.gateway.loop import Clock
    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()

_MOST_IN_GROUP: Final = 256
_GAP_SECONDS: Final = 0.01
_FIRST_WAIT_SECONDS: Final = 0.5
_MOST_OWED: Final = 50_000
_SCANNED_AT_ONCE: Final = 500


class Unreadable(Exception):
    """The Data Set cannot be described; the text says why, free of patient data."""


@dataclass(frozen=True, slots=True)
class Description:
    """What the catalogue needs to know of a Data Set."""

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    attributes: dict[str, Any]


Describe = Callable[[Kept], Description]
"""Reads the Data Set's Attributes, or raises Unreadable."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A peer called, and perhaps only asked whether we are there."""

    calling_ae_title: str
    address: str


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What the scan at start found that the catalogue did not know."""

    taken_in: int
    set_aside: int


_News = Kept | Seen | threading.Event
"""What the catalogue is told, and marks between that are set once all before them is entered."""


class Catalogue:
    """The ledger of the intake and the register of callers. `tell` and `seen` never wait; `tick` does the writing."""

    def __init__(self, database: Database, spool: Spool, describe: Describe, clock: Clock | None = None) -> None:
        """`clock` dates what is entered, which a tick may wait for; without it the tick's own time does."""
        self._clock = clock
        self._database = database
        self._spool = spool
        self._describe = describe
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._callers: set[Seen] = set()
        self._owed: list[_News] = []
        self._outage = Outage(lambda: timedelta(minutes=5))
        self._lock = threading.Lock()

    def tell(self, kept: Kept) -> None:
        """Note that an instance is on disk for good. Never fails and never waits."""
        self._news.put(kept)

    def seen(self, calling_ae_title: str, address: str) -> None:
        """Note that a peer called; our own checks of the port are no peer. Never fails and never waits."""
        if calling_ae_title.strip() == AE_TITLE:
            return
        caller = Seen(calling_ae_title, address)
        with self._lock:
            if caller in self._callers:
                return
            self._callers.add(caller)
        self._news.put(caller)

    def caught_up(self, seconds: float) -> bool:
        """Wait until all that was told before is entered, and return whether that came to be in time."""
        mark = threading.Event()
        self._news.put(mark)
        return mark.wait(seconds)

    def ready(self) -> bool:
        """Whether new instances may be taken: the catalogue can be written and keeps up (message 13 otherwise)."""
        return not self._outage.is_on and self._news.qsize() < _MOST_OWED

    def tick(self, now: datetime) -> bool:
        """Enter the next group; True while there is more. Without news it waits for some, but only briefly."""
        if not self._owed:
            self._owed = self._gather()
        if not self._owed:
            return True
        try:
            self._enter(self._owed, now)
        except StoreFailed as error:
            # What is on disk keeps its Success; intake answers A700 until a later tick succeeds.
            if self._outage.should_be_told(now):
                log.fatal("catalogue_failed", **Message.NOT_STORED_LOCALLY.fields, why=str(error))
            return False
        if self._outage.is_on:
            log.info("catalogue_recovered")
        self._outage.is_over()
        self._owed = []
        return True

    def finish(self, now: datetime) -> bool:
        """Enter everything told so far, when nobody tells any more; False when the catalogue cannot be written."""
        while self._owed or not self._news.empty():
            if not self.tick(now):
                return False
        return True

    def record(self, batch: Sequence[Kept], now: datetime, callers: Collection[Seen] = ()) -> int:
        """Enter instances and callers in one transaction; return how many instances were new. Raises StoreFailed."""
        described = [(kept, *self._described(kept)) for kept in batch]

        def write(tx: Transaction) -> int:
            register = _Register(tx, now if self._clock is None else self._clock())
            for caller in callers:
                register.of(caller.calling_ae_title, caller.address, now, image=False)
            new = sum(_enter_one(tx, register, kept, description, why) for kept, description, why in described)
            register.note_seen()
            return new

        return self._database.write(write)

    def scan(self, now: datetime) -> ScanReport:
        """Take in the spool's files that the catalogue does not know; set aside those never acknowledged.

        To be called before the receiver opens, while no file is being written.
        """
        return self.take_in(self._spool.names(), now)

    def take_in(self, names: Iterable[str], now: datetime) -> ScanReport:
        """Like `scan`, for these files alone."""
        taken_in = set_aside = 0
        rest = iter(names)
        while chunk := list(islice(rest, _SCANNED_AT_ONCE)):
            unknown = self._database.read(lambda tx, chunk=chunk: instances.unknown(tx, chunk))  # type: ignore[misc]
            kept = [found for name in unknown if (found := self._checked(name)) is not None]
            set_aside += len(unknown) - len(kept)
            taken_in += self.record(kept, now) if kept else 0
        if taken_in or set_aside:
            log.info("spool_scanned", taken_in=taken_in, set_aside=set_aside)
        return ScanReport(taken_in, set_aside)

    def _gather(self) -> list[_News]:
        return list(islice(self._arriving(), _MOST_IN_GROUP))

    def _arriving(self) -> Iterator[_News]:
        """Yield news until a gap comes, so that one commit serves all that arrived closely together."""
        wait = _FIRST_WAIT_SECONDS
        while True:
            try:
                yield self._news.get(timeout=wait)
            except queue.Empty:
                return
            wait = _GAP_SECONDS

    def _enter(self, group: Sequence[_News], now: datetime) -> None:
        callers = {one for one in group if isinstance(one, Seen)}
        with self._lock:
            self._callers -= callers
        self.record([one for one in group if isinstance(one, Kept)], now, callers)
        for one in group:
            if isinstance(one, threading.Event):
                one.set()

    def _described(self, kept: Kept) -> tuple[Description | None, str | None]:
        """Return the description, or the reason why there is none."""
        try:
            description = self._describe(kept)
            _check_same(kept, description)
        except Unreadable as error:
            log.error("instance_unreadable", spool_name=kept.name, calling_ae=kept.calling_ae_title, why=str(error))
            return None, str(error)
        return description, None

    def _checked(self, name: str) -> Kept | None:
        try:
            return self._spool.check(name)
        except SpoolDamaged as error:
            self._spool.set_aside(name)
            log.error("incomplete_file_set_aside", spool_name=name, why=str(error))
            return None


class Doorkeeper:
    """Refuses images of peers that may not send them, and knows them by heart.

    That is a PACS or a worklist server of ours (R61), whoever was blocked, and whoever waits for approval and has
    sent as much as is held of it (R67).
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._barred: frozenset[str] = frozenset()
        self._blocked: frozenset[str] = frozenset()
        self._full: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Learn the connections anew."""
        known, stored = self._database.read(lambda tx: (connections.live(tx), settings.all_values(tx)))
        most = administrator_settings(stored).unapproved_bytes
        self._barred = frozenset(one.ae_title.folded for one in known if not may_store(one.kind))
        self._blocked = frozenset(one.ae_title.folded for one in known if one.approval is Approval.BLOCKED)
        self._full = frozenset(
            one.ae_title.folded for one in known if one.approval is Approval.WAITING and one.waiting_bytes >= most
        )

    def is_blocked(self, calling_ae_title: AETitle) -> bool:
        """Whether an administrator blocked this caller: it gets no Association."""
        return calling_ae_title.folded in self._blocked

    def admit(self, request: StoreRequest) -> None:
        """Raise StoreRefused for a peer that must not store here (0124), or not now (A700)."""
        caller = request.calling_ae_title.strip().casefold()
        if caller in self._blocked:  # while it was inside
            raise StoreRefused(Status.REFUSED_NOT_AUTHORIZED, "An administrator blocked this AE title.")
        if caller in self._full:
            raise StoreRefused(
                Status.OUT_OF_RESOURCES, "As much is held as may be until an administrator approves this AE title."
            )
        if caller in self._barred:
            log.error(
                "store_not_authorised",
                **Message.POSSIBLE_DUPLICATE_CONNECTION.fields,
                calling_ae=request.calling_ae_title,
                address=request.peer_address,
            )
            raise StoreRefused(
                Status.REFUSED_NOT_AUTHORIZED, "This AE title is a PACS or worklist connection; it may not send images."
            )


class _Register:
    """Finds or makes the connection of a caller, once per group."""

    def __init__(self, tx: Transaction, now: datetime) -> None:
        self._tx = tx
        self.now = now
        self._known: dict[str, Connection | None] = {}
        self._seen: dict[tuple[UUID, bool], tuple[str, datetime]] = {}
        self._archives: dict[UUID, list[Connection]] = {}

    def of(self, calling_ae_title: str, address: str, at: datetime, *, image: bool) -> Connection | None:
        """Return the connection, to be noted as seen; None for an AE title that cannot be one."""
        if calling_ae_title not in self._known:
            self._known[calling_ae_title] = self._found(calling_ae_title, address)
        connection = self._known[calling_ae_title]
        if connection is not None and may_store(connection.kind):
            self._seen[connection.id, image] = address, at
        return connection

    def note_seen(self) -> None:
        """Note who was seen, each once."""
        for (connection_id, image), (address, at) in self._seen.items():
            connections.seen(self._tx, connection_id, address, at, image=image)

    def archives_of(self, connection: Connection) -> list[Connection]:
        """Return the PACS to which its images go at once (R44)."""
        if connection.id not in self._archives:
            facility = configuration.find(self._tx)
            default = None if facility is None else facility.default_specialty_id
            self._archives[connection.id] = directly_to(connection, connections.live(self._tx), default)
        return self._archives[connection.id]

    def _found(self, calling_ae_title: str, address: str) -> Connection | None:
        try:
            ae_title = AETitle.parse(calling_ae_title)
        except ValueError:
            return None
        return connections.find_by_ae(self._tx, ae_title) or self._add(ae_title, address)

    def _add(self, ae_title: AETitle, address: str) -> Connection:
        facility = configuration.find(self._tx)
        default = None if facility is None else facility.default_specialty_id
        asked = administrator_settings(settings.all_values(self._tx)).approve_new_scanners
        approval = Approval.WAITING if asked else Approval.APPROVED
        connection = replace(new_ultrasound(uuid4(), ae_title, address, default), approval=approval)
        connections.add(self._tx, connection, self.now)
        told = {"ae_title": ae_title, "address": address, "connection_id": str(connection.id)}
        log.info("connection_registered", approval=approval.value, **told)
        return connection


def _enter_one(
    tx: Transaction, register: _Register, kept: Kept, description: Description | None, unreadable: str | None
) -> int:
    connection = register.of(kept.calling_ae_title, kept.peer_address, kept.kept_at, image=True)
    origin: UUID | None = None if connection is None else connection.id
    row = replace(_row(kept, origin, description, unreadable), entered_at=register.now)
    instance_id = instances.add(tx, row)
    if instance_id is None:
        return 0
    waits = connection is not None and connection.approval is Approval.WAITING
    if connection is not None and waits:
        connections.came_while_waiting(tx, connection.id, kept.dataset_length)
    if unreadable is None:
        free = connection is not None and connection.is_in_works
        state = State.WAITING if free else State.HELD
        deliveries.add(tx, instance_id, deliveries.WORKS, origin, state, kept.kept_at)
        state = State.HELD if waits else State.WAITING
        for archive in [] if connection is None or _is_test(description) else register.archives_of(connection):
            deliveries.add(tx, instance_id, str(archive.id), origin, state, kept.kept_at)
    return 1


def _is_test(description: Description | None) -> bool:
    """Whether this is of a synthetic exam, which goes to no PACS."""
    return description is not None and is_test_exam(description.study_instance_uid)


def _row(
    kept: Kept, connection_id: UUID | None, description: Description | None, unreadable: str | None
) -> instances.NewInstance:
    return instances.NewInstance(
        spool_name=kept.name,
        sop_class_uid=kept.sop_class_uid.rstrip("\0 "),
        sop_instance_uid=kept.sop_instance_uid.rstrip("\0 "),
        transfer_syntax_uid=kept.transfer_syntax_uid,
        study_instance_uid=None if description is None else description.study_instance_uid,
        series_instance_uid=None if description is None else description.series_instance_uid,
        connection_id=connection_id,
        calling_ae_title=kept.calling_ae_title,
        called_ae_title=kept.called_ae_title,
        peer_address=kept.peer_address,
        dataset_offset=kept.dataset_offset,
        dataset_length=kept.dataset_length,
        crc32=kept.crc32,
        attributes=None if description is None else description.attributes,
        unreadable=unreadable,
        kept_at=kept.kept_at,
    )


def _check_same(kept: Kept, description: Description) -> None:
    """Raise Unreadable unless the Data Set is what the command said it was."""
    if description.sop_instance_uid.rstrip("\0 ") != kept.sop_instance_uid.rstrip("\0 "):
        raise Unreadable("The SOP Instance UID in the Data Set is not the one of the C-STORE command.")
    if description.sop_class_uid.rstrip("\0 ") != kept.sop_class_uid.rstrip("\0 "):
        raise Unreadable("The SOP Class UID in the Data Set is not the one of the C-STORE command.")
    for uid, name in ((description.study_instance_uid, "Study"), (description.series_instance_uid, "Series")):
        try:
            UID.parse(uid)
        except ValueError:
            raise Unreadable(f"The {name} Instance UID is missing or not a UID.") from None
