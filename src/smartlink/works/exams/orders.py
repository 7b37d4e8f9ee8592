"""Moving deliveries: every change of one goes through here, by the table in `delivery`.

A delivery is ordered from the facility's gateway as soon as its objects are prepared; what the gateway tells moves it
on; without a gateway or a PACS it stands in the Outbox and says why.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from smartlink.works.access import Access, Site
from smartlink.works.exams.delivery import FINAL, REASON_WORDS, UNDER_WAY, Event, Item, Reason, State, step, verdict
from smartlink.works.fleet import commands
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import connections, deliveries, gateways
from smartlink.works.store.deliveries import DeliveryRow
from smartlink.works.store.listen import tell

log = structlog.get_logger(__name__)

_ITEM_AFTER: Final = {
    # What becomes of the instances that were still under way.
    Event.RETURNED: Item.EXHAUSTED,
    Event.CANCELLED: Item.CANCELLED,
    Event.SENT_ANEW: Item.CANCELLED,
}


def ready(site: Site, delivery_id: uuid.UUID, now: datetime) -> None:
    """Order every instance of the delivery that is prepared; harmless when there is none, or it is over."""
    found = deliveries.lock(site, [delivery_id])
    if not found or State(found[0].state) in FINAL:
        return
    row = found[0]
    prepared = [one.id for one in deliveries.items(site, delivery_id) if one.state == Item.PREPARING]
    if not prepared:
        settle(site, row, now)
        return
    gateway_id = _gateway(site, row)
    if gateway_id is None:
        back(site, row, Reason.NO_GATEWAY, now)
        return
    deliveries.set_items(site, prepared, state=Item.QUEUED)
    commands.deliver(site, gateway_id, delivery_id, prepared, now)
    move(site, replace(row, gateway_id=gateway_id), Event.ORDERED, now)


def settle(site: Site, row: DeliveryRow, now: datetime) -> DeliveryRow:
    """Move the delivery to where its instances say that it is."""
    found = verdict(State(row.state), [Item(one.state) for one in deliveries.items(site, row.id)])
    return row if found is None else move(site, row, found[0], now, reason=found[1])


def back(site: Site, row: DeliveryRow, reason: Reason, now: datetime) -> DeliveryRow:
    """The delivery goes to the Outbox for this reason; its gateway, if it is still there, forgets about it."""
    returned = move(site, row, Event.RETURNED, now, reason=reason)
    if row.gateway_id is not None:
        commands.cancel(site, row.gateway_id, row.id, now)
    return returned


def end(site: Site, row: DeliveryRow, event: Event, now: datetime) -> DeliveryRow:
    """The delivery is over because of a person: cancelled, or sent anew as another one."""
    ended = move(site, row, event, now)
    if row.gateway_id is not None:
        commands.cancel(site, row.gateway_id, row.id, now)
    return ended


def take_acknowledgement(
    access: Access, caller: Caller, command_ids: Sequence[uuid.UUID], now: datetime
) -> tuple[uuid.UUID, ...]:
    """The gateway has these commands written down: they do not come again. Those of them that are its own."""
    with access.organisation(caller.organisation_id) as site:
        known = commands.acknowledge(site, caller, command_ids, now)
        for row in deliveries.lock(site, [one.delivery_id for one in known if one.delivery_id is not None]):
            if State(row.state) is State.QUEUED:
                move(site, row, Event.ACKNOWLEDGED, now)
    return tuple(one.id for one in known)


def move(site: Site, row: DeliveryRow, event: Event, now: datetime, *, reason: Reason | None = None) -> DeliveryRow:
    """One step of the table, written down and told to everybody who looks. Raises IllegalMove."""
    state = step(State(row.state), event)
    moved = replace(row, state=state, reason=reason, updated_at=now, finished_at=None if state in UNDER_WAY else now)
    if event in _ITEM_AFTER:
        cause = None if reason in {None, Reason.EXHAUSTED, Reason.REFUSED} else REASON_WORDS[reason]
        deliveries.end_items(site, row.id, state=_ITEM_AFTER[event], cause=cause)
    deliveries.move(site, moved)
    deliveries.settle_exam(site, row.exam_id)
    tell(site, row.exam_id)
    log.info("delivery_moved", delivery_id=str(row.id), move=event, state=state, reason=reason)
    return moved


def _gateway(site: Site, row: DeliveryRow) -> uuid.UUID | None:
    """The gateway that makes the delivery: the one it was ordered from, the PACS's own, or the facility's."""
    connection = connections.get(site, row.connection_id)
    if connection is None or connection.deleted_at is not None:
        return None
    for known in (row.gateway_id, connection.gateway_id):
        gateway = None if known is None else gateways.get(site, known)
        if gateway is not None and gateway.state == "active":
            return gateway.id
    present = gateways.active_in_facility(site, connection.facility_id)
    return None if present is None else present.id
