"""Fetches what Works ordered for a PACS into a spool of its own, and checks every byte of it (F6).

What is here already is not fetched: bytes that the PACS has, that are on their way there, or that a scanner sent and
that still lie in the spool. A crash leaves at most a file that nobody knows; it is removed at the next start.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from smartlink.gateway.delivery import State
from smartlink.gateway.errors import GiveUp, LicenceRevoked, Stopping, TryAgain
from smartlink.gateway.messages import Message
from smartlink.gateway.retry import latest_attempt, next_attempt
from smartlink.gateway.store import connections, deliveries, instances, orders
from smartlink.gateway.store.orders import Item
from smartlink.gateway.store.spool import Kept, Provenance, Spool, SpoolFile
from smartlink.gateway.way_to_works import WayToWorks
from smartlink.link.deliveries import ItemState
from smartlink.link.downloads import Downloads as Answers
from smartlink.link.downloads import DownloadsRequest, DownloadTicket, NotWanted
from smartlink.link.sentences import Sentence

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from smartlink.gateway.loop import Clock
    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()

MOST_AT_ONCE: Final = 16
MOST_FAULTS: Final = 3
_A_MOMENT: Final = timedelta(seconds=1)
_REMEDY: Final = Sentence.SEND_THE_EXAM_AGAIN.of()
_GONE: Final = Sentence.CONNECTION_DELETED.of()
_FULL: Final = Sentence.DISK_FULL.of()


class Got(Enum):
    """How a GET ended well, or in a way that only a new ticket mends."""

    ALL = auto()
    TICKET_EXPIRED = auto()


class Works(Protocol):
    """Works, as far as downloads need it. Each may raise TryAgain, GiveUp or LicenceRevoked."""

    def health(self) -> None:
        """Return if Works is well."""

    def downloads(self, request: DownloadsRequest) -> Answers:
        """Ask for tickets."""


class Objects(Protocol):
    """Object storage. May raise TryAgain."""

    def get(self, ticket: DownloadTicket, take: Callable[[memoryview], None]) -> Got:
        """Get one object, and pass its bytes on as they come."""


class NotAsOrdered(Exception):
    """What came is not what was ordered. The text says in what way, and nothing of the content."""


class Arrival:
    """One object on its way into the spool: its Data Set is kept, the File Meta Information becomes ours."""

    def __init__(self, spool: Spool, item: Item) -> None:
        self._spool = spool
        self._item = item
        self._whole = hashlib.sha256()
        self._dataset = hashlib.sha256()
        self._head = bytearray()
        self._size = 0
        self._file: SpoolFile | None = None

    def take(self, piece: memoryview) -> None:
        """Take the next bytes. Raises NotAsOrdered, or OSError when the disk says no."""
        self._whole.update(piece)
        self._size += len(piece)
        if self._size > self._item.size:
            raise NotAsOrdered("It is longer than ordered.")
        if self._file is not None:
            self._keep(piece)
            return
        self._head += piece
        begins = where_data_set_begins(self._head)
        if begins is not None and len(self._head) > begins:
            self._file = self._spool.create(_provenance(self._item))
            self._keep(memoryview(bytes(self._head[begins:])))
            self._head.clear()

    def finish(self, now: datetime) -> Kept:
        """Return the file, on disk for good and byte for byte as ordered, or raise NotAsOrdered.

        Raises TryAgain when the bytes ended early.
        """
        if self._file is None or self._size != self._item.size:
            raise TryAgain("Only a part of the file came.")
        if self._whole.hexdigest() != self._item.object_sha256:
            raise NotAsOrdered("The digest of its bytes is another one.")
        if self._dataset.hexdigest() != self._item.dataset_sha256:
            raise NotAsOrdered("The digest of its Data Set is another one.")
        kept = self._file.commit(now)
        self._file = None
        return kept

    def abandon(self) -> None:
        """Leave nothing behind, unless it is finished."""
        if self._file is not None:
            self._file.discard()
            self._file = None

    def _keep(self, piece: memoryview) -> None:
        assert self._file is not None  # noqa: S101  both callers have made it
        self._dataset.update(piece)
        self._file.write(piece)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one item's GET."""

    item: Item
    kept: Kept | None = None
    error: TryAgain | NotAsOrdered | None = None


class Downloads:
    """The loop's tick. One object, one thread; the GETs of a batch share a few lanes."""

    def __init__(  # noqa: PLR0913  the parts list of the way in from Works; build gives each once
        self,
        database: Database,
        spool: Spool,
        works: Works,
        objects: Objects,
        now: Clock,
        *,
        licensed: Callable[[], bool],
        revoked: Callable[[], None],
        interval: Callable[[], timedelta],
        room: Callable[[], bool] = lambda: True,
        lanes: int = 3,
        luck: Callable[[], float] = random.random,
    ) -> None:
        """Take the spool of fetched files; `room` says whether the disk may take more, `interval` is R107's."""
        self._database = database
        self._spool = spool
        self._works = works
        self._objects = objects
        self._now = now
        self._licensed = licensed
        self._revoked = revoked
        self._interval = interval
        self._room = room
        self._luck = luck
        self._followed: timedelta | None = None
        self._scanned = False
        self._way = WayToWorks(works.health, now, interval, _tell)
        self._lanes = ThreadPoolExecutor(max_workers=lanes, thread_name_prefix="download")

    @property
    def failing(self) -> tuple[datetime, str] | None:
        """Since when nothing can be fetched, and why; None when all is well."""
        return self._way.failing

    def scan(self) -> int:
        """Remove files that a crash left behind and nobody knows: Works has them. For the start, before any comes."""
        names = list(self._spool.names())
        unknown = self._database.read(lambda tx: instances.unknown(tx, names)) if names else []
        for name in unknown:
            self._spool.remove(name)
        if unknown:
            log.info("fetched_files_removed", count=len(unknown))
        return len(unknown)

    def tick(self, now: datetime) -> bool:
        """Fetch one batch; True when there may be more."""
        if not self._scanned:
            self._scanned = True
            self.scan()
        self._follow_interval(now)
        if not self._licensed() or not self._database.read(lambda tx: orders.is_any_wanted(tx, now)):
            return False
        try:
            if not self._way.is_open(now):
                return False
            self._fetch(self._without_need(now))
        except LicenceRevoked:
            self._revoked()
            return False
        except Stopping:
            return False
        except TryAgain as error:
            self._way.failed(str(error))
            return False
        return True

    def close(self) -> None:
        """Wait for the GETs under way."""
        self._lanes.shutdown()

    def _follow_interval(self, now: datetime) -> None:
        """A shorter interval holds for what waits already (R111)."""
        interval = self._interval()
        if interval == self._followed:
            return
        latest = latest_attempt(now, interval)
        self._database.write(lambda tx: orders.hurry(tx, latest))
        self._followed = interval

    # -- what need not be fetched

    def _without_need(self, now: datetime) -> list[Item]:
        """Return the next items that have to be fetched; settle those whose bytes are here."""
        limit = self._way.limit(MOST_AT_ONCE)

        def write(tx: Transaction) -> list[Item]:
            return [item for item in orders.wanted(tx, now, limit) if not self._settled(tx, item, now)]

        return _without_repeats(self._database.write(write))

    def _settled(self, tx: Transaction, item: Item, now: datetime) -> bool:
        if not _is_live(tx, item.destination):
            orders.end(tx, item.id, ItemState.EXHAUSTED, now, _GONE)
            return True
        if orders.settle(tx, item, now):
            return True
        here = instances.copy(
            tx, item.sop_instance_uid, item.dataset_sha256, item.transfer_syntax_uid, item.destination
        )
        if here is None:
            return False
        return _enter_delivery(tx, item, here, now)

    # -- fetching: tickets, bytes, rows

    def _fetch(self, items: Sequence[Item], *, renewed: bool = False) -> None:
        """Fetch a batch. Raises TryAgain for Works or object storage; a single fault stays single."""
        if not items:
            return
        if not self._room():
            raise TryAgain(_FULL)
        tickets = self._tickets(items)
        outcomes = list(self._lanes.map(lambda pair: self._get(*pair), tickets))
        self._book(outcomes)
        expired = [one.item for one in outcomes if one.kept is None and one.error is None]
        if expired and renewed:
            raise TryAgain("Object storage does not take the tickets of Works.", status=403)
        if expired:
            self._fetch(expired, renewed=True)
        elif tickets:
            self._source_is_well()

    def _book(self, outcomes: Sequence[_Outcome]) -> None:
        """Enter what came, then raise what met a failing source."""
        for one in outcomes:
            if one.kept is not None:
                self._enter(one.item, one.kept)
            elif isinstance(one.error, NotAsOrdered):
                self._not_as_ordered(one.item, one.error)
        failed = [(one.item, one.error) for one in outcomes if isinstance(one.error, TryAgain)]
        for item, error in failed:
            if not isinstance(error, Stopping):
                self._stand_back(item, error)
        for _, error in failed:
            raise error

    def _tickets(self, items: Sequence[Item]) -> list[tuple[Item, DownloadTicket]]:
        try:
            answers = self._works.downloads(DownloadsRequest(item_ids=tuple(item.id for item in items))).answers
        except GiveUp as error:
            raise TryAgain(str(error)) from error
        except TryAgain as error:
            log.error("tickets_not_given", **Message.NO_DOWNLOAD_URL.fields, why=str(error))
            raise
        by_id = {answer.item_id: answer for answer in answers}
        if missing := [item for item in items if item.id not in by_id]:
            raise TryAgain(f"Works did not answer for {len(missing)} of the ordered images.")
        for item in items:
            answer = by_id[item.id]
            if isinstance(answer, NotWanted):
                self._end(item.id, ItemState.CANCELLED, answer.detail[:500])
        return [(item, answer) for item in items if isinstance(answer := by_id[item.id], DownloadTicket)]

    def _get(self, item: Item, ticket: DownloadTicket) -> _Outcome:
        """Fetch one file; a failure is returned, so that the others of the batch go on."""
        arrival = Arrival(self._spool, item)
        try:
            if (ticket.size, ticket.object_sha256) != (item.size, item.object_sha256):
                raise NotAsOrdered("Its ticket is for other bytes.")
            if self._objects.get(ticket, arrival.take) is Got.TICKET_EXPIRED:
                return _Outcome(item)
            return _Outcome(item, kept=arrival.finish(self._now()))
        except (TryAgain, NotAsOrdered) as error:
            return _Outcome(item, error=error)
        except OSError as error:
            return _Outcome(item, error=TryAgain(f"The disk refuses ({type(error).__name__})."))
        finally:
            arrival.abandon()

    def _enter(self, item: Item, kept: Kept) -> None:
        """From here on the delivery looks after it."""

        def write(tx: Transaction) -> bool:
            instance_id = instances.add(tx, _row(item, kept))
            assert instance_id is not None  # noqa: S101  its name is new and random
            instances.store_digests(
                tx, instance_id, dataset_sha256=item.dataset_sha256, object_sha256=item.object_sha256
            )
            return _enter_delivery(tx, item, instance_id, kept.kept_at)

        self._database.write(write)
        log.info("downloaded", item_id=str(item.id), size=item.size)

    # -- how it ended otherwise

    def _not_as_ordered(self, item: Item, error: NotAsOrdered) -> None:
        log.error("download_damaged", item_id=str(item.id), why=str(error))
        if item.faults + 1 >= MOST_FAULTS:
            self._end(item.id, ItemState.PARKED, Sentence.NOT_THE_IMAGE.of(why=error), _REMEDY)
        else:
            at = self._now()
            again = next_attempt(at, self._interval(), self._luck())
            self._put_off(item.id, again, Sentence.NOT_THE_IMAGE.of(why=error), fault=True)

    def _stand_back(self, item: Item, error: TryAgain) -> None:
        """Whom it met lets the others go first: whether it is to blame shows when they arrive."""
        self._put_off(item.id, self._now() + _A_MOMENT, str(error), fault=False)

    def _end(self, item_id: UUID, outcome: ItemState, cause: str, remedy: str | None = None) -> None:
        at = self._now()
        self._database.write(lambda tx: orders.end(tx, item_id, outcome, at, cause, remedy))
        log.info("order_ended", item_id=str(item_id), outcome=outcome.value, why=cause)

    def _put_off(self, item_id: UUID, again: datetime, cause: str, *, fault: bool) -> None:
        at = self._now()
        self._database.write(lambda tx: orders.put_off(tx, item_id, at, again, cause, fault=fault))

    def _source_is_well(self) -> None:
        if self._way.is_well():
            log.info("downloads_recovered")


def where_data_set_begins(head: bytes | bytearray) -> int | None:
    """Return the offset of the Data Set in a Part 10 file, None when more of it is needed, or raise NotAsOrdered.

    The group length, PS3.10 table 7.1-1's first element, counts what follows it.
    """
    if len(head) < _UNTIL_META:
        return None
    if head[128:140] != b"DICM\x02\x00\x00\x00UL\x04\x00":
        raise NotAsOrdered("It is no DICOM file.")
    length = int.from_bytes(head[140:144], "little")
    if length > _LONGEST_META:
        raise NotAsOrdered("Its File Meta Information has an impossible length.")
    return _UNTIL_META + length


_UNTIL_META: Final = 144
_LONGEST_META: Final = 1024**2


def _enter_delivery(tx: Transaction, item: Item, instance_id: int, at: datetime) -> bool:
    delivery_id = deliveries.add(tx, instance_id, item.destination, None, State.WAITING, at)
    if delivery_id is None:
        return False
    orders.link(tx, item.id, delivery_id, at)
    return True


def _is_live(tx: Transaction, destination: str) -> bool:
    return any(str(one.id) == destination for one in connections.live(tx))


def _without_repeats(items: Sequence[Item]) -> list[Item]:
    """Return one of each: the same bytes for the same PACS, ordered twice, are fetched once."""
    first: dict[tuple[str, str, str], Item] = {}
    for item in items:
        first.setdefault((item.destination, item.sop_instance_uid, item.dataset_sha256), item)
    return list(first.values())


def _provenance(item: Item) -> Provenance:
    return Provenance(
        sop_class_uid=item.sop_class_uid,
        sop_instance_uid=item.sop_instance_uid,
        transfer_syntax_uid=item.transfer_syntax_uid,
        calling_ae_title="WORKS",
        called_ae_title="",
        peer_address="",
        local_address="",
    )


def _row(item: Item, kept: Kept) -> instances.NewInstance:
    return instances.NewInstance(
        spool_name=kept.name,
        sop_class_uid=item.sop_class_uid,
        sop_instance_uid=item.sop_instance_uid,
        transfer_syntax_uid=item.transfer_syntax_uid,
        study_instance_uid=item.study_instance_uid,
        series_instance_uid=None,
        connection_id=None,
        calling_ae_title=kept.calling_ae_title,
        called_ae_title=kept.called_ae_title,
        peer_address=kept.peer_address,
        dataset_offset=kept.dataset_offset,
        dataset_length=kept.dataset_length,
        crc32=kept.crc32,
        attributes=None,
        unreadable=None,
        kept_at=kept.kept_at,
        from_works=True,
    )


def _tell(why: str) -> None:
    log.error("downloads_failing", why=why)
