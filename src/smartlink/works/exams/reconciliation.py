"""What a gateway is told when it asks whether everything arrived, and delivering anew what a PACS has lost."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog

from smartlink.link.reconciliation import (
    ComparedInstances,
    ComparedStudies,
    CompareInstances,
    CompareStudies,
    Holding,
    SendsAgain,
    digest_of,
)
from smartlink.works import audit
from smartlink.works.access import Access, Site
from smartlink.works.exams import submission
from smartlink.works.exams.delivery import Item, State
from smartlink.works.exams.rights import Actor
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import connections, deliveries, holdings, submissions
from smartlink.works.store.deliveries import DeliveryRow

log = structlog.get_logger(__name__)

_OF_UPLOADS: Final = {"ingested": Holding.HELD, "withheld": Holding.DELETED, "failed": Holding.FAILED}


def studies(access: Access, caller: Caller, asked: CompareStudies) -> ComparedStudies:
    """The studies of which the facility's exams hold exactly the instances that the gateway has."""
    told = {one.study_instance_uid: one.digest for one in asked.studies}
    with access.organisation(caller.organisation_id) as site:
        found = holdings.of_studies(site, caller.facility_id, list(told))
    return ComparedStudies(
        same=tuple(
            one.study_instance_uid for one in found if digest_of(one.sop_instance_uids) == told[one.study_instance_uid]
        )
    )


def instances(access: Access, caller: Caller, asked: CompareInstances, now: datetime) -> ComparedInstances:
    """What the organisation has of each instance."""
    uids, study = asked.sop_instance_uids, asked.study_instance_uid
    with access.organisation(caller.organisation_id) as site:
        held = holdings.held(site, study, uids)
        deleted = holdings.deleted(site, study, uids)
        uploaded = holdings.uploaded(site, study, uids, now)

    def holding(uid: str) -> Holding:
        if uid in held:
            return Holding.HELD
        if uid in deleted:
            return Holding.DELETED
        state = uploaded.get(uid)
        return Holding.MISSING if state is None else _OF_UPLOADS.get(state, Holding.ON_THE_WAY)

    return ComparedInstances(holdings=tuple(holding(uid) for uid in uids))


def send_again(access: Access, caller: Caller, item_ids: Sequence[uuid.UUID], now: datetime) -> SendsAgain:
    """Deliver these instances of the gateway's deliveries once more, to the PACS that they were ordered for.

    Only what was reported as sent, is not deleted, and is not on its way there again.
    """
    taken: list[uuid.UUID] = []
    with access.organisation(caller.organisation_id) as site:
        known = deliveries.items_of_gateway(site, caller.gateway_id, list(dict.fromkeys(item_ids)))
        for row in deliveries.lock(site, list({one.delivery_id for one in known})):
            lost = [one for one in known if one.delivery_id == row.id and one.state == Item.SENT]
            wanted = _wanted(site, row, [one.instance_id for one in lost])
            if wanted:
                _anew(site, caller, row, wanted, now)
                taken += [one.id for one in lost if one.instance_id in wanted]
    log.info("lost_sent_again", gateway_id=str(caller.gateway_id), asked=len(item_ids), taken=len(taken))
    return SendsAgain(item_ids=tuple(taken))


def _wanted(site: Site, row: DeliveryRow, instance_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Those that are still in the exam and not under way to this PACS."""
    connection = connections.get(site, row.connection_id)
    if connection is None or connection.deleted_at is not None:
        return []
    there = set(submissions.instances(site, row.exam_id))
    moving = set(deliveries.moving(site, row.exam_id, row.connection_id))
    return [one for one in instance_ids if one in there and one not in moving]


def _anew(site: Site, caller: Caller, row: DeliveryRow, wanted: Sequence[uuid.UUID], now: datetime) -> None:
    exam = submissions.lock_exam(site, row.exam_id)
    if exam is None:
        return
    fresh = submission.start(site, Actor(site.organisation_id), exam, row.connection_id, wanted, now, again=True)
    audit.record(
        site,
        now=now,
        actor_kind="gateway",
        actor_id=caller.gateway_id,
        action="lost_sent_again",
        object_kind="exam",
        object_id=row.exam_id,
        detail={"former": str(row.id), "delivery_id": str(fresh), "state": State(row.state), "images": len(wanted)},
    )
