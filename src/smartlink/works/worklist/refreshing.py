"""Anybody who works at a facility has its worklists read anew, through the command channel of its gateways (F7)."""

import uuid
from dataclasses import dataclass
from datetime import datetime

import structlog

from smartlink.works.access import Access
from smartlink.works.errors import NotFound
from smartlink.works.exams import rights
from smartlink.works.exams.rights import Actor
from smartlink.works.fleet import commands
from smartlink.works.store import gateways, standing, worklists

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """How many worklist servers will be asked, by how many gateways; none of either when there is nothing to ask."""

    servers: int
    gateways: int


def refresh(access: Access, actor: Actor, facility_id: uuid.UUID, now: datetime) -> Asked:
    """Ask the facility's gateways to read its worklists now; asking again while they have yet to hear is harmless.

    Raises NotFound for somebody who does not work there.
    """
    with access.organisation(actor.organisation_id) as site:
        stranger = actor.person_id is not None and standing.of_person(site, actor.person_id, facility_id, None) is None
        if stranger:
            message = "There is no such facility."
            raise NotFound(message)
        servers = worklists.servers(site, facility_id, None, now)
        asked = set()
        for gateway_id in {server.gateway_id for server in servers}:
            gateway = gateways.get(site, gateway_id)
            if gateway is not None and gateway.state == "active":
                commands.refresh_worklists(site, gateway_id, now)
                asked.add(gateway_id)
        count = sum(server.gateway_id in asked for server in servers)
    log.info("worklist_refresh_asked", facility_id=str(facility_id), servers=count, gateways=len(asked))
    return Asked(count, len(asked))


def refresh_for(access: Access, actor: Actor, exam_id: uuid.UUID, now: datetime) -> Asked:
    """The same, for whoever looks for the step of an exam. Raises NotFound, NotAllowed."""
    with access.organisation(actor.organisation_id) as site:
        exam = rights.own_exam(site, actor, exam_id)
    return refresh(access, actor, exam.facility_id, now)
