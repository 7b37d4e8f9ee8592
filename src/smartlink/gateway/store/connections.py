"""Tables `connection` and `connection_address`: the peers of this gateway, and what Works knows of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from smartlink.gateway.calling import Tls
from smartlink.gateway.connections import Approval, Connection
from smartlink.gateway.store import audit
from smartlink.gateway.store.database import Transaction, moment, moment_or_none, moment_text
from smartlink.gateway.worklist import Query
from smartlink.link.connections import ConnectionStatus, Kind, Mapping
from smartlink.standard.names import AETitle

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

FIND_BY_AE: Final = "SELECT * FROM connection WHERE ae_norm = :ae_norm AND deleted_at IS NULL"
FIND: Final = "SELECT * FROM connection WHERE id = :id"
LIVE: Final = "SELECT * FROM connection WHERE deleted_at IS NULL ORDER BY kind, name, id"
# A scanner that registered itself and was not told to Works yet is no knowledge of what Works has.
KNOWN: Final = """
    SELECT 1 FROM connection WHERE works_id IS NOT NULL OR deleted_at IS NOT NULL OR kind <> 'ultrasound' LIMIT 1
"""
ADOPT: Final = """
    UPDATE connection SET name = :name, specialty_ids = :specialty_ids, mapping = :mapping, status = :status,
        works_id = :works_id, works_version = :works_version, next_push_at = :at,
        approval = CASE approval WHEN 'waiting' THEN 'approved' ELSE approval END
    WHERE id = :id
"""
INSERT: Final = """
    INSERT INTO connection (id, kind, name, ae_title, ae_norm, host, port, specialty_ids, mapping, status, created_at,
        revision, pushed_revision, works_id, works_version, next_push_at, send_directly, verified_at, tls,
        approval, query)
    VALUES (:id, :kind, :name, :ae_title, :ae_norm, :host, :port, :specialty_ids, :mapping, :status, :at,
        1, :pushed_revision, :works_id, :works_version, :at, :send_directly, :verified_at, :tls,
        :approval, :query)
"""
# Works is told at once, whatever went wrong with it before; it knows nothing of `send_directly`, `tls` and `query`.
EDIT: Final = """
    UPDATE connection SET name = :name, ae_title = :ae_title, ae_norm = :ae_norm, host = :host, port = :port,
        specialty_ids = :specialty_ids, mapping = :mapping, status = :status, send_directly = :send_directly,
        verified_at = :verified_at, tls = :tls, query = :query, revision = revision + :news, problem = NULL,
        next_push_at = :at
    WHERE id = :id AND deleted_at IS NULL
"""
VERIFIED: Final = """
    UPDATE connection SET verified_at = :at, last_seen_at = max(coalesce(last_seen_at, ''), :at),
        revision = revision + (status <> 'active'), status = 'active'
    WHERE id = :id AND ae_title = :ae_title AND host = :host AND port IS :port AND tls IS :tls AND deleted_at IS NULL
"""
DELETE: Final = """
    UPDATE connection SET deleted_at = :at, works_deleted_at = CASE WHEN :at_works THEN :at END
    WHERE id = :id AND deleted_at IS NULL
"""
TO_DELETE: Final = """
    SELECT * FROM connection WHERE deleted_at IS NOT NULL AND works_id IS NOT NULL AND works_deleted_at IS NULL
    LIMIT 20
"""
DELETED_AT_WORKS: Final = "UPDATE connection SET works_deleted_at = :at WHERE id = :id"
SEEN: Final = """
    UPDATE connection SET last_seen_at = max(coalesce(last_seen_at, ''), :at),
        revision = revision + (host IS NOT :address), host = :address
    WHERE id = :id
"""
IMAGE: Final = "UPDATE connection SET last_image_at = max(coalesce(last_image_at, ''), :at) WHERE id = :id"
SEEN_FROM: Final = """
    INSERT INTO connection_address (connection_id, address, last_seen_at) VALUES (:id, :address, :at)
    ON CONFLICT (connection_id, address) DO UPDATE SET last_seen_at = max(last_seen_at, excluded.last_seen_at)
"""
CAME_WHILE_WAITING: Final = """
    UPDATE connection SET waiting_bytes = waiting_bytes + :bytes WHERE id = :id AND approval = 'waiting'
"""
JUDGE: Final = """
    UPDATE connection SET approval = :approval, status = :status, revision = revision + (status <> :status),
        next_push_at = :at, waiting_bytes = CASE :approval WHEN 'approved' THEN 0 ELSE waiting_bytes END
    WHERE id = :id AND deleted_at IS NULL
"""
PROBLEM: Final = "UPDATE connection SET problem = :problem WHERE id = :id"
NEWCOMERS: Final = """
    SELECT ae_title, host, approval, created_at, last_seen_at FROM connection
    WHERE kind = 'ultrasound' AND deleted_at IS NULL AND (created_at >= :since OR approval <> 'approved')
    ORDER BY coalesce(last_seen_at, created_at) DESC, ae_title LIMIT :limit
"""
ADDRESSES: Final = (
    "SELECT address FROM connection_address WHERE connection_id = :id ORDER BY last_seen_at DESC LIMIT 20"
)
TO_PUSH: Final = """
    SELECT * FROM connection WHERE pushed_revision < revision AND next_push_at <= :now AND deleted_at IS NULL
        AND (approval = 'approved' OR works_id IS NOT NULL)
    ORDER BY next_push_at LIMIT :limit
"""
ACKNOWLEDGED: Final = """
    UPDATE connection SET works_id = :works_id, works_version = :works_version, problem = NULL,
        pushed_revision = max(pushed_revision, :revision)
    WHERE id = :id
"""
PUSH_FAILED: Final = "UPDATE connection SET next_push_at = :next_push_at, problem = :problem WHERE id = :id"
FORGOTTEN_BY_WORKS: Final = """
    UPDATE connection SET works_id = NULL, works_version = 0, revision = revision + 1, next_push_at = :now
    WHERE id = :id
"""
ALL_FORGOTTEN: Final = """
    UPDATE connection SET works_id = NULL, works_version = 0, revision = revision + 1, next_push_at = :now
    WHERE works_id IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An ultrasound system that registered itself lately, or that was not let in."""

    ae_title: str
    address: str
    approval: Approval
    first_at: datetime
    last_at: datetime


def find_by_ae(tx: Transaction, ae_title: AETitle) -> Connection | None:
    """Return the connection with this AE title, however it is cased."""
    row = tx.execute(FIND_BY_AE, {"ae_norm": ae_title.folded}).fetchone()
    return None if row is None else _connection(row)


def find(tx: Transaction, connection_id: UUID) -> Connection | None:
    """Return one connection, also a deleted one."""
    row = tx.execute(FIND, {"id": str(connection_id)}).fetchone()
    return None if row is None else _connection(row)


def live(tx: Transaction) -> list[Connection]:
    """Return all connections that are not deleted, by kind and name."""
    return [_connection(row) for row in tx.execute(LIVE).fetchall()]


def none_is_known(tx: Transaction) -> bool:
    """Whether this gateway knows none but scanners that Works was never told of (R41: only then are they restored)."""
    return tx.execute(KNOWN).fetchone() is None


def adopt(tx: Transaction, connection_id: UUID, at_works: Connection, at: datetime) -> None:
    """A scanner that registered itself is one that Works has: take over what Works has of it, but not its id."""
    values = {
        "id": str(connection_id),
        "works_id": None if at_works.works_id is None else str(at_works.works_id),
        "works_version": at_works.works_version,
        "at": moment_text(at),
    }
    tx.execute(ADOPT, _editable(at_works) | values)


def add(tx: Transaction, connection: Connection, at: datetime) -> None:
    """Store a new connection. Its AE title is free: look first, in the same transaction."""
    values = {
        "kind": connection.kind.value,
        "approval": connection.approval.value,
        "pushed_revision": connection.pushed_revision,
        "works_id": None if connection.works_id is None else str(connection.works_id),
        "works_version": connection.works_version,
        "at": moment_text(at),
    }
    tx.execute(INSERT, _editable(connection) | values)
    audit.add(tx, "connection_added", _called(connection), at, new=_told(connection))


def edit(tx: Transaction, connection: Connection, at: datetime, *, news: bool) -> None:
    """Store a connection as a person changed it; `news`: Works is to be told. Its AE title is free: look first."""
    known = find(tx, connection.id)
    tx.execute(EDIT, _editable(connection) | {"at": moment_text(at), "news": news})
    if known is not None:
        audit.add(tx, "connection_changed", _called(known), at, old=_told(known), new=_told(connection))


def verified(tx: Transaction, connection: Connection, at: datetime) -> bool:
    """The peer answered us as the connection says: it is Active, unless it was changed meanwhile (R49)."""
    values = {
        "id": str(connection.id),
        "ae_title": connection.ae_title,
        "host": connection.host,
        "port": connection.port,
        "tls": _tls_text(connection.tls),
        "at": moment_text(at),
    }
    return tx.execute(VERIFIED, values).rowcount == 1


def delete(tx: Transaction, connection_id: UUID, at: datetime, *, at_works: bool) -> None:
    """Delete a connection for good; `at_works`: Works has deleted what it had of it."""
    known = find(tx, connection_id)
    tx.execute(DELETE, {"id": str(connection_id), "at": moment_text(at), "at_works": at_works})
    if known is not None:
        audit.add(tx, "connection_deleted", _called(known), at, old=_told(known))


def to_delete_at_works(tx: Transaction) -> list[Connection]:
    """Return deleted connections that Works has: it heard of them while they were deleted."""
    return [_connection(row) for row in tx.execute(TO_DELETE).fetchall()]


def deleted_at_works(tx: Transaction, connection_id: UUID, at: datetime) -> None:
    """Works has deleted it, too."""
    tx.execute(DELETED_AT_WORKS, {"id": str(connection_id), "at": moment_text(at)})


def seen(tx: Transaction, connection_id: UUID, address: str, at: datetime, *, image: bool) -> None:
    """The peer called from `address`; `image`: it sent one. A new address is told to Works, too."""
    values = {"id": str(connection_id), "address": address, "at": moment_text(at)}
    tx.execute(SEEN, values)
    tx.execute(SEEN_FROM, values)
    if image:
        tx.execute(IMAGE, values)


def came_while_waiting(tx: Transaction, connection_id: UUID, size: int) -> None:
    """So many bytes came from an ultrasound system; counted while it waits for approval (R67)."""
    tx.execute(CAME_WHILE_WAITING, {"id": str(connection_id), "bytes": size})


def judge(tx: Transaction, connection: Connection, approval: Approval, at: datetime) -> None:
    """An administrator approves or blocks an ultrasound system; Works is told of it, or that it is inactive."""
    blocked = approval is Approval.BLOCKED
    status = ConnectionStatus.INACTIVE if blocked else ConnectionStatus.ACTIVE
    values = {"id": str(connection.id), "approval": approval.value, "status": status.value, "at": moment_text(at)}
    tx.execute(JUDGE, values)
    old, new = {"approval": connection.approval.value}, {"approval": approval.value}
    audit.add(tx, f"connection_{approval.value}", _called(connection), at, old=old, new=new)


def specialty_removed(tx: Transaction, connection: Connection, at: datetime) -> None:
    """Store a connection that lost specialties; Works, which took them away, is told only of what is left."""
    known = find(tx, connection.id)
    if known is None or known == connection:
        return
    edit(tx, connection, at, news=connection.problem is None)
    tx.execute(PROBLEM, {"id": str(connection.id), "problem": connection.problem})


def newcomers(tx: Transaction, since: datetime, limit: int) -> list[Newcomer]:
    """Return ultrasound systems that registered themselves since then, wait or are blocked; the last first."""
    return [
        Newcomer(
            ae_title=row["ae_title"],
            address=row["host"] or "",
            approval=Approval(row["approval"]),
            first_at=moment(row["created_at"]),
            last_at=moment(row["last_seen_at"] or row["created_at"]),
        )
        for row in tx.execute(NEWCOMERS, {"since": moment_text(since), "limit": limit}).fetchall()
    ]


def addresses(tx: Transaction, connection_id: UUID) -> list[str]:
    """Return the addresses that the peer called from, the latest first, at most 20."""
    return [row["address"] for row in tx.execute(ADDRESSES, {"id": str(connection_id)}).fetchall()]


def to_push(tx: Transaction, now: datetime, limit: int = 20) -> list[Connection]:
    """Return connections of which Works has yet to be told, when their time has come."""
    rows = tx.execute(TO_PUSH, {"now": moment_text(now), "limit": limit}).fetchall()
    return [_connection(row) for row in rows]


def acknowledged(tx: Transaction, connection: Connection, works_id: UUID, works_version: int) -> None:
    """Works has the connection as it was in `connection`; what changed since stays pending."""
    tx.execute(
        ACKNOWLEDGED,
        {
            "id": str(connection.id),
            "works_id": str(works_id),
            "works_version": works_version,
            "revision": connection.revision,
        },
    )


def push_failed(tx: Transaction, connection_id: UUID, problem: str, next_push_at: datetime) -> None:
    """Works did not take the connection; try again at `next_push_at`."""
    tx.execute(PUSH_FAILED, {"id": str(connection_id), "problem": problem, "next_push_at": moment_text(next_push_at)})


def forgotten_by_works(tx: Transaction, connection_id: UUID, now: datetime) -> None:
    """Works says that it does not know the connection: put it anew."""
    tx.execute(FORGOTTEN_BY_WORKS, {"id": str(connection_id), "now": moment_text(now)})


def all_forgotten(tx: Transaction, now: datetime) -> None:
    """The gateway now belongs to another facility, which knows none of its connections: put all anew."""
    tx.execute(ALL_FORGOTTEN, {"now": moment_text(now)})


def _called(connection: Connection) -> str:
    return f"{connection.kind.value} {connection.name} ({connection.ae_title})"


def _told(connection: Connection) -> dict[str, object]:
    """What people set of a connection, as the audit list tells it."""
    return {"kind": connection.kind.value} | {
        name: value for name, value in _editable(connection).items() if name not in {"ae_norm", "verified_at"}
    }


def _editable(connection: Connection) -> dict[str, object]:
    return {
        "id": str(connection.id),
        "name": connection.name,
        "ae_title": connection.ae_title,
        "ae_norm": connection.ae_title.folded,
        "host": connection.host,
        "port": connection.port,
        "specialty_ids": json.dumps([str(specialty) for specialty in connection.specialty_ids]),
        "mapping": None if connection.mapping is None else connection.mapping.value,
        "status": connection.status.value,
        "send_directly": connection.send_directly,
        "verified_at": None if connection.verified_at is None else moment_text(connection.verified_at),
        "tls": _tls_text(connection.tls),
        "query": None if connection.query is None else json.dumps(asdict(connection.query)),
    }


def _tls_text(tls: Tls | None) -> str | None:
    if tls is None:
        return None
    return json.dumps({name: None if value is None else str(value) for name, value in asdict(tls).items()})


def _tls(text: str | None) -> Tls | None:
    if text is None:
        return None
    values = json.loads(text)
    name = values.pop("server_name")
    return Tls(**{part: None if path is None else Path(path) for part, path in values.items()}, server_name=name)


def _connection(row: sqlite3.Row) -> Connection:
    return Connection(
        id=UUID(row["id"]),
        kind=Kind(row["kind"]),
        name=row["name"],
        ae_title=AETitle(row["ae_title"]),
        host=row["host"] or "",
        port=row["port"],
        specialty_ids=tuple(UUID(specialty) for specialty in json.loads(row["specialty_ids"])),
        mapping=None if row["mapping"] is None else Mapping(row["mapping"]),
        status=ConnectionStatus(row["status"]),
        last_seen_at=moment_or_none(row["last_seen_at"]),
        last_image_at=moment_or_none(row["last_image_at"]),
        revision=row["revision"],
        pushed_revision=row["pushed_revision"],
        works_id=None if row["works_id"] is None else UUID(row["works_id"]),
        works_version=row["works_version"],
        problem=row["problem"],
        send_directly=bool(row["send_directly"]),
        verified_at=moment_or_none(row["verified_at"]),
        tls=_tls(row["tls"]),
        approval=Approval(row["approval"]),
        waiting_bytes=row["waiting_bytes"],
        query=_query(row),
    )


def _query(row: sqlite3.Row) -> Query | None:
    """Return how a worklist server is asked; one that was stored before it could be set is asked as by default."""
    if row["kind"] != Kind.WORKLIST:
        return None
    return Query() if row["query"] is None else Query(**json.loads(row["query"]))
