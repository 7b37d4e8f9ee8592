"""The Outbox: what did not reach its PACS waits here for a person, with the reason (R35, R86, R144, R145, F14)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from smartlink.works.access import Access, Site
from smartlink.works.errors import Conflict, GiveUp, NotFound
from smartlink.works.exams import orders, rights, submission
from smartlink.works.exams.delivery import NEEDS_A_PERSON, Event, Item, Reason, State
from smartlink.works.exams.rights import Actor
from smartlink.works.store import connections, deliveries, listen, submissions
from smartlink.works.store.deliveries import DeliveryRow
from smartlink.works.store.submissions import OutboxRow

__all__ = ["OutboxRow", "Sent"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one line of the Outbox: the new deliveries, or why there is none."""

    delivery_id: uuid.UUID
    fresh: tuple[uuid.UUID, ...]
    refused: str | None = None


def outbox(access: Access, organisation_id: uuid.UUID, person_id: uuid.UUID | None) -> tuple[OutboxRow, ...]:
    """What waits for this person, the latest first: own exams, and those of facilities one runs. None: everybody's."""
    with access.organisation(organisation_id) as site:
        return tuple(submissions.outbox(site, person_id))


def send_from_outbox(
    access: Access, actor: Actor, delivery_ids: Sequence[uuid.UUID], now: datetime
) -> tuple[Sent, ...]:
    """Send these again, each with a new retry window (R145); what cannot be sent says why and stays.

    Each is a transaction of its own: one that cannot be sent does not hold up the others.
    """
    return tuple(_attempt(access, actor, delivery_id, now) for delivery_id in dict.fromkeys(delivery_ids))


def deliveries_of_deleted_connection(site: Site, connection_id: uuid.UUID, now: datetime) -> int:
    """What was on its way to this PACS goes to the Outbox (R86); how many deliveries."""
    return _all_back(site, deliveries.under_way_of_connection(site, connection_id), Reason.CONNECTION_DELETED, now)


def deliveries_of_replaced_gateways(site: Site, gateway_ids: Sequence[uuid.UUID], now: datetime) -> int:
    """What these gateways had not delivered goes to the Outbox (R35); how many deliveries. They are told that it ended.

    To be called after they were revoked: a long poll that is woken looks at its gateway's state.
    """
    for gateway_id in gateway_ids:
        listen.wake(site, gateway_id)
    return _all_back(site, deliveries.under_way_of_gateways(site, gateway_ids), Reason.GATEWAY_REPLACED, now)


def _all_back(site: Site, delivery_ids: Sequence[uuid.UUID], reason: Reason, now: datetime) -> int:
    rows = deliveries.lock(site, delivery_ids)
    for row in rows:
        orders.back(site, row, reason, now)
    if rows:
        log.info("deliveries_returned", reason=reason, deliveries=len(rows))
    return len(rows)


def _attempt(access: Access, actor: Actor, delivery_id: uuid.UUID, now: datetime) -> Sent:
    try:
        with access.organisation(actor.organisation_id) as site:
            return Sent(delivery_id, _send(site, actor, delivery_id, now))
    except GiveUp as refusal:
        return Sent(delivery_id, (), str(refusal))


def _send(site: Site, actor: Actor, delivery_id: uuid.UUID, now: datetime) -> tuple[uuid.UUID, ...]:
    known = deliveries.get(site, delivery_id)
    if known is None:
        message = "There is no such delivery."
        raise NotFound(message)
    exam = rights.own_exam(site, actor, known.exam_id)
    row = deliveries.lock(site, [delivery_id])[0]
    if State(row.state) not in NEEDS_A_PERSON:
        message = "Somebody has sent or cancelled it already."
        raise Conflict(message)
    unsent = [one.instance_id for one in deliveries.items(site, delivery_id) if one.state != Item.SENT]
    targets = _targets(site, row)
    ended = orders.end(site, row, Event.SENT_ANEW, now)  # the gateway forgets the old one before it hears of the new
    fresh = tuple(submission.start(site, actor, exam, target, unsent, now, again=row.resend) for target in targets)
    deliveries.move(site, replace(ended, replaced_by=fresh[0]))
    rights.record(
        site,
        actor,
        "sent_from_outbox",
        exam.id,
        now,
        {"delivery_id": str(delivery_id), "deliveries": [str(one) for one in fresh], "images": len(unsent)},
    )
    return fresh


def _targets(site: Site, row: DeliveryRow) -> list[uuid.UUID]:
    """The same PACS; when that was deleted, those that serve the specialty now. Raises Conflict without a way."""
    connection = connections.get(site, row.connection_id)
    if connection is not None and connection.deleted_at is None:
        targets = [row.connection_id]
    else:
        targets = [one.connection_id for one in submissions.destinations(site, row.exam_id)]
    if not targets:
        message = "Its PACS was deleted, and no other serves this specialty: add one in SmartLink first."
        raise Conflict(message)
    return targets
