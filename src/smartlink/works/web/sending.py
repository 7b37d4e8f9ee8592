"""Submission, deliveries and the Outbox as the pages show them: rows turned into what a template prints. Pure."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from smartlink.works.store.delivery_pages import DeliveryRow
from smartlink.works.store.submissions import ItemView
from smartlink.works.web.shown import ShownExam, ShownImage

MOST_CELLS: Final = 60  # language.md: above 60 images one column for each group
KINDS: Final = {
    "preparing": "busy",
    "converting": "busy",
    "queued": "wait",
    "waiting": "wait",
    "sending": "busy",
    "retrying": "busy",
    "sent": "ok",
    "attention": "fail",
    "outbox": "warn",
    "cancelled": "off",
    "replaced": "off",
}
_IMAGE_KINDS: Final = {
    "sent": "ok",
    "parked": "fail",
    "exhausted": "warn",
    "cancelled": "off",
    "preparing": "busy",
    "syntax_refused": "busy",
}
_BADNESS: Final = ("", "no", "tried", "left", "stuck")


@dataclass(frozen=True, slots=True)
class ShownDeliveryImage:
    """One image of a delivery: its place in the strip, and how it stands at the PACS."""

    number: int
    length: str
    state: str
    kind: str
    at: datetime | None
    attempts: int
    status: str | None
    cause: str | None
    remedy: str | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps images from the PACS: one cause, its remedy, and the images it concerns (`2, 5–7`)."""

    kind: str
    cause: str
    remedy: str | None
    status: str | None
    attempts: int
    images: int
    numbers: str


@dataclass(frozen=True, slots=True)
class ShownDelivery:
    """One exam on its way to one PACS; `word` is a key of KINDS and names the sentence."""

    id: uuid.UUID
    destination: str
    word: str
    kind: str
    reason: str | None
    resend: bool
    asked_by: str | None
    created_at: datetime
    fetched_at: datetime | None
    last_at: datetime
    tried_for: timedelta
    sent: int
    total: int
    cause: str | None
    late: int
    """Images of the exam that came after it was ordered."""
    may_send: bool
    """Whether it waits for a person to send it, as in the Outbox."""
    may_resend: bool
    before: tuple["ShownDelivery", ...] = ()
    """Earlier deliveries to the same PACS, the oldest first."""
    images: tuple[ShownDeliveryImage, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    cells: tuple[str, ...] = ()


def word(row: DeliveryRow) -> str:
    """How the delivery stands, as one of KINDS."""
    told = {
        "attention": row.state == "partial" or row.parked,
        "converting": row.converting,
        "retrying": row.tried,
        "queued": row.fetched_at is None,
        "sending": row.sent,
    }
    if row.state in {"with_gateway", "partial"}:
        return next((name for name, true in told.items() if true), "waiting")
    return "sent" if row.state == "delivered" else row.state


def delivery(row: DeliveryRow) -> ShownDelivery:
    """The delivery by its counts alone, as the lists show it."""
    how = word(row)
    return ShownDelivery(
        id=row.id,
        destination=row.destination,
        word=how,
        kind=KINDS[how],
        reason=row.reason,
        resend=row.resend,
        asked_by=row.asked_by,
        created_at=row.created_at,
        fetched_at=row.fetched_at,
        last_at=row.finished_at or row.reported_at or row.updated_at,
        tried_for=(row.finished_at or row.updated_at) - row.created_at,
        sent=row.sent,
        total=row.images,
        cause=row.cause,
        late=row.late,
        may_send=row.state in {"outbox", "partial"},
        may_resend=row.state in {"delivered", "cancelled"} and not row.connection_deleted,
    )


def latest(rows: Sequence[DeliveryRow]) -> list[ShownDelivery]:
    """The delivery to each PACS that counts now, of rows in the order of their making."""
    return [delivery(group[-1]) for group in _by_destination(rows)]


def of_exam(
    rows: Sequence[DeliveryRow], items: Sequence[ItemView], images: Sequence[ShownImage]
) -> list[ShownDelivery]:
    """The delivery to each PACS that counts now, image by image, with those that went there before."""
    lengths = {each.id: each.length for each in images}
    by_delivery: dict[uuid.UUID, list[ItemView]] = defaultdict(list)
    for item in items:
        by_delivery[item.delivery_id].append(item)
    return [_merged(group, by_delivery, lengths) for group in _by_destination(rows)]


def _merged(
    group: Sequence[DeliveryRow], items: Mapping[uuid.UUID, Sequence[ItemView]], lengths: Mapping[uuid.UUID, str]
) -> ShownDelivery:
    """All that one PACS was ordered: what stands in a later delivery counts, and the rest as it was left."""
    latest_of = {item.instance_id: item for row in group for item in items.get(row.id, ())}
    own = [_image(item, lengths.get(item.instance_id, "")) for item in latest_of.values()]
    own.sort(key=_number)
    return replace(
        delivery(group[-1]),
        before=tuple(delivery(old) for old in group[:-1]),
        images=tuple(own),
        troubles=troubles(own),
        cells=cells(own),
        sent=sum(image.state == "sent" for image in own),
        total=len(own),
    )


def _number(image: ShownDeliveryImage) -> int:
    return image.number


def _by_destination(rows: Sequence[DeliveryRow]) -> list[list[DeliveryRow]]:
    """The deliveries to each PACS; one whose last was replaced by another PACS's is over."""
    groups: dict[uuid.UUID, list[DeliveryRow]] = defaultdict(list)
    for row in rows:
        groups[row.connection_id].append(row)
    return [group for group in groups.values() if group[-1].state != "replaced"]


def _image(item: ItemView, length: str) -> ShownDeliveryImage:
    kind = _IMAGE_KINDS.get(item.state, "warn" if item.attempts else "wait")
    return ShownDeliveryImage(
        item.number, length, item.state, kind, item.reported_at, item.attempts, item.status, item.cause, item.remedy
    )


def troubles(images: Sequence[ShownDeliveryImage]) -> tuple[Trouble, ...]:
    """One for each cause and remedy, the ones that need a person first."""
    groups: dict[tuple[str, str | None, str], list[ShownDeliveryImage]] = defaultdict(list)
    for image in images:
        if image.cause and image.kind in {"fail", "warn"}:
            groups[image.cause, image.remedy, image.kind].append(image)
    found = [
        Trouble(
            kind=kind,
            cause=cause,
            remedy=remedy,
            status=next((image.status for image in group if image.status), None),
            attempts=max(image.attempts for image in group),
            images=len(group),
            numbers=ranges([image.number for image in group]),
        )
        for (cause, remedy, kind), group in groups.items()
    ]
    return tuple(sorted(found, key=lambda each: each.kind != "fail"))


def cells(images: Sequence[ShownDeliveryImage]) -> tuple[str, ...]:
    """One class name for each cell of the lane; a group of images is as its worst one is."""
    named = [_cell(image) for image in images]
    size = max(1, -(-len(named) // MOST_CELLS))
    groups = (named[start : start + size] for start in range(0, len(named), size))
    return tuple(max(group, key=_BADNESS.index) for group in groups)


def _cell(image: ShownDeliveryImage) -> str:
    if image.state == "sent":
        return ""
    return {"parked": "stuck", "exhausted": "left"}.get(image.state, "tried" if image.attempts else "no")


def ranges(numbers: Sequence[int]) -> str:
    """`2, 5–7` of 2, 5, 6 and 7."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


@dataclass(frozen=True, slots=True)
class WayOut:
    """The last two hops of an exam's journey, over all its PACS."""

    submitted: int
    """Images that were ordered."""
    sent: int
    total: int
    kind: str
    """The hop's class: done, part, stuck or none."""
    at: datetime | None


def way_out(deliveries: Sequence[ShownDelivery]) -> WayOut:
    """How far the deliveries are, taken together."""
    sent, total = sum(each.sent for each in deliveries), sum(each.total for each in deliveries)
    if any(each.kind in {"fail", "warn"} for each in deliveries):
        kind = "stuck"
    elif deliveries and all(each.word == "sent" for each in deliveries):
        kind = "done"
    else:
        kind = "part" if sent else "none"
    at = max((each.last_at for each in deliveries if each.sent), default=None)
    return WayOut(max((each.total for each in deliveries), default=0), sent, total, kind, at)


@dataclass(frozen=True, slots=True)
class Checks:
    """What must hold before submitting, and how many things do not."""

    patient: bool
    order: bool
    to_settle: int


def checks(exam: ShownExam, procedure: str | None, destinations: int) -> Checks:
    """The checklist of a draft; submitting is possible all the same while there is an image."""
    patient = bool(exam.patient and exam.patient_id)
    order = bool(exam.accession_number and procedure)
    whole = bool(exam.images) and not exam.on_the_way
    good = (patient, order, whole, not exam.conflicts, destinations > 0)
    return Checks(patient, order, good.count(False))


@dataclass(frozen=True, slots=True)
class CompletedLine:
    """One line of Completed."""

    exam: ShownExam
    deliveries: list[ShownDelivery]


@dataclass(frozen=True, slots=True)
class OutboxLine:
    """One line of the Outbox."""

    exam: ShownExam
    delivery: ShownDelivery
    inactive: bool
    answers_again: bool
    """Whether the PACS was heard after the delivery had given up waiting for it."""


def outbox_line(exam: ShownExam, row: DeliveryRow) -> OutboxLine:
    """The line of one delivery in the Outbox."""
    inactive = row.connection_status != "active" and not row.connection_deleted
    return OutboxLine(exam, delivery(row), inactive=inactive, answers_again=answers_again(row))


def answers_again(row: DeliveryRow) -> bool:
    """Whether the PACS was heard after this delivery had given up waiting for it."""
    active = row.connection_status == "active" and not row.connection_deleted
    seen = row.connection_seen_at
    return active and row.reason == "exhausted" and seen is not None and seen > delivery(row).last_at
