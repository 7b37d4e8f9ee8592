"""Connections: the gateway owns them, Works mirrors them and keeps AE titles unique in a facility (R61, R66, R87)."""

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import structlog

from smartlink.link.connections import Connection, ConnectionAcknowledged, ConnectionDeleted, ConnectionPut, Kind
from smartlink.link.problems import ProblemType
from smartlink.works import audit
from smartlink.works.access import Access, Site
from smartlink.works.errors import LinkRefused
from smartlink.works.exams import outbox
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import connections, worklists
from smartlink.works.store.connections import ConnectionRow
from smartlink.works.store.database import Clash

log = structlog.get_logger(__name__)

DUPLICATE: Final = (
    "Another connection of this facility has the same AE title: look in Works for it, and give one of them another."
)


def put(
    access: Access, caller: Caller, connection_id: uuid.UUID, wanted: ConnectionPut, now: datetime
) -> ConnectionAcknowledged:
    """Add or change a connection of the caller's facility; repeating it changes nothing.

    An ultrasound system that the facility knows already under this AE title is updated, and its id is the answer.
    Raises LinkRefused (connection_duplicate, connection_unknown, specialty_unknown).
    """
    with access.organisation(caller.organisation_id) as site:
        _check_specialties(site, caller, wanted)
        known = connections.lock(site, connection_id)
        if known is not None:
            acknowledged = _change(site, caller, known, wanted, now)
        else:
            acknowledged = _add(site, caller, connection_id, wanted, now)
    log.info("connection_put", connection_id=str(acknowledged.id), kind=wanted.kind, version=acknowledged.version)
    return acknowledged


def delete(access: Access, caller: Caller, connection_id: uuid.UUID, now: datetime) -> ConnectionDeleted:
    """Delete a connection of the caller's facility for good; repeating it changes nothing (R83-R86).

    Raises LinkRefused (connection_unknown) for another facility's connection.
    """
    with access.organisation(caller.organisation_id) as site:
        known = connections.lock(site, connection_id)
        if known is not None and known.facility_id != caller.facility_id:
            raise LinkRefused(ProblemType.CONNECTION_UNKNOWN, "This connection is not one of the facility.")
        if known is not None and known.deleted_at is None:
            connections.tombstone(site, connection_id, now)
            worklists.forget(site, connection_id)
            to_outbox = outbox.deliveries_of_deleted_connection(site, connection_id, now)
            detail = {"kind": known.kind, "ae_title": known.ae_title, "name": known.name, "to_outbox": to_outbox}
            _entered(site, caller, "connection_deleted", connection_id, detail, now)
    log.info("connection_deleted", connection_id=str(connection_id))
    return ConnectionDeleted(id=connection_id)


def of_facility(site: Site, facility_id: uuid.UUID) -> tuple[Connection, ...]:
    """The connections of a facility as the link shows them."""
    return tuple(
        Connection.model_validate(
            {
                "id": row.id,
                "kind": row.kind,
                "name": row.name,
                "ae_title": row.ae_title,
                "host": row.host,
                "port": row.port,
                "specialty_ids": row.specialty_ids,
                "mapping": row.mapping,
                "status": row.status,
                "last_seen_at": row.last_seen_at,
                "version": row.version,
            }
        )
        for row in connections.of_facility(site, facility_id)
    )


def _check_specialties(site: Site, caller: Caller, wanted: ConnectionPut) -> None:
    asked = list(dict.fromkeys(wanted.specialty_ids))
    if wanted.kind is Kind.WORKLIST and len(asked) != 1:
        raise LinkRefused(ProblemType.REQUEST_INVALID, "A worklist server has one specialty.")  # R54
    if len(connections.active_specialties(site, caller.facility_id, asked)) != len(asked):
        raise LinkRefused(ProblemType.SPECIALTY_UNKNOWN, "A specialty is unknown or no longer used: synchronise first.")


def _change(
    site: Site, caller: Caller, known: ConnectionRow, wanted: ConnectionPut, now: datetime
) -> ConnectionAcknowledged:
    if known.facility_id != caller.facility_id or known.deleted_at is not None:
        raise LinkRefused(ProblemType.CONNECTION_UNKNOWN, "This connection is not one of the facility any more.")
    return _write(site, caller, known, _row(caller, known.id, wanted, version=known.version), now)


def _add(
    site: Site, caller: Caller, connection_id: uuid.UUID, wanted: ConnectionPut, now: datetime
) -> ConnectionAcknowledged:
    fresh = _row(caller, connection_id, wanted, version=1)
    if connections.insert(site, fresh, ae_norm=wanted.ae_title.casefold(), now=now):
        _entered(site, caller, "connection_added", fresh.id, {"new": _told(fresh)}, now)
        return ConnectionAcknowledged(id=connection_id, version=1)
    holder = connections.lock_by_ae_title(site, caller.facility_id, wanted.ae_title.casefold())
    if holder is None:  # the id itself is taken, by something that this organisation may not see
        raise LinkRefused(ProblemType.CONNECTION_UNKNOWN, "This connection needs another id: add it anew.")
    if holder.kind != Kind.ULTRASOUND or wanted.kind is not Kind.ULTRASOUND:
        raise LinkRefused(ProblemType.CONNECTION_DUPLICATE, DUPLICATE)
    # The scanner registered itself again: what people have set here meanwhile stays as it is.
    seen = replace(holder, gateway_id=caller.gateway_id, host=wanted.host, last_seen_at=wanted.last_seen_at)
    return _write(site, caller, holder, seen, now)


def _write(
    site: Site, caller: Caller, known: ConnectionRow, wanted: ConnectionRow, now: datetime
) -> ConnectionAcknowledged:
    """Write what differs; the version counts changes of substance, not sightings."""
    same = replace(wanted, last_seen_at=known.last_seen_at) == known
    if same and wanted.last_seen_at in {None, known.last_seen_at}:
        return ConnectionAcknowledged(id=known.id, version=known.version)
    version = known.version if same else known.version + 1
    try:
        connections.update(site, replace(wanted, version=version), ae_norm=wanted.ae_title.casefold(), now=now)
    except Clash as clash:
        raise LinkRefused(ProblemType.CONNECTION_DUPLICATE, DUPLICATE) from clash
    old, new = _told(known), _told(wanted)
    changed = [name for name in new if old[name] != new[name]]
    if changed:
        detail = {"old": {name: old[name] for name in changed}, "new": {name: new[name] for name in changed}}
        _entered(site, caller, "connection_changed", known.id, detail, now)
    return ConnectionAcknowledged(id=known.id, version=version)


def _told(row: ConnectionRow) -> dict[str, Any]:
    """What people have set of a connection; whether it answers just now is no act."""
    return {
        "kind": row.kind,
        "name": row.name,
        "ae_title": row.ae_title,
        "host": row.host,
        "port": row.port,
        "specialty_ids": [str(one) for one in row.specialty_ids],
        "mapping": row.mapping,
    }


def _entered(
    site: Site, caller: Caller, action: str, connection_id: uuid.UUID, detail: dict[str, Any], now: datetime
) -> None:
    audit.record(
        site,
        now=now,
        actor_kind="gateway",
        actor_id=caller.gateway_id,
        action=action,
        object_kind="connection",
        object_id=connection_id,
        detail=detail,
    )


def _row(caller: Caller, connection_id: uuid.UUID, wanted: ConnectionPut, *, version: int) -> ConnectionRow:
    return ConnectionRow(
        id=connection_id,
        facility_id=caller.facility_id,
        gateway_id=caller.gateway_id,
        kind=wanted.kind.value,
        name=wanted.name,
        ae_title=wanted.ae_title,
        host=wanted.host,
        port=wanted.port,
        specialty_ids=list(wanted.specialty_ids),
        mapping=None if wanted.mapping is None else wanted.mapping.value,
        status=wanted.status.value,
        version=version,
        last_seen_at=wanted.last_seen_at,
        deleted_at=None,
    )
