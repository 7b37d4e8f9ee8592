"""Adds, edits, tests and deletes connections as a person asks, for the command line and the console (R39-R51, R83-R87).

The running service tells Works of what was added or edited (`synchronisation`); only deleting waits for Works.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID, uuid4

import structlog

from smartlink.gateway.calling import Peer
from smartlink.gateway.certificates import check_pair, check_trust, pairs_of
from smartlink.gateway.connections import Approval, Changes, Connection, edited, new_pacs, new_worklist
from smartlink.gateway.delivery import State
from smartlink.gateway.errors import GiveUp, LicenceRevoked, Refused, TryAgain
from smartlink.gateway.messages import Message
from smartlink.gateway.store import configuration, connections, counters, deliveries, settings, worklists
from smartlink.link.connections import ConnectionDeleted, ConnectionStatus, Kind
from smartlink.link.problems import ProblemType

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()

DELETED: Final = "The PACS connection was deleted."


class Works(Protocol):
    """Works, as far as deleting needs it."""

    def delete_connection(self, connection_id: UUID) -> ConnectionDeleted:
        """Delete a connection for good."""


def find(database: Database, which: str) -> Connection:
    """Return the connection that a person means by its id, AE title or name, or raise Refused."""
    known = database.read(connections.live)
    wanted = which.strip().casefold()
    found = [one for one in known if wanted in {str(one.id), one.ae_title.folded}]
    found = found or [one for one in known if one.name.casefold() == wanted]
    if not found:
        raise Refused(f"There is no connection {which}. See: smartlink connections")
    if len(found) > 1:
        raise Refused(f"Several connections are named {which}: say the AE title.")
    return found[0]


def specialties(database: Database, wanted: Iterable[str]) -> tuple[UUID, ...]:
    """Return the ids of specialties that a person names by id or name, or raise Refused."""
    facility = database.read(configuration.find)
    known = {} if facility is None else facility.specialties
    by_name = {name.casefold(): key for key, name in known.items()} | {str(key): key for key in known}
    found: list[UUID] = []
    for text in wanted:
        key = by_name.get(text.strip().casefold())
        if key is None:
            names = ", ".join(sorted(known.values())) or "none until this gateway is activated"
            raise Refused(f"There is no specialty {text}. Specialties are: {names}.")
        found.append(key)
    return tuple(found)


def peer_of(connection: Connection, calling_ae_title: str) -> Peer:
    """Return the PACS or worklist server as we call it. Raises Refused for what cannot be called."""
    if connection.kind is Kind.ULTRASOUND or connection.port is None:  # its port is for Storage Commitment alone
        raise Refused("An ultrasound system cannot be tested from here: test on the system itself, it calls us.")
    return Peer(connection.host, connection.port, connection.ae_title, calling_ae_title, connection.tls)


def add_pacs(database: Database, wanted: Changes, now: datetime, *, verified: bool = False) -> Connection:
    """Store a PACS as typed; `verified`: a test of just these values succeeded (R45-R49). Raises Refused."""
    return _add(database, new_pacs(uuid4(), wanted), now, verified=verified)


def add_worklist(database: Database, wanted: Changes, now: datetime, *, verified: bool = False) -> Connection:
    """Store a worklist server as typed, as for a PACS; the service asks it at once (R53-R58). Raises Refused."""
    return _add(database, new_worklist(uuid4(), wanted), now, verified=verified)


def _add(database: Database, fresh: Connection, now: datetime, *, verified: bool) -> Connection:
    if verified:
        fresh = replace(fresh, status=ConnectionStatus.ACTIVE, verified_at=now)
    _check_files(fresh, now)

    def write(tx: Transaction) -> None:
        if not settings.all_values(tx):
            raise Refused("Complete SmartLink Settings first: smartlink settings NAME=VALUE")  # R43
        _refuse_taken(tx, fresh)
        connections.add(tx, fresh, now)

    database.write(write)
    log.info("connection_added", **_told(fresh), host=fresh.host, port=fresh.port, status=fresh.status.value)
    return fresh


def edit(database: Database, connection_id: UUID, wanted: Changes, now: datetime) -> Connection:
    """Store a connection as a person changed it; the running service tells Works. Raises Refused."""

    def write(tx: Transaction) -> Connection:
        known = connections.find(tx, connection_id)
        if known is None:
            raise Refused("This connection does not exist any more.")
        after = edited(known, wanted)
        if after == known:
            return known
        if after.tls != known.tls:
            _check_files(after, now)
        if after.ae_title.folded != known.ae_title.folded:
            _refuse_taken(tx, after)
        news = replace(after, send_directly=known.send_directly, tls=known.tls, query=known.query) != known
        connections.edit(tx, after, now, news=news)
        return after

    after = database.write(write)
    log.info("connection_edited", **_told(after), host=after.host, port=after.port, status=after.status.value)
    return after


def approve(database: Database, connection: Connection, now: datetime) -> None:
    """Let an ultrasound system in: Works is told of it, and what was held goes (R67). Raises Refused."""
    _judge(database, connection, Approval.APPROVED, now)


def block(database: Database, connection: Connection, now: datetime) -> None:
    """Turn an ultrasound system away from its next Association on; what is held of it stays (R67). Raises Refused."""
    _judge(database, connection, Approval.BLOCKED, now)


def _judge(database: Database, connection: Connection, approval: Approval, now: datetime) -> None:
    if connection.kind is not Kind.ULTRASOUND:
        raise Refused("Only ultrasound systems are approved or blocked: a PACS or worklist server is called by us.")
    if connection.approval is approval:
        raise Refused(f"{connection.name} is {approval.value} already.")
    database.write(lambda tx: connections.judge(tx, connection, approval, now))
    log.info("connection_judged", **_told(connection), approval=approval.value)


def verified(database: Database, connection: Connection, now: datetime) -> bool:
    """A test of this connection succeeded: it is Active, unless it was changed meanwhile (R49)."""
    return database.write(lambda tx: connections.verified(tx, connection, now))


def pending(database: Database, connection: Connection) -> int:
    """Return how many deliveries wait for this connection as their destination."""
    waiting = (State.HELD, State.WAITING, State.SENDING, State.PARKED)
    counts = database.read(lambda tx: counters.deliveries(tx, str(connection.id)))
    return sum(counts.get(state, 0) for state in waiting)


def delete(database: Database, works: Works, connection: Connection, now: datetime) -> None:
    """Delete a connection on both sides for good; without Works' word nothing is deleted (R83-R86). Raises Refused."""
    if connection.kind is Kind.ULTRASOUND and not connection.is_in_works:
        _refuse_holding(database, connection)
    try:
        works.delete_connection(connection.works_id or connection.id)
    except (TryAgain, GiveUp, LicenceRevoked) as error:
        if not (isinstance(error, TryAgain) and error.kind is ProblemType.CONNECTION_UNKNOWN):
            log.error("connection_not_deleted", **Message.DELETE_CONNECTION_FAILED.fields, **_told(connection))
            raise Refused(
                f"{Message.DELETE_CONNECTION_FAILED.text}: {error} The connection stays. Try again when Works answers."
            ) from error

    def write(tx: Transaction) -> None:
        # One that Works heard of in this very moment is deleted there by the next synchronisation.
        connections.delete(tx, connection.id, now, at_works=connection.works_id is not None)
        deliveries.abandon(tx, str(connection.id), now, DELETED)
        worklists.forget(tx, connection.id)

    database.write(write)
    log.info("connection_deleted", **_told(connection))


def _check_files(connection: Connection, now: datetime) -> None:
    """Raise Refused when a file by which the connection is to be secured cannot be used."""
    for pair in pairs_of(connection):
        check_pair(pair, now)
    if connection.tls is not None and connection.tls.ca_file is not None:
        check_trust(connection.tls.ca_file)


def _refuse_taken(tx: Transaction, wanted: Connection) -> None:
    holder = connections.find_by_ae(tx, wanted.ae_title)
    if holder is None or holder.id == wanted.id:
        return
    log.error(
        "connection_duplicate",
        **Message.POSSIBLE_DUPLICATE_CONNECTION.fields,
        ae_title=wanted.ae_title,
        connection_id=str(holder.id),
    )
    raise Refused(
        f"{Message.POSSIBLE_DUPLICATE_CONNECTION.text} {wanted.ae_title}: the connection {holder.name} has it."
        " Every connection needs an AE title of its own."
    )


def _refuse_holding(database: Database, connection: Connection) -> None:
    if database.read(lambda tx: deliveries.is_any_held(tx, connection.id)):
        raise Refused(
            "Images of this ultrasound system wait until the connection is approved and added to Works: deleting it"
            " would leave them without a way. See the problem in: smartlink connections"
        )


def _told(connection: Connection) -> dict[str, str]:
    return {
        "connection_id": str(connection.id),
        "kind": connection.kind.value,
        "connection_name": connection.name,
        "ae_title": connection.ae_title,
    }
