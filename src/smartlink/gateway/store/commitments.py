"""Table `commitment`: Storage Commitments whose result is still to be told, and what the catalogue knows of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.store.database import Transaction, moment, moment_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from datetime import datetime

# A request that is repeated is one request: its Transaction UID names it.
ADD: Final = """
    INSERT INTO commitment (calling_ae_title, called_ae_title, address, transaction_uid, instances, asked_at,
        next_attempt_at)
    VALUES (:calling_ae_title, :called_ae_title, :address, :transaction_uid, :instances, :asked_at, :next_attempt_at)
    ON CONFLICT (calling_ae_title, transaction_uid) DO UPDATE SET called_ae_title = excluded.called_ae_title,
        address = excluded.address, instances = excluded.instances, asked_at = excluded.asked_at,
        next_attempt_at = excluded.next_attempt_at, attempts = 0, problem = NULL
    RETURNING id
"""
CLAIM: Final = """
    UPDATE commitment SET attempts = attempts + 1, next_attempt_at = :until
    WHERE id = (SELECT id FROM commitment WHERE next_attempt_at <= :now ORDER BY next_attempt_at, id LIMIT 1)
    RETURNING *
"""
CLAIM_FRESH: Final = """
    UPDATE commitment SET attempts = 1, next_attempt_at = :until WHERE id = :id AND attempts = 0 RETURNING *
"""
POSTPONE: Final = """
    UPDATE commitment SET next_attempt_at = :at, problem = coalesce(:problem, problem), attempts = attempts - :untried
    WHERE id = :id
"""
DELETE: Final = "DELETE FROM commitment WHERE id = :id"
COUNT: Final = "SELECT count(*) AS waiting FROM commitment"
LISTING: Final = "SELECT * FROM commitment ORDER BY asked_at DESC, id DESC LIMIT :limit"
HELD: Final = """
    SELECT sop_class_uid, sop_instance_uid, transfer_syntax_uid, spool_name, dataset_offset + dataset_length AS size,
        state, receipt_at IS NOT NULL AS received, unreadable IS NOT NULL AS unreadable
    FROM instance
    WHERE sop_instance_uid IN (SELECT value FROM json_each(:uids)) AND source = 'scanner'
"""


@dataclass(frozen=True, slots=True)
class Reference:
    """One SOP Instance that is asked about."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: who asked, in which transaction, about what."""

    calling_ae_title: str
    called_ae_title: str
    address: str
    transaction_uid: str
    instances: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Commitment:
    """One request whose result is still to be told."""

    id: int
    asked: Asked
    asked_at: datetime
    attempts: int
    next_attempt_at: datetime
    problem: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """One instance that a scanner sent, as far as a commitment needs to know it."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    spool_name: str
    size: int
    kept: bool
    """Its file lies here; otherwise it was purged."""
    received: bool
    """Works gave its receipt."""
    unreadable: bool


def add(tx: Transaction, asked: Asked, now: datetime, next_attempt_at: datetime) -> int:
    """Enter a request, or the same one again, and return its id."""
    values = {
        "calling_ae_title": asked.calling_ae_title,
        "called_ae_title": asked.called_ae_title,
        "address": asked.address,
        "transaction_uid": asked.transaction_uid,
        "instances": json.dumps([[one.sop_class_uid, one.sop_instance_uid] for one in asked.instances]),
        "asked_at": moment_text(now),
        "next_attempt_at": moment_text(next_attempt_at),
    }
    return int(tx.execute(ADD, values).fetchone()["id"])


def claim(tx: Transaction, now: datetime, until: datetime) -> Commitment | None:
    """Return the request that is due longest, nobody else's until `until`, or None."""
    row = tx.execute(CLAIM, {"now": moment_text(now), "until": moment_text(until)}).fetchone()
    return None if row is None else _commitment(row)


def claim_fresh(tx: Transaction, commitment_id: int, until: datetime) -> Commitment | None:
    """Return this request if nobody tried to tell its result yet, nobody else's until `until`, or None."""
    row = tx.execute(CLAIM_FRESH, {"id": commitment_id, "until": moment_text(until)}).fetchone()
    return None if row is None else _commitment(row)


def postpone(tx: Transaction, commitment_id: int, at: datetime, problem: str | None, *, tried: bool = True) -> None:
    """Try again at `at`. `problem` says what was in the way, None leaves what was said before; `tried`: it counts."""
    tx.execute(POSTPONE, {"id": commitment_id, "at": moment_text(at), "problem": problem, "untried": 0 if tried else 1})


def delete(tx: Transaction, commitment_id: int) -> None:
    """The result was told, or nobody will ever hear it."""
    tx.execute(DELETE, {"id": commitment_id})


def count(tx: Transaction) -> int:
    """Return how many results are still to be told; the table is short."""
    return int(tx.execute(COUNT).fetchone()["waiting"])


def listing(tx: Transaction, limit: int) -> list[Commitment]:
    """Return those still to be told, the latest first, at most `limit`."""
    return [_commitment(row) for row in tx.execute(LISTING, {"limit": limit}).fetchall()]


def held(tx: Transaction, sop_instance_uids: Iterable[str]) -> list[Held]:
    """Return what scanners sent under these SOP Instance UIDs: kept, or purged and remembered."""
    rows = tx.execute(HELD, {"uids": json.dumps(list(sop_instance_uids))}).fetchall()
    return [
        Held(
            sop_class_uid=row["sop_class_uid"],
            sop_instance_uid=row["sop_instance_uid"],
            transfer_syntax_uid=row["transfer_syntax_uid"],
            spool_name=row["spool_name"],
            size=row["size"],
            kept=row["state"] == "kept",
            received=bool(row["received"]),
            unreadable=bool(row["unreadable"]),
        )
        for row in rows
    ]


def _commitment(row: sqlite3.Row) -> Commitment:
    return Commitment(
        id=row["id"],
        asked=Asked(
            calling_ae_title=row["calling_ae_title"],
            called_ae_title=row["called_ae_title"],
            address=row["address"],
            transaction_uid=row["transaction_uid"],
            instances=tuple(Reference(*pair) for pair in json.loads(row["instances"])),
        ),
        asked_at=moment(row["asked_at"]),
        attempts=row["attempts"],
        next_attempt_at=moment(row["next_attempt_at"]),
        problem=row["problem"],
    )
