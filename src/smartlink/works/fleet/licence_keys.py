"""Licence keys: made for one facility, shown once, stored hashed (R29 to R35)."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from smartlink.link import licence_key
from smartlink.works import audit
from smartlink.works.access import Site
from smartlink.works.errors import NotFound
from smartlink.works.exams import outbox
from smartlink.works.store import gateways, licence_keys

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new licence key. `key` exists nowhere else: show it once."""

    id: uuid.UUID
    facility_id: uuid.UUID
    prefix: str
    key: str = field(repr=False)
    revoked_gateways: int = 0
    """How many gateways lost their credential to it: 0 for a first key (R32)."""


@dataclass(frozen=True, slots=True)
class Current:
    """The valid key of a facility, and what would be lost by regenerating it (R35)."""

    id: uuid.UUID
    prefix: str
    created_at: datetime
    gateway_id: uuid.UUID | None
    queue: dict[str, Any]
    """The pending counts that the gateway last reported; empty when there is none."""


def create(site: Site, facility_id: uuid.UUID, *, by: uuid.UUID | None, now: datetime) -> CreatedKey:
    """Make a key for the facility. A former key and its gateway's credential end in the same transaction (R33)."""
    if not licence_keys.lock_facility(site, facility_id):
        message = "There is no such facility."
        raise NotFound(message)
    licence_keys.revoke(site, facility_id, now)
    ended = gateways.revoke_in_facility(site, facility_id)
    outbox.deliveries_of_replaced_gateways(site, ended, now)
    revoked = len(ended)
    text = licence_key.generate()
    created = CreatedKey(uuid.uuid4(), facility_id, licence_key.prefix(text), text, revoked)
    licence_keys.insert(
        site,
        id=created.id,
        facility_id=facility_id,
        key_hash=bytes.fromhex(licence_key.digest(text)),
        prefix=created.prefix,
        created_by=by,
        now=now,
    )
    audit.record(
        site,
        now=now,
        actor_kind="operator" if by is None else "person",
        actor_id=by,
        action="licence_key_created",
        object_kind="facility",
        object_id=facility_id,
        detail={"licence_key_id": str(created.id), "revoked_gateways": revoked},
    )
    log.info("licence_key_created", facility_id=str(facility_id), licence_key_id=str(created.id), revoked=revoked)
    return created


def current(site: Site, facility_id: uuid.UUID) -> Current | None:
    """The facility's valid key; None before the first one, when no warning is due (R32)."""
    key = licence_keys.current(site, facility_id)
    if key is None:
        return None
    gateway = gateways.active_with_key(site, key.id)
    queue = {} if gateway is None else gateway.status.get("queue", {})
    return Current(key.id, key.prefix, key.created_at, None if gateway is None else gateway.id, queue)
