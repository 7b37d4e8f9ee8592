"""Table `instance`: every instance that was ever acknowledged, and what is known of its bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from smartlink.gateway.delivery import State
from smartlink.gateway.store.database import Transaction, moment, moment_text
from smartlink.standard.names import UID

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

INSERT: Final = """
    INSERT INTO instance (spool_name, sop_class_uid, sop_instance_uid, transfer_syntax_uid, study_instance_uid,
        series_instance_uid, connection_id, calling_ae_title, called_ae_title, peer_address, dataset_offset,
        dataset_length, crc32, attributes, unreadable, kept_at, source, entered_at)
    VALUES (:spool_name, :sop_class_uid, :sop_instance_uid, :transfer_syntax_uid, :study_instance_uid,
        :series_instance_uid, :connection_id, :calling_ae_title, :called_ae_title, :peer_address, :dataset_offset,
        :dataset_length, :crc32, :attributes, :unreadable, :kept_at, :source,
        :entered_at)
    ON CONFLICT (spool_name) DO NOTHING
    RETURNING id
"""
KNOWN: Final = "SELECT spool_name FROM instance WHERE spool_name IN (SELECT value FROM json_each(:names))"
UNNEEDED: Final = (
    "SELECT spool_name FROM instance WHERE state = 'purged' AND spool_name IN (SELECT value FROM json_each(:names))"
)
FIND: Final = "SELECT * FROM instance WHERE id = :id"
DIGESTS: Final = """
    UPDATE instance SET dataset_sha256 = :dataset_sha256, object_sha256 = :object_sha256 WHERE id = :id
"""
DATASET_DIGEST: Final = "UPDATE instance SET dataset_sha256 = :dataset_sha256 WHERE id = :id AND dataset_sha256 IS NULL"
# A twin is the same image once more: sent already, or on its way and older. One whose file is gone vouches for nothing:
# where its destination lost it, nobody can send it again. Nor does one that another facility received (R35).
TWIN: Final = """
    SELECT i.id, d.state FROM instance AS i
    JOIN delivery AS d ON d.instance_id = i.id AND d.destination = :destination
    WHERE i.sop_instance_uid = :sop_instance_uid AND i.dataset_sha256 = :dataset_sha256 AND i.id <> :id
        AND i.duplicate_of IS NULL AND i.state = 'kept' AND (i.connection_id IS NOT NULL OR i.source = 'works')
        AND (d.state = 'sent' OR (d.state IN ('waiting', 'sending') AND i.id < :id))
    ORDER BY d.state = 'sent' DESC, i.id LIMIT 1
"""
DUPLICATE: Final = "UPDATE instance SET duplicate_of = :duplicate_of, receipt_at = :at WHERE id = :id"
CONFLICT: Final = "UPDATE instance SET conflict = 1 WHERE id = :id"
RECEIPT: Final = "UPDATE instance SET receipt_at = :at WHERE id = :id"
ORPHAN: Final = "UPDATE instance SET connection_id = NULL WHERE connection_id IS NOT NULL"
PURGEABLE: Final = """
    SELECT id, spool_name FROM instance AS i
    WHERE state = 'kept' AND receipt_at IS NOT NULL AND receipt_at <= :before AND unreadable IS NULL
        AND NOT EXISTS (SELECT 1 FROM delivery AS d
            WHERE d.instance_id = i.id AND d.state IN ('held', 'waiting', 'sending', 'parked'))
    ORDER BY receipt_at LIMIT :limit
"""
# What was fetched from Works has served when its delivery is at its end and Works knows it (R144).
SERVED: Final = """
    SELECT id, spool_name FROM instance AS i
    WHERE source = 'works' AND state = 'kept'
        AND NOT EXISTS (SELECT 1 FROM delivery AS d
            WHERE d.instance_id = i.id AND (d.state IN ('held', 'waiting', 'sending', 'parked') OR EXISTS (
                SELECT 1 FROM order_item AS o WHERE o.delivery_id = d.id AND o.told_revision < o.revision)))
    LIMIT :limit
"""
COPY: Final = """
    SELECT i.id FROM instance AS i
    WHERE i.sop_instance_uid = :sop_instance_uid AND i.dataset_sha256 = :dataset_sha256
        AND i.transfer_syntax_uid = :transfer_syntax_uid AND i.state = 'kept' AND i.unreadable IS NULL
        AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.instance_id = i.id AND d.destination = :destination)
    ORDER BY i.id DESC LIMIT 1
"""
PURGED: Final = "UPDATE instance SET state = 'purged', attributes = NULL, purged_at = :at WHERE id = :id"
OWED_AFTER: Final = """
    SELECT id, spool_name FROM instance
    WHERE state = 'kept' AND source = 'scanner' AND receipt_at IS NULL AND id > :id ORDER BY id LIMIT :limit
"""
RECEIVED: Final = """
    SELECT id, spool_name FROM instance
    WHERE study_instance_uid = :study AND state = 'kept' AND source = 'scanner' AND receipt_at IS NOT NULL
"""
SINCE: Final = """
    SELECT count(*) AS n FROM (
        SELECT connection_id, kept_at FROM instance WHERE source = 'scanner' ORDER BY id DESC LIMIT :limit)
    WHERE connection_id = :connection_id AND kept_at >= :since
"""
UNREADABLE: Final = (
    "SELECT * FROM instance WHERE unreadable IS NOT NULL AND state = 'kept' ORDER BY id DESC LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class NewInstance:
    """An instance to be entered. The Study and Series UIDs are None only when it is `unreadable`."""

    spool_name: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    study_instance_uid: str | None
    series_instance_uid: str | None
    connection_id: UUID | None
    calling_ae_title: str
    called_ae_title: str
    peer_address: str
    dataset_offset: int
    dataset_length: int
    crc32: int
    attributes: dict[str, Any] | None
    unreadable: str | None
    kept_at: datetime
    from_works: bool = False
    entered_at: datetime | None = None
    """When it came into the catalogue; None: that is not known."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance as the catalogue has it."""

    id: int
    spool_name: str
    sop_class_uid: UID
    sop_instance_uid: UID
    transfer_syntax_uid: UID
    study_instance_uid: UID | None
    series_instance_uid: UID | None
    connection_id: UUID | None
    dataset_offset: int
    dataset_length: int
    crc32: int
    dataset_sha256: str | None
    object_sha256: str | None
    attributes: dict[str, Any]
    unreadable: str | None
    duplicate_of: int | None
    conflict: bool
    kept_at: datetime
    from_works: bool = False
    """Fetched from Works for an order; its file lies apart from those that scanners sent."""

    @property
    def size(self) -> int:
        """Bytes of the whole Part 10 file."""
        return self.dataset_offset + self.dataset_length


@dataclass(frozen=True, slots=True)
class Twin:
    """Another instance with the same UID and the same Data Set, and how far it has come."""

    id: int
    state: State

    @property
    def is_sent(self) -> bool:
        """Whether it arrived."""
        return self.state is State.SENT


def add(tx: Transaction, new: NewInstance) -> int | None:
    """Enter an instance and return its id, or None when its file is known already (a repeat is harmless)."""
    values = {
        "spool_name": new.spool_name,
        "sop_class_uid": new.sop_class_uid,
        "sop_instance_uid": new.sop_instance_uid,
        "transfer_syntax_uid": new.transfer_syntax_uid,
        "study_instance_uid": new.study_instance_uid,
        "series_instance_uid": new.series_instance_uid,
        "connection_id": None if new.connection_id is None else str(new.connection_id),
        "calling_ae_title": new.calling_ae_title,
        "called_ae_title": new.called_ae_title,
        "peer_address": new.peer_address,
        "dataset_offset": new.dataset_offset,
        "dataset_length": new.dataset_length,
        "crc32": new.crc32,
        "attributes": None if new.attributes is None else json.dumps(new.attributes),
        "unreadable": new.unreadable,
        "kept_at": moment_text(new.kept_at),
        "source": "works" if new.from_works else "scanner",
        "entered_at": None if new.entered_at is None else moment_text(new.entered_at),
    }
    rows = tx.execute(INSERT, values).fetchall()
    return int(rows[0]["id"]) if rows else None


def unknown(tx: Transaction, names: Sequence[str]) -> list[str]:
    """Return those spool names that the catalogue does not know, in their order."""
    rows = tx.execute(KNOWN, {"names": json.dumps(list(names))}).fetchall()
    known = {row["spool_name"] for row in rows}
    return [name for name in names if name not in known]


def unneeded(tx: Transaction, names: Sequence[str]) -> set[str]:
    """Return those spool names whose files were removed because nobody needs them any more."""
    return {row["spool_name"] for row in tx.execute(UNNEEDED, {"names": json.dumps(list(names))}).fetchall()}


def find(tx: Transaction, instance_id: int) -> Instance | None:
    """Return one instance."""
    row = tx.execute(FIND, {"id": instance_id}).fetchone()
    return None if row is None else instance(row)


def store_digests(tx: Transaction, instance_id: int, *, dataset_sha256: str, object_sha256: str) -> None:
    """Store both digests of an instance."""
    tx.execute(DIGESTS, {"id": instance_id, "dataset_sha256": dataset_sha256, "object_sha256": object_sha256})


def store_dataset_digest(tx: Transaction, instance_id: int, dataset_sha256: str) -> None:
    """Store the digest of the Data Set alone, unless it is known."""
    tx.execute(DATASET_DIGEST, {"id": instance_id, "dataset_sha256": dataset_sha256})


def twin(tx: Transaction, of: Instance, dataset_sha256: str, destination: str) -> Twin | None:
    """Return the same image once more if it was sent to `destination`, or is on its way there and older."""
    row = tx.execute(
        TWIN,
        {
            "id": of.id,
            "sop_instance_uid": of.sop_instance_uid,
            "dataset_sha256": dataset_sha256,
            "destination": destination,
        },
    ).fetchone()
    return None if row is None else Twin(row["id"], State(row["state"]))


def flag_duplicate(tx: Transaction, instance_id: int, duplicate_of: int, at: datetime) -> None:
    """The instance is another one once more; the receipt of that one is also its own."""
    tx.execute(DUPLICATE, {"id": instance_id, "duplicate_of": duplicate_of, "at": moment_text(at)})


def flag_conflict(tx: Transaction, instance_id: int) -> None:
    """Works holds other bytes under this instance's UID."""
    tx.execute(CONFLICT, {"id": instance_id})


def receipt(tx: Transaction, instance_id: int, at: datetime) -> None:
    """Works gave its receipt: the retention begins."""
    tx.execute(RECEIPT, {"id": instance_id, "at": moment_text(at)})


def orphan_all(tx: Transaction) -> None:
    """Cut all instances off from their connections, delivered or not: they belong to another facility."""
    tx.execute(ORPHAN)


def purgeable(tx: Transaction, before: datetime, limit: int) -> list[tuple[int, str]]:
    """Return (id, spool name) of instances whose receipt is older than `before` and that nobody waits for."""
    rows = tx.execute(PURGEABLE, {"before": moment_text(before), "limit": limit}).fetchall()
    return [(row["id"], row["spool_name"]) for row in rows]


def served(tx: Transaction, limit: int) -> list[tuple[int, str]]:
    """Return (id, spool name) of instances fetched from Works that nobody needs any more."""
    return [(row["id"], row["spool_name"]) for row in tx.execute(SERVED, {"limit": limit}).fetchall()]


def copy(
    tx: Transaction, sop_instance_uid: str, dataset_sha256: str, transfer_syntax_uid: str, destination: str
) -> int | None:
    """Return an instance with exactly these bytes that is here and was never to go to `destination`."""
    values = {
        "sop_instance_uid": sop_instance_uid,
        "dataset_sha256": dataset_sha256,
        "transfer_syntax_uid": transfer_syntax_uid,
        "destination": destination,
    }
    row = tx.execute(COPY, values).fetchone()
    return None if row is None else int(row["id"])


def purged(tx: Transaction, instance_id: int, at: datetime) -> None:
    """The file is gone; the attributes go with it."""
    tx.execute(PURGED, {"id": instance_id, "at": moment_text(at)})


def owed_after(tx: Transaction, instance_id: int, limit: int) -> list[tuple[int, str]]:
    """Return (id, spool name) of instances that Works has no receipt for, in the order of their ids."""
    rows = tx.execute(OWED_AFTER, {"id": instance_id, "limit": limit}).fetchall()
    return [(row["id"], row["spool_name"]) for row in rows]


def received(tx: Transaction, study_instance_uid: str) -> list[tuple[int, str]]:
    """Return (id, spool name) of the study's instances that Works has."""
    rows = tx.execute(RECEIVED, {"study": study_instance_uid}).fetchall()
    return [(row["id"], row["spool_name"]) for row in rows]


def since(tx: Transaction, connection_id: UUID, at: datetime, limit: int) -> int:
    """Return how many instances a connection sent since `at`, among the last `limit` of all: a look that is bounded."""
    values = {"connection_id": str(connection_id), "since": moment_text(at), "limit": limit}
    return int(tx.execute(SINCE, values).fetchone()["n"])


def unreadable(tx: Transaction, limit: int) -> list[Instance]:
    """Return the newest unreadable instances."""
    return [instance(row) for row in tx.execute(UNREADABLE, {"limit": limit}).fetchall()]


def instance(row: sqlite3.Row) -> Instance:
    """Return the instance in a row that has all columns of the table."""
    return Instance(
        id=row["id"],
        spool_name=row["spool_name"],
        sop_class_uid=UID(row["sop_class_uid"]),
        sop_instance_uid=UID(row["sop_instance_uid"]),
        transfer_syntax_uid=UID(row["transfer_syntax_uid"]),
        study_instance_uid=None if row["study_instance_uid"] is None else UID(row["study_instance_uid"]),
        series_instance_uid=None if row["series_instance_uid"] is None else UID(row["series_instance_uid"]),
        connection_id=None if row["connection_id"] is None else UUID(row["connection_id"]),
        dataset_offset=row["dataset_offset"],
        dataset_length=row["dataset_length"],
        crc32=row["crc32"],
        dataset_sha256=row["dataset_sha256"],
        object_sha256=row["object_sha256"],
        attributes={} if row["attributes"] is None else json.loads(row["attributes"]),
        unreadable=row["unreadable"],
        duplicate_of=row["duplicate_of"],
        conflict=bool(row["conflict"]),
        kept_at=moment(row["kept_at"]),
        from_works=row["source"] == "works",
    )
