"""Lists of worklist servers, received from gateways and shown to people (F7, R52-R58).

A put replaces what Works has of its server, and one that is older than that changes nothing. Items are purged when
their time is over, 48 hours after they were read at the latest, whatever becomes of server and gateway.
"""

import hashlib
import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from smartlink.link.connections import Kind
from smartlink.link.problems import ProblemType
from smartlink.link.worklist import WorklistItem, WorklistPut, WorklistTaken
from smartlink.works.access import Access
from smartlink.works.errors import LinkRefused
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import connections, lookups, worklists
from smartlink.works.store.listen import tell
from smartlink.works.store.worklists import NewItem, WorklistRow

log = structlog.get_logger(__name__)

KEPT: Final = timedelta(hours=48)
_CLOCKS_MAY_DIFFER: Final = timedelta(minutes=1)


def take(access: Access, caller: Caller, connection_id: uuid.UUID, told: WorklistPut, now: datetime) -> WorklistTaken:
    """Keep what the gateway says of one server; repeating it changes nothing.

    Raises LinkRefused (connection_unknown) for what is no worklist server of the caller's facility, or no more.
    """
    with access.organisation(caller.organisation_id) as site:
        known = connections.lock(site, connection_id)
        if (
            known is None
            or known.facility_id != caller.facility_id
            or known.deleted_at is not None
            or known.kind != Kind.WORKLIST
        ):
            raise LinkRefused(ProblemType.CONNECTION_UNKNOWN, "This is no worklist server of the facility.")
        former = worklists.lock(site, connection_id)
        if former is None or not _is_older(told.checked_at, former.checked_at, now):
            worklists.put(site, _row(connection_id, told, now))
            if told.items is not None:
                fetched_at = min(told.fetched_at or told.checked_at, now)
                worklists.replace(site, connection_id, new_items(connection_id, told.items, fetched_at))
            tell(site, connection_id)
        count = worklists.count(site, connection_id)
    log.info("worklist_taken", connection_id=str(connection_id), items=count, failing=told.failing_since is not None)
    return WorklistTaken(connection_id=connection_id, items=count)


def purge(access: Access, now: datetime) -> int:
    """Forget the items whose time is over, in every organisation; how many those were."""
    with access.outside() as transaction:
        organisations = lookups.worklists_expired(transaction, now)
    purged = 0
    for organisation_id in organisations:
        with access.organisation(organisation_id) as site:
            purged += worklists.purge(site, now)
    if purged:
        log.info("worklist_items_purged", items=purged)
    return purged


def new_items(connection_id: uuid.UUID, items: Sequence[WorklistItem], fetched_at: datetime) -> list[NewItem]:
    """The items as they are stored, each step once, under an id that is the same in every list of this server."""
    found: dict[uuid.UUID, NewItem] = {}
    for item in items:
        key = merge_key(item)
        item_id = uuid.uuid5(connection_id, key)
        expires_at = min(fetched_at, item.start_at) + KEPT
        found.setdefault(
            item_id,
            NewItem(
                id=item_id,
                merge_key=key,
                expires_at=expires_at.isoformat(),
                birth_date="" if item.birth_date is None else item.birth_date.isoformat(),
                start_at=item.start_at.isoformat(),
                **item.model_dump(exclude={"birth_date", "start_at"}),
            ),
        )
    return list(found.values())


def merge_key(item: WorklistItem) -> str:
    """What two servers say alike of the same step: patient and study, or patient and order, else all of it.

    The patient is part of it always: two patients are never taken for one.
    """
    if item.study_instance_uid is not None:
        parts = ["study", item.patient_id, item.study_instance_uid, item.step_id]
    elif item.accession_number or item.requested_procedure_id:
        order = (item.accession_number, item.requested_procedure_id, item.step_id)
        parts = ["order", item.issuer_of_patient_id, item.patient_id, *order]
    else:
        parts = ["item", item.model_dump_json(exclude={"guessed"})]
    if not item.patient_id:
        parts.append(item.patient_name)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _is_older(told: datetime, known: datetime, now: datetime) -> bool:
    """Whether something newer is known; what a wrong clock once dated into the future is not."""
    return told < known <= now + _CLOCKS_MAY_DIFFER


def _row(connection_id: uuid.UUID, told: WorklistPut, now: datetime) -> WorklistRow:
    return WorklistRow(
        connection_id=connection_id,
        checked_at=told.checked_at,
        received_at=now,
        fetched_at=told.fetched_at,
        truncated=told.truncated,
        unreadable=told.unreadable,
        failing_since=told.failing_since,
        problem=told.problem,
        remedy=told.remedy,
    )
