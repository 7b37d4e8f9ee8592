"""What a person may know of this gateway at a glance, for the command line and the console: counts and times."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import psutil

from smartlink.gateway.certificates import Pair, looked_at, pairs_in_use
from smartlink.gateway.connections import Approval
from smartlink.gateway.intake import read_disk, reserve_of
from smartlink.gateway.settings import administrator_settings
from smartlink.gateway.store import (
    audit,
    commitments,
    connections,
    counters,
    deliveries,
    delivery_list,
    destinations,
    instances,
    licences,
    offered,
    orders,
    refusals,
    service,
    settings,
    worklists,
)
from smartlink.link.connections import Kind
from smartlink.standard.sop_class import may_be_image

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from smartlink.gateway.delivery import State
    from smartlink.gateway.store.database import Database, Transaction

_STATE_OF_NEWCOMER: Final = {
    Approval.APPROVED: "new",
    Approval.WAITING: "waiting for approval",
    Approval.BLOCKED: "blocked",
}
_SILENT: Final = timedelta(seconds=30)


def status_of(database: Database, folder: Path, now: datetime) -> dict[str, Any]:
    """Return licence, service, receiver, deliveries, disk and the way to Works."""

    def ask(tx: Transaction) -> dict[str, Any]:
        values = administrator_settings(settings.all_values(tx))
        disk = read_disk(folder)
        return {
            "licence": _licence(licences.find(tx)),
            **_service(service.find(tx), now),
            "deliveries": {state.value: n for state, n in counters.deliveries(tx, deliveries.WORKS).items()},
            "instances": counters.instances(tx),
            "disk": {
                "free_bytes": disk.free,
                "total_bytes": disk.total,
                "reserve_bytes": reserve_of(disk, values.disk_reserve_bytes),
            },
            "works": _link(service.find_link(tx)),
            "pacs": _pacs(tx),
            "to_be_fetched": orders.missing(tx).count,
            "refused": asdict(refusals.total(tx)),
            "commitments": _commitments(tx),
            "certificates": _certificates(pairs_in_use(values, connections.live(tx)), now),
        }

    return database.read(ask)


def connections_of(database: Database) -> list[dict[str, Any]]:
    """Return all connections with the words that a list shows."""

    def ask(tx: Transaction) -> list[dict[str, Any]]:
        return [
            {
                "id": str(one.id),
                "kind": one.kind.value,
                "name": one.name,
                "ae_title": str(one.ae_title),
                "host": one.host,
                "port": one.port,
                "addresses": connections.addresses(tx, one.id),
                "specialty_ids": [str(specialty) for specialty in one.specialty_ids],
                "mapping": None if one.mapping is None else one.mapping.value,
                "status": one.status_words,
                "approval": one.approval.value,
                "waiting_bytes": one.waiting_bytes,
                "in_works": one.is_in_works,
                "pending": one.is_pending,
                "problem": one.problem,
                "send_directly": one.send_directly,
                "tls": None if one.tls is None else asdict(one.tls),
                "query": None if one.query is None else asdict(one.query),
                "verified_at": one.verified_at,
                "last_seen_at": one.last_seen_at,
                "last_image_at": one.last_image_at,
            }
            for one in connections.live(tx)
        ]

    return database.read(ask)


def worklists_of(database: Database, *, with_items: bool) -> list[dict[str, Any]]:
    """Return how each worklist server does; `with_items` also its last good list, which holds patients."""

    def ask(tx: Transaction) -> list[dict[str, Any]]:
        known = worklists.live(tx)
        found = []
        for one in connections.live(tx):
            if one.kind is Kind.WORKLIST:
                told = _worklist(known.get(one.id))
                more = {"list": [item.model_dump() for item in worklists.items(tx, one.id)]} if with_items else {}
                found.append({"id": str(one.id), "name": one.name, "ae_title": str(one.ae_title), **told, **more})
        return found

    return database.read(ask)


def _worklist(known: worklists.Worklist | None) -> dict[str, Any]:
    return {
        "fetched_at": None if known is None else known.fetched_at,
        "checked_at": None if known is None else known.checked_at,
        "items": 0 if known is None else known.items,
        "truncated": known is not None and known.truncated,
        "unreadable": 0 if known is None else known.unreadable,
        "failing_since": None if known is None else known.failing_since,
        "problem": None if known is None else known.problem,
        "remedy": None if known is None else known.remedy,
    }


def refusals_of(database: Database, limit: int) -> list[dict[str, Any]]:
    """Return who was turned away at the DICOM port, the last first, at most `limit`."""
    return [asdict(one) for one in database.read(lambda tx: refusals.listing(tx, limit))]


def callers_of(database: Database, since: datetime, limit: int) -> list[dict[str, Any]]:
    """Return who called since then and was unknown, waits, is blocked or was turned away; the last first (R67)."""

    def ask(tx: Transaction) -> list[dict[str, Any]]:
        new: list[dict[str, Any]] = [
            {
                "calling_ae_title": one.ae_title,
                "address": one.address,
                "state": _STATE_OF_NEWCOMER[one.approval],
                "why": None,
                "times": None,
                "first_at": one.first_at,
                "last_at": one.last_at,
            }
            for one in connections.newcomers(tx, since, limit)
        ]
        turned: list[dict[str, Any]] = [
            {
                "calling_ae_title": one.calling_ae_title,
                "address": one.address,
                "state": "refused",
                "why": one.why,
                "times": one.times,
                "first_at": one.first_at,
                "last_at": one.last_at,
            }
            for one in refusals.listing(tx, limit)
            if one.last_at >= since
        ]
        return sorted(new + turned, key=lambda one: one["last_at"], reverse=True)[:limit]

    return database.read(ask)


def syntaxes_of(database: Database, limit: int) -> list[dict[str, Any]]:
    """Return which SOP Classes callers proposed in vain, at most `limit`, and whether they are taken by now."""

    def ask(tx: Transaction) -> list[dict[str, Any]]:
        values = administrator_settings(settings.all_values(tx))
        return [
            {
                **asdict(one),
                "may_be_allowed": may_be_image(one.abstract_syntax_uid),
                "allowed": one.abstract_syntax_uid in values.abstract_syntaxes
                or (values.any_abstract_syntax and may_be_image(one.abstract_syntax_uid)),
            }
            for one in offered.listing(tx, limit)
        ]

    return database.read(ask)


def _commitments(tx: Transaction) -> dict[str, Any]:
    """How many results of Storage Commitment are still to be told, and what is in the way of the latest."""
    latest = next(iter(commitments.listing(tx, 1)), None)
    return {"waiting": commitments.count(tx), "problem": None if latest is None else latest.problem}


def queue_of(database: Database, state: State | None, limit: int) -> dict[str, Any]:
    """Return the totals of each state and the newest deliveries, at most `limit`."""

    def ask(tx: Transaction) -> dict[str, Any]:
        counts = counters.deliveries(tx, deliveries.WORKS)
        return {
            "counts": {state.value: count for state, count in counts.items()},
            "total": sum(counts.values()),
            "pacs": _pacs(tx),
            "to_be_fetched": orders.missing(tx).count,
            "items": [_item(one) for one in delivery_list.listing(tx, state, limit)],
            "unreadable": [
                {"spool_name": one.spool_name, "why": one.unreadable, "received_at": one.kept_at}
                for one in instances.unreadable(tx, limit)
            ],
        }

    return database.read(ask)


def audit_of(database: Database, since: datetime, limit: int) -> list[dict[str, Any]]:
    """Return who changed what since then, the last first, at most `limit`."""
    return [asdict(one) for one in database.read(lambda tx: audit.listing(tx, since, limit))]


def _certificates(pairs: Sequence[Pair], now: datetime) -> dict[str, dict[str, Any]]:
    """Return for each certificate that we show, by who shows it, until when it is valid or what is wrong with it."""
    found = [looked_at(pair, now) for pair in pairs]
    return {
        one.pair.shown_by: {
            "expires_at": one.expires_at,
            "days_left": None if one.expires_at is None else (one.expires_at - now).days,
            "problem": one.problem,
        }
        for one in found
    }


def _pacs(tx: Transaction) -> dict[str, dict[str, Any]]:
    """Return for each PACS, by its AE title, how many deliveries are in which state and what is wrong with it."""
    found = {}
    for one in connections.live(tx):
        if one.kind is Kind.PACS:
            how = destinations.find(tx, str(one.id))
            counts = counters.deliveries(tx, str(one.id))
            found[str(one.ae_title)] = {
                **{state.value: count for state, count in counts.items()},
                "connection_id": str(one.id),
                "failing_since": how.failing_since,
                "problem": how.problem,
                "last_accepted_at": how.last_accepted_at,
            }
    return found


def _item(one: delivery_list.Listed) -> dict[str, Any]:
    return {
        "id": one.id,
        "destination": one.destination,
        "state": one.state.value,
        "words": one.state.words,
        "attempts": one.attempts,
        "cause": one.cause,
        "remedy": one.remedy,
        "note": one.note,
        "received_at": one.received_at,
        "next_attempt_at": None if one.state.is_final else one.next_attempt_at,
        "sent_at": one.sent_at,
        "sop_instance_uid": one.sop_instance_uid,
        "study_instance_uid": one.study_instance_uid,
        "calling_ae_title": one.calling_ae_title,
        "duplicate": one.duplicate,
        "conflict": one.conflict,
    }


def _licence(found: licences.Licence | None) -> dict[str, Any]:
    if found is None:
        return {"state": "unlicensed"}
    return {
        "state": found.state.value,
        "meaning": found.state.words,
        "organisation": found.organisation_name,
        "facility": found.facility_name,
        "works_url": found.works_url,
        "gateway_id": None if found.gateway_id is None else str(found.gateway_id),
        "activated_at": found.activated_at,
        "revoked_at": found.revoked_at,
    }


def _service(found: service.Service | None, now: datetime) -> dict[str, Any]:
    """Tell what the service wrote of itself, if it lives: its process is there and it wrote lately."""
    runs = (
        found is not None
        and found.stopped_at is None
        and now - found.beat_at < _SILENT
        and psutil.pid_exists(found.pid)
    )
    if found is None or not runs:
        problem = None if found is None else found.receiver_problem
        return {
            "service": {"running": False, "pid": None, "started_at": None},
            "receiver": {"open": False, "ae_title": None, "port": None, "tls_port": None, "problem": problem},
        }
    return {
        "service": {"running": True, "pid": found.pid, "version": found.version, "started_at": found.started_at},
        "receiver": {
            "open": (found.receiver_port or found.receiver_tls_port) is not None,
            "ae_title": found.receiver_ae_title,
            "port": found.receiver_port,
            "tls_port": found.receiver_tls_port,
            "problem": found.receiver_problem,
        },
    }


def _link(found: service.WorksLink) -> dict[str, Any]:
    return {
        "last_heartbeat_at": found.last_heartbeat_at,
        "last_sync_at": found.last_sync_at,
        "last_receipt_at": found.last_receipt_at,
        "failing_since": found.failing_since,
        "problem": found.problem,
        "clock_skew_seconds": found.clock_skew_seconds,
    }
