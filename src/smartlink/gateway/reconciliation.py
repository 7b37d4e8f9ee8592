"""Reconciliation: what each scanner sent against what Works holds, what was sent to each PACS against what it has.

Nothing is believed twice: Works is asked by digests and UIDs, a PACS by C-FIND where it answers that. What is missing
is sent again when a person asks for it. What was found is kept, and found anew once a day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import structlog

from smartlink.gateway.calling import AssociationFailed
from smartlink.gateway.delivery import IllegalMove, State
from smartlink.gateway.errors import GiveUp, LicenceRevoked, TryAgain
from smartlink.gateway.reconciling import FINDING_OF, Finding, Report, counted
from smartlink.gateway.store import audit, connections, deliveries, reconciliations
from smartlink.gateway.store.reconciliations import Received, Stored
from smartlink.link.connections import Kind
from smartlink.link.reconciliation import (
    MOST_INSTANCES,
    MOST_ITEMS,
    MOST_STUDIES,
    ComparedInstances,
    ComparedStudies,
    CompareInstances,
    CompareStudies,
    Holding,
    SendAgain,
    SendsAgain,
    ToldStudy,
    digest_of,
)

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from smartlink.gateway.connections import Connection
    from smartlink.gateway.store.database import Database, Transaction

T = TypeVar("T")

log = structlog.get_logger()

EVERY: Final = timedelta(days=1)
LOOKS_BACK: Final = timedelta(days=7)
KEPT: Final = timedelta(days=90)
AFTER_A_FAILURE: Final = timedelta(hours=1)
_PIECE: Final = 2_000
_SENT_AGAIN: Final = "missing_images_sent_again"


class Works(Protocol):
    """Works, as far as a comparison needs it. May raise TryAgain, GiveUp or LicenceRevoked."""

    def compare_studies(self, question: CompareStudies) -> ComparedStudies:
        """Of which studies Works holds exactly these instances."""

    def compare_instances(self, question: CompareInstances) -> ComparedInstances:
        """What Works has of each instance."""

    def send_again(self, wanted: SendAgain) -> SendsAgain:
        """Deliver anew what a PACS has lost."""


HeldBy = Callable[["Connection", Sequence[tuple[str, str]]], frozenset[str]]
"""The SOP Instance UIDs that a PACS has of these series. May raise AssociationFailed."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The use case, given its parts."""

    database: Database
    works: Works
    held_by: HeldBy

    def run(self, since: datetime, now: datetime, *, resend: bool = False) -> list[Report]:
        """Compare everything since then, and keep the reports; with `resend` what is missing is sent again.

        A PACS that cannot be asked is told so in its report, as is what Works cannot send to it again; without Works
        there is no report at all. What is sent again is in the audit list before anything else can fail.
        """
        known = self.database.read(connections.live)
        reports = self._to_works([one for one in known if one.kind is Kind.ULTRASOUND], since, now, resend=resend)
        for one in known:
            if one.kind is Kind.PACS:
                reports.append(self._to_pacs(one, since, now, resend=resend))

        def keep(tx: Transaction) -> None:
            for report in reports:
                reconciliations.add(tx, report.connection_id, now, since, report.as_json())
            reconciliations.forget(tx, now - KEPT)

        self.database.write(keep)
        log.info(
            "reconciled",
            connections=len(reports),
            images=sum(one.total for one in reports),
            differences=sum(len(one.differences) for one in reports),
            not_asked=sum(one.problem is not None for one in reports),
        )
        return reports

    def _to_works(
        self, scanners: Sequence[Connection], since: datetime, now: datetime, *, resend: bool
    ) -> list[Report]:
        of_scanner: dict[UUID, dict[tuple[str, str], Received]] = {one.id: {} for one in scanners}
        for image in self._all(lambda tx, after: reconciliations.received(tx, since, after, _PIECE), _id_of_received):
            images = of_scanner.get(image.connection_id)
            if images is not None:
                key = image.study_instance_uid, image.sop_instance_uid
                images[key] = _further(images.get(key), image)
        arrived: dict[str, list[str]] = defaultdict(list)
        for images in of_scanner.values():
            for image in images.values():
                if image.delivery_state is State.SENT:
                    arrived[image.study_instance_uid].append(image.sop_instance_uid)
        holdings = self._ask_works(arrived)
        return [
            self._report_of_scanner(one, of_scanner[one.id], holdings, since, now, resend=resend) for one in scanners
        ]

    def _ask_works(self, arrived: dict[str, list[str]]) -> dict[tuple[str, str], Holding]:
        """What Works has of each image that was sent to it, by study and instance."""
        found: dict[tuple[str, str], Holding] = {}
        for studies in _batches(arrived, MOST_STUDIES):
            told = tuple(ToldStudy(study_instance_uid=one, digest=digest_of(arrived[one])) for one in studies)
            same = set(self.works.compare_studies(CompareStudies(studies=told)).same)
            for study in studies:
                for uids in _batches(dict.fromkeys(arrived[study]), MOST_INSTANCES):
                    if study in same:
                        found.update(dict.fromkeys(((study, uid) for uid in uids), Holding.HELD))
                        continue
                    asked = CompareInstances(study_instance_uid=study, sop_instance_uids=tuple(uids))
                    answers = self.works.compare_instances(asked).holdings
                    if len(answers) != len(uids):
                        raise TryAgain("Works does not answer for every image.")
                    found.update({(study, uid): answer for uid, answer in zip(uids, answers, strict=True)})
        return found

    def _report_of_scanner(
        self,
        scanner: Connection,
        images: dict[tuple[str, str], Received],
        holdings: dict[tuple[str, str], Holding],
        since: datetime,
        now: datetime,
        *,
        resend: bool,
    ) -> Report:
        found = {key: _finding(image, holdings.get(key)) for key, image in images.items()}
        again: dict[tuple[str, str], bool] = {}
        if resend:
            for key, image in images.items():
                if found[key] is Finding.MISSING:
                    again[key] = image.kept and self._lost(image.delivery_id, now)
        return counted(_blank(scanner, since, now), [(*key, finding) for key, finding in found.items()], again)

    def _to_pacs(self, pacs: Connection, since: datetime, now: datetime, *, resend: bool) -> Report:
        sent: dict[str, Stored] = {}
        for image in self._all(
            lambda tx, after: reconciliations.stored(tx, str(pacs.id), since, after, _PIECE), _id_of_stored
        ):
            sent[image.sop_instance_uid] = image  # of several the latest
        report = _blank(pacs, since, now)
        if not sent:
            return counted(report, [])
        series = list(dict.fromkeys((one.study_instance_uid, one.series_instance_uid) for one in sent.values()))
        try:
            held = self.held_by(pacs, series)
        except AssociationFailed as failed:
            return replace(report, counts={Finding.UNKNOWN: len(sent)}, problem=failed.sentence)
        lost = [one for uid, one in sent.items() if uid not in held]
        again, problem = self._again_to_pacs(pacs, lost, now) if resend else ({}, None)
        found = [
            (one.study_instance_uid, uid, Finding.THERE if uid in held else Finding.MISSING)
            for uid, one in sent.items()
        ]
        return replace(counted(report, found, again), problem=problem)

    def _again_to_pacs(
        self, pacs: Connection, lost: Sequence[Stored], now: datetime
    ) -> tuple[dict[tuple[str, str], bool], str | None]:
        """What Works ordered is ordered anew; what went directly goes again as long as its file is here.

        Return which images go, and what kept Works from being asked for all of them.
        """
        taken: set[UUID] = set()
        problem = None
        try:
            for batch in _batches((one.item_id for one in lost if one.item_id is not None), MOST_ITEMS):
                ordered = self.works.send_again(SendAgain(item_ids=tuple(batch))).item_ids
                taken.update(ordered)
                told = {"images": len(ordered)}
                if ordered:
                    self.database.write(lambda tx: audit.add(tx, _SENT_AGAIN, str(pacs.ae_title), now, new=told))  # noqa: B023  written at once
        except (TryAgain, GiveUp) as error:
            problem = str(error)

        def goes(image: Stored) -> bool:
            if image.item_id is not None:
                return image.item_id in taken
            return image.kept and self._lost(image.delivery_id, now)

        return {(one.study_instance_uid, one.sop_instance_uid): goes(one) for one in lost}, problem

    def _lost(self, delivery_id: int | None, now: datetime) -> bool:
        if delivery_id is None:
            return False

        def write(tx: Transaction) -> None:
            deliveries.lost(tx, delivery_id, now)
            audit.add(tx, _SENT_AGAIN, f"delivery {delivery_id}", now)

        try:
            self.database.write(write)
        except IllegalMove as moved:  # meanwhile, or as a copy of one that went before
            return moved.state in {State.WAITING, State.SENDING}
        except LookupError:
            return False
        return True

    def _all(self, read: Callable[[Transaction, int], list[T]], id_of: Callable[[T], int]) -> Iterator[T]:
        after = 0
        while piece := self.database.read(lambda tx: read(tx, after)):  # noqa: B023  read at once
            yield from piece
            after = id_of(piece[-1])


class Daily:
    """The loop's tick: once a day everything of the last week is compared. Nothing is sent again by itself."""

    def __init__(
        self,
        reconciliation: Reconciliation,
        *,
        licensed: Callable[[], bool],
        revoked: Callable[[], None],
    ) -> None:
        self._reconciliation = reconciliation
        self._licensed = licensed
        self._revoked = revoked
        self._not_before: datetime | None = None

    def tick(self, now: datetime) -> bool:
        """Compare when a day has passed since the last time; False: there is no more to do."""
        if not self._licensed() or (self._not_before is not None and now < self._not_before):
            return False
        last = self._reconciliation.database.read(reconciliations.last_at)
        if last is not None and now - last < EVERY:
            self._not_before = last + EVERY
            return False
        self._not_before = now + AFTER_A_FAILURE
        try:
            self._reconciliation.run(now - LOOKS_BACK, now)
        except LicenceRevoked:
            self._revoked()
        except (TryAgain, GiveUp) as error:
            log.error("not_reconciled", why=str(error))
        return False


def _blank(connection: Connection, since: datetime, now: datetime) -> Report:
    return Report(now, since, connection.id, connection.name, str(connection.ae_title), connection.kind)


def _finding(image: Received, holding: Holding | None) -> Finding:
    """What becomes of an image on its way to Works."""
    if image.unreadable:
        return Finding.UNREADABLE
    if image.delivery_state is State.PARKED:
        return Finding.NEEDS_ATTENTION
    if holding is None:
        return Finding.ON_THE_WAY
    return FINDING_OF[holding]


def _further(known: Received | None, image: Received) -> Received:
    """Of the same image sent several times the one that has come furthest, and still has its file."""
    if known is None:
        return image
    return max(known, image, key=lambda one: (one.delivery_state is State.SENT, one.kept, one.id))


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _id_of_received(one: Received) -> int:
    return one.id


def _id_of_stored(one: Stored) -> int:
    return one.delivery_id
