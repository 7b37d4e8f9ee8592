"""What gateways tell of ordered instances, and what follows: a delivery moves on, or another object is made (F6)."""

import uuid
from collections.abc import Sequence
from datetime import datetime

import structlog

from smartlink.link.deliveries import DeliveryReported, ItemReport, ItemState
from smartlink.works import audit
from smartlink.works.access import Access, Site
from smartlink.works.exams import orders
from smartlink.works.exams.delivery import NEEDS_A_PERSON, Item, Reason, State, is_open
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import deliveries
from smartlink.works.store.deliveries import DeliveryRow, ItemRow
from smartlink.works.store.listen import tell
from smartlink.works.tasks.producer import Producer

log = structlog.get_logger(__name__)


def report(access: Access, caller: Caller, items: Sequence[ItemReport], now: datetime) -> DeliveryReported:
    """Take the reports in; those that are unknown, late or not wanted any more are taken too, and change nothing."""
    told = {one.item_id: one for one in items}  # of several about one instance the last one counts
    with access.organisation(caller.organisation_id) as site:
        known = deliveries.items_of_gateway(site, caller.gateway_id, list(told))
        rows = deliveries.lock(site, list({one.delivery_id for one in known}))
        for row in rows:
            _delivery(site, caller, row, [(one, told[one.id]) for one in known if one.delivery_id == row.id], now)
    log.info(
        "deliveries_reported",
        gateway_id=str(caller.gateway_id),
        items=len(told),
        sent=sum(one.state is ItemState.SENT for one in told.values()),
    )
    return DeliveryReported(item_ids=tuple(told))


def _delivery(
    site: Site, caller: Caller, row: DeliveryRow, told: list[tuple[ItemRow, ItemReport]], now: datetime
) -> None:
    """What is told of one delivery's instances."""
    still = is_open(State(row.state), None if row.reason is None else Reason(row.reason))
    written = [
        (item, one)
        for item, one in told
        # A delivery that is over at Works listens only to what cannot be undone: that an image has arrived.
        if (still or one.state is ItemState.SENT) and item.state != Item.SENT and _write(site, item, one)
    ]
    if not written:
        return
    if any(one.state is ItemState.SYNTAX_REFUSED for _, one in written):
        Producer().derive(site, row.id)
    if still or _all_sent(site, row.id):
        settled = orders.settle(site, row, now)
        if settled.state != row.state:
            _entered(site, caller, settled, now)
    tell(site, row.exam_id)


def _entered(site: Site, caller: Caller, row: DeliveryRow, now: datetime) -> None:
    """How far images were transferred to a PACS is one event for each step of the delivery."""
    states = [one.state for one in deliveries.items(site, row.id)]
    audit.record(
        site,
        now=now,
        actor_kind="gateway",
        actor_id=caller.gateway_id,
        action="delivery_reported",
        object_kind="exam",
        object_id=row.exam_id,
        outcome="failure" if State(row.state) in NEEDS_A_PERSON else "success",
        detail={
            "delivery_id": str(row.id),
            "connection_id": str(row.connection_id),
            "state": str(row.state),
            "sent": states.count(Item.SENT),
            "images": len(states),
        },
    )


def _write(site: Site, item: ItemRow, one: ItemReport) -> bool:
    return deliveries.report_item(
        site,
        item.id,
        state=Item(one.state.value),
        attempts=one.attempts,
        status=one.status,
        cause=one.cause,
        remedy=one.remedy,
        accepted=one.accepted_transfer_syntaxes,
        at=one.at,
    )


def _all_sent(site: Site, delivery_id: uuid.UUID) -> bool:
    return all(one.state == Item.SENT for one in deliveries.items(site, delivery_id))
