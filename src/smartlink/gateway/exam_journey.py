"""The journey of an exam: when each of its instances passed each hop, and what is missing and why (R104).

What the catalogue knows and what Works tells are laid side by side; times are those of whoever wrote them down. No
word about the patient.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from smartlink.gateway.delivery import State
from smartlink.gateway.errors import GatewayError
from smartlink.gateway.store import connections, journeys
from smartlink.gateway.store.deliveries import WORKS
from smartlink.link.insight import JourneyRequest, JourneyTold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smartlink.gateway.store.database import Database
    from smartlink.gateway.store.journeys import Leg, Ordered

HOPS: Final = ("kept", "catalogued", "offered", "put", "confirmed", "ingested")
"""What an instance passes on its way into Works. Received and kept are one moment: the answer waits for the disk."""
_NO_PACS: Final = "a deleted PACS"


class Works(Protocol):
    """Works, as far as the journey needs it."""

    def journey(self, request: JourneyRequest) -> JourneyTold:
        """Return how far Works has it. May raise a GatewayError."""


def journey(database: Database, works: Works, exam: str) -> dict[str, Any]:
    """Return the journey of the exam of this Study Instance UID or id at Works; `known` says whether there is one."""
    told, problem = None, None
    try:
        told = works.journey(JourneyRequest(study=exam))
    except GatewayError as error:
        problem = str(error)
    study = exam if told is None else told.study_instance_uid
    legs = database.read(lambda tx: journeys.legs(tx, study))
    ordered = database.read(lambda tx: journeys.ordered(tx, study))
    pacs = {str(one.id): f"{one.name} ({one.ae_title})" for one in database.read(connections.live)}
    return joined(study, legs, ordered, pacs, told, problem)


def joined(
    study: str,
    legs: Sequence[Leg],
    ordered: Sequence[Ordered],
    pacs: dict[str, str],
    told: JourneyTold | None,
    problem: str | None,
) -> dict[str, Any]:
    """Lay both sides together; `pacs` names destinations, `problem` says why Works was not asked."""
    at_works = {} if told is None else {str(one["sop_instance_uid"]): one for one in told.instances}
    came = {leg.sop_instance_uid: leg for leg in legs if leg.destination in {None, WORKS} and not leg.from_works}
    uids = list(dict.fromkeys([*came, *at_works]))
    missing = [sentence for number, uid in enumerate(uids, 1) for sentence in _not_uploaded(number, came.get(uid))]
    missing += [] if problem is None else [f"Works could not be asked: {problem}"]
    missing += [] if told is None else told.missing
    to_pacs = list(_to_pacs(legs, ordered, pacs))
    missing += [
        f"An image for {one['pacs']} is {one['state']}: {one['cause']}"
        for one in to_pacs
        if one["cause"] and told is None
    ]
    return {
        "study_instance_uid": study,
        "known": bool(uids or ordered),
        "exam": None if told is None else told.exam,
        "instances": [_instance(uid, came.get(uid), at_works.get(uid)) for uid in uids],
        "to_pacs": to_pacs,
        "deliveries": [] if told is None else list(told.deliveries),
        "missing": missing,
    }


def _instance(uid: str, leg: Leg | None, at_works: dict[str, Any] | None) -> dict[str, Any]:
    theirs = at_works or {}
    sent = None if leg is None else leg.sent_at
    times = {
        "kept": theirs.get("received_at") if leg is None else leg.kept_at,
        "catalogued": None if leg is None else leg.entered_at,
        "offered": theirs.get("offered_at"),
        "put": None if leg is None else leg.put_at,
        "confirmed": theirs.get("confirmed_at") or sent,
        "ingested": theirs.get("ingested_at"),
    }
    return {
        "sop_instance_uid": uid,
        "calling_ae_title": None if leg is None else leg.calling_ae_title,
        **{f"{hop}_at": _moment(times[hop]) for hop in HOPS},
        "state": None if leg is None or leg.state is None else leg.state.value,
        "state_at_works": theirs.get("state"),
        "attempts": None if leg is None else leg.attempts,
        "cause": None if leg is None else leg.unreadable or leg.cause,
        "remedy": None if leg is None else leg.remedy,
        "note": None if leg is None else leg.note,
        "purged_at": None if leg is None else leg.purged_at,
    }


def _to_pacs(legs: Sequence[Leg], ordered: Sequence[Ordered], pacs: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield what goes to each PACS: what Works ordered, and what goes there directly."""
    known = set()
    for one in ordered:
        known.add((one.sop_instance_uid, one.destination))
        yield {
            "sop_instance_uid": one.sop_instance_uid,
            "pacs": pacs.get(one.destination, _NO_PACS),
            "directly": False,
            "delivery_id": one.order_id,
            "ordered_at": one.ordered_at,
            "downloaded_at": one.downloaded_at,
            "answered_at": one.sent_at,
            "state": one.state,
            "status": one.status,
            "attempts": one.attempts,
            "cause": one.cause,
            "remedy": one.remedy,
        }
    for leg in legs:
        if leg.destination in {None, WORKS} or (leg.sop_instance_uid, leg.destination) in known or leg.from_works:
            continue
        yield {
            "sop_instance_uid": leg.sop_instance_uid,
            "pacs": pacs.get(leg.destination or "", _NO_PACS),
            "directly": True,
            "delivery_id": None,
            "ordered_at": leg.kept_at,
            "downloaded_at": None,
            "answered_at": leg.sent_at,
            "state": None if leg.state is None else leg.state.value,
            "status": leg.status,
            "attempts": leg.attempts,
            "cause": leg.cause,
            "remedy": leg.remedy,
        }


def _not_uploaded(number: int, leg: Leg | None) -> Iterator[str]:
    """Yield why an instance has not left for Works."""
    if leg is None:
        return
    if leg.unreadable is not None:
        yield f"Image {number} cannot be read and is never uploaded: {leg.unreadable}"
    elif leg.state is State.HELD:
        yield f"Image {number} is held: {leg.cause or 'its ultrasound system is not in Works yet.'}"
    elif leg.state is State.WAITING:
        again = "" if leg.next_attempt_at is None else f" (next attempt {leg.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC)"
        yield f"Image {number} waits to be uploaded{again}: {leg.cause or 'its turn has not come.'}"
    elif leg.state is State.PARKED:
        yield f"Image {number} needs attention: {leg.cause} {leg.remedy or ''}".rstrip()
    elif leg.state is State.CANCELLED:
        yield f"Image {number} was given up: {leg.cause or 'nobody said why.'}"


def _moment(value: object) -> datetime | None:
    """Return a time as the catalogue has it or as Works tells it."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value) if isinstance(value, str) else None
