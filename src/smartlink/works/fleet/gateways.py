"""Gateways: activation by licence key, the sign of life, and the configuration they mirror (R28 to R38)."""

import hashlib
import uuid
from datetime import datetime, timedelta
from typing import Final

import structlog

from smartlink.link import assertion, licence_key
from smartlink.link.activation import Activate, Activated, Released
from smartlink.link.assertion import AssertionRefused
from smartlink.link.configuration import Configuration, Facility, Named
from smartlink.link.heartbeat import Heartbeat, HeartbeatAcknowledged
from smartlink.link.licence_key import LicenceKeyMistyped
from smartlink.link.problems import ProblemType
from smartlink.works import audit
from smartlink.works.access import Access, Site
from smartlink.works.errors import LinkRefused
from smartlink.works.exams import outbox
from smartlink.works.fleet import connections
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import configuration as rows
from smartlink.works.store import gateways, licence_keys, lookups
from smartlink.works.store.gateways import Gateway
from smartlink.works.store.licence_keys import LicenceKey

log = structlog.get_logger(__name__)

SILENT_FOR: Final = timedelta(hours=24)
"""After so long without a sign of life, the same key may activate another installation (R38)."""


def activate(access: Access, request: Activate, now: datetime) -> Activated:
    """Bind an installation to its licence key; raises LinkRefused (licence_unknown, _revoked, _in_use).

    The same installation with the same key gets the same answer again: the first may have been lost on the way.
    """
    try:
        key = licence_key.parse(request.licence_key.get_secret_value())
        assertion.load_public(request.public_key)
    except LicenceKeyMistyped as mistyped:
        raise LinkRefused(ProblemType.LICENCE_UNKNOWN, str(mistyped)) from mistyped
    except AssertionRefused as refusal:
        raise LinkRefused(ProblemType.REQUEST_INVALID, str(refusal)) from refusal
    with access.outside() as transaction:
        ids = lookups.licence_key(transaction, bytes.fromhex(licence_key.digest(key)))
    if ids is None:
        raise LinkRefused(ProblemType.LICENCE_UNKNOWN, "Works does not know this licence key: copy it again.")
    with access.organisation(ids.organisation_id) as site:
        known = licence_keys.lock(site, ids.licence_key_id)
        if known is None or known.revoked_at is not None:
            raise LinkRefused(ProblemType.LICENCE_REVOKED, "This licence key was replaced by a newer one.")
        gateway_id, activated_at = _bind(site, known, request, now)
        told = configuration(site, known.facility_id)
        audit.record(
            site,
            now=now,
            actor_kind="gateway",
            actor_id=gateway_id,
            action="gateway_activated",
            object_kind="facility",
            object_id=known.facility_id,
            detail={"licence_key_id": str(known.id), "installation_id": str(request.installation_id)},
        )
    log.info("gateway_activated", gateway_id=str(gateway_id), facility_id=str(known.facility_id))
    return Activated(gateway_id=gateway_id, configuration=told, activated_at=activated_at)


def release(access: Access, caller: Caller, now: datetime) -> Released:
    """The gateway stops for good: its key is free, and what it had not delivered goes to the Outbox (R38, R134)."""
    with access.organisation(caller.organisation_id) as site:
        gateways.release(site, caller.gateway_id)
        returned = outbox.deliveries_of_replaced_gateways(site, [caller.gateway_id], now)
        audit.record(
            site,
            now=now,
            actor_kind="gateway",
            actor_id=caller.gateway_id,
            action="gateway_released",
            object_kind="facility",
            object_id=caller.facility_id,
            detail={"to_outbox": returned},
        )
    log.info("gateway_released", gateway_id=str(caller.gateway_id), facility_id=str(caller.facility_id))
    return Released(released_at=now)


def heartbeat(access: Access, caller: Caller, beat: Heartbeat, now: datetime) -> HeartbeatAcknowledged:
    """Record that the gateway is alive and how it does."""
    with access.organisation(caller.organisation_id) as site:
        gateways.beat(site, caller.gateway_id, version=beat.version, status=beat.model_dump(mode="json"), now=now)
        etag = etag_of(configuration(site, caller.facility_id))
    return HeartbeatAcknowledged(server_time=now, configuration_etag=etag)


def configuration_of(access: Access, caller: Caller) -> tuple[Configuration, str]:
    """What the caller should mirror, and its ETag."""
    with access.organisation(caller.organisation_id) as site:
        told = configuration(site, caller.facility_id)
    return told, etag_of(told)


def configuration(site: Site, facility_id: uuid.UUID) -> Configuration:
    """What a gateway of this facility should mirror; raises LinkRefused (unavailable) while it has no specialty."""
    facility = rows.facility(site, facility_id)
    specialties = rows.specialties(site, facility_id)
    if facility is None or not specialties:
        raise LinkRefused(ProblemType.UNAVAILABLE, "The facility has no specialty yet: add one in Works first.")
    default = facility.default_specialty_id or specialties[0].id
    return Configuration(
        organisation=Named(id=site.organisation_id, name=facility.organisation_name),
        facility=Facility(id=facility.id, name=facility.name, time_zone=facility.time_zone),
        specialties=tuple(Named(id=one.id, name=one.name) for one in specialties),
        default_specialty_id=default,
        connections=connections.of_facility(site, facility_id),
    )


def etag_of(told: Configuration) -> str:
    """The ETag of a configuration: its content's digest, in quotes. When scanners were last seen does not count."""
    content = told.model_dump_json(exclude={"connections": {"__all__": {"last_seen_at"}}})
    return f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'


def _bind(site: Site, key: LicenceKey, request: Activate, now: datetime) -> tuple[uuid.UUID, datetime]:
    """The gateway that this installation is from now on, and since when."""
    present = gateways.active_with_key(site, key.id)
    if present is not None:
        if present.installation_id == str(request.installation_id):
            _renew(site, present, request)
            return present.id, present.activated_at
        if now - present.last_sign_of_life < SILENT_FOR:
            raise LinkRefused(
                ProblemType.LICENCE_IN_USE,
                "Another SmartLink works with this licence key: regenerate the key in Works to replace it.",
            )
        gateways.revoke(site, present.id)
        outbox.deliveries_of_replaced_gateways(site, [present.id], now)
    gateway_id = uuid.uuid4()
    gateways.insert(
        site,
        Gateway(
            id=gateway_id,
            facility_id=key.facility_id,
            licence_key_id=key.id,
            installation_id=str(request.installation_id),
            public_key=request.public_key,
            version=request.version,
            state="active",
            activated_at=now,
            last_heartbeat_at=None,
            status={"host": request.host},
        ),
    )
    return gateway_id, now


def _renew(site: Site, present: Gateway, request: Activate) -> None:
    if present.public_key != request.public_key:
        gateways.remove_tokens(site, present.id)
    gateways.renew(site, present.id, public_key=request.public_key, version=request.version)
