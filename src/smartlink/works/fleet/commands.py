"""The command channel, Works' side: what a gateway is asked to do, leased, repeated until acknowledged (F6).

A command is one row from the moment it is needed, in the transaction that needs it; NOTIFY wakes the gateway's poll.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from smartlink.link import commands as link
from smartlink.link.problems import ProblemType
from smartlink.works.access import Access, Site
from smartlink.works.errors import LinkRefused
from smartlink.works.fleet.tokens import REVOKED, Caller
from smartlink.works.store import commands, deliveries, gateways, listen, lookups
from smartlink.works.store.commands import AcknowledgedRow, CommandRow
from smartlink.works.store.deliveries import OrderedRow

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=60)
KEPT: Final = timedelta(days=30)
"""How long an acknowledged command is kept: until then the exam's page says when the gateway fetched it."""
MOST_ITEMS_AT_ONCE: Final = 2_000
"""Instances in one answer: a hundred commands of 500 would be an answer of many megabytes."""
_GONE: Final = frozenset({"sent", "exhausted", "cancelled"})


def deliver(
    site: Site, gateway_id: uuid.UUID, delivery_id: uuid.UUID, item_ids: Sequence[uuid.UUID], now: datetime
) -> None:
    """Order these items of a delivery, in as many commands as they need."""
    for first in range(0, len(item_ids), link.MOST_ITEMS):
        commands.insert(
            site,
            id=uuid.uuid4(),
            gateway_id=gateway_id,
            kind="deliver",
            delivery_id=delivery_id,
            item_ids=item_ids[first : first + link.MOST_ITEMS],
            now=now,
        )
    listen.wake(site, gateway_id)


def cancel(site: Site, gateway_id: uuid.UUID, delivery_id: uuid.UUID, now: datetime) -> None:
    """What was not sent yet of the delivery is not wanted any more; nothing is said to a gateway that never heard."""
    if not commands.withdraw(site, delivery_id, now):
        return
    gateway = gateways.get(site, gateway_id)
    if gateway is not None and gateway.state == "active":
        commands.insert(site, id=uuid.uuid4(), gateway_id=gateway_id, kind="cancel", delivery_id=delivery_id, now=now)
        listen.wake(site, gateway_id)


def synchronise(site: Site, gateway_id: uuid.UUID, now: datetime) -> None:
    """The gateway fetches its configuration now; one request that waits already is enough."""
    if not commands.waiting(site, gateway_id, "synchronise"):
        commands.insert(site, id=uuid.uuid4(), gateway_id=gateway_id, kind="synchronise", now=now)
    listen.wake(site, gateway_id)


def refresh_worklists(site: Site, gateway_id: uuid.UUID, now: datetime) -> None:
    """The gateway asks its worklist servers now; one request that waits already is enough."""
    if not commands.waiting(site, gateway_id, "refresh_worklists"):
        commands.insert(site, id=uuid.uuid4(), gateway_id=gateway_id, kind="refresh_worklists", now=now)
    listen.wake(site, gateway_id)


def fetch(access: Access, caller: Caller, now: datetime, *, again: bool = False) -> link.Commands:
    """What the gateway has to do, leased to this call; empty when there is nothing. Raises LinkRefused when revoked.

    `again`: the gateway holds nothing of what it was told and has not acknowledged, so all of that comes once more.
    """
    with access.organisation(caller.organisation_id) as site:
        gateway = gateways.get(site, caller.gateway_id)
        if gateway is None or gateway.state != "active":
            raise LinkRefused(ProblemType.LICENCE_REVOKED, REVOKED)
        repeated = commands.release(site, caller.gateway_id, now) if again else 0
        told = tuple(_told(site, caller, now))
    if told:
        log.info("commands_told", gateway_id=str(caller.gateway_id), commands=len(told), repeated=repeated)
    return link.Commands(commands=told)


def acknowledge(site: Site, caller: Caller, command_ids: Sequence[uuid.UUID], now: datetime) -> list[AcknowledgedRow]:
    """These commands need not come again; those of the gateway that are acknowledged now, and what they are about."""
    return commands.acknowledge(site, caller.gateway_id, command_ids, now)


def purge(access: Access, now: datetime) -> int:
    """Forget commands that were acknowledged long ago and whose deliveries are over; how many that were."""
    before = now - KEPT
    with access.outside() as transaction:
        organisations = lookups.commands_done(transaction, before)
    purged = 0
    for organisation_id in organisations:
        with access.organisation(organisation_id) as site:
            purged += commands.purge(site, before)
    if purged:
        log.info("commands_purged", commands=purged)
    return purged


_Told = link.Deliver | link.Cancel | link.Synchronise | link.RefreshWorklists


def _told(site: Site, caller: Caller, now: datetime) -> list[_Told]:
    told: list[_Told] = []
    items = 0
    while items < MOST_ITEMS_AT_ONCE and len(told) < link.MOST_COMMANDS:
        rows = commands.lease(site, caller.gateway_id, most=1, until=now + LEASE, now=now)
        if not rows:
            break
        message = _message(site, caller, rows[0])
        if message is None:  # nothing of it is wanted any more
            commands.acknowledge(site, caller.gateway_id, [rows[0].id], now)
            continue
        told.append(message)
        items += len(rows[0].item_ids)
    return told


def _message(site: Site, caller: Caller, row: CommandRow) -> _Told | None:
    if row.kind == "refresh_worklists":
        return link.RefreshWorklists(command_id=row.id)
    if row.kind == "synchronise" or row.delivery_id is None:
        return link.Synchronise(command_id=row.id)
    if row.kind == "cancel":
        return link.Cancel(command_id=row.id, delivery_id=row.delivery_id)
    wanted = [one for one in deliveries.ordered(site, caller.gateway_id, row.item_ids) if one.state not in _GONE]
    if not wanted or row.connection_id is None:
        return None
    return link.Deliver(
        command_id=row.id,
        delivery_id=row.delivery_id,
        connection_id=row.connection_id,
        instances=tuple(_ordered(one) for one in wanted),
        resend=row.resend,
    )


def _ordered(row: OrderedRow) -> link.OrderedInstance:
    return link.OrderedInstance(
        item_id=row.item_id,
        sop_class_uid=row.sop_class_uid,
        sop_instance_uid=row.sop_instance_uid,
        study_instance_uid=row.study_instance_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        size=row.size,
        object_sha256=row.object_sha256.hex(),
        dataset_sha256=row.dataset_sha256.hex(),
    )
