"""Table `part`: the parts of a large image on its way to Works, their digests, and which are in storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from smartlink.gateway.store.database import Transaction

PUT: Final = """
    INSERT INTO part (instance_id, number, sha256) VALUES (:instance_id, :number, :sha256)
    ON CONFLICT (instance_id, number) DO UPDATE SET sha256 = excluded.sha256, upload_id = NULL
"""
OF: Final = "SELECT number, sha256, upload_id FROM part WHERE instance_id = :instance_id ORDER BY number"
STORED: Final = "UPDATE part SET upload_id = :upload_id WHERE instance_id = :instance_id AND number = :number"
DOUBTED: Final = "UPDATE part SET upload_id = NULL WHERE instance_id = :instance_id"
FORGET: Final = "DELETE FROM part WHERE instance_id = :instance_id"


@dataclass(frozen=True, slots=True)
class Part:
    """One part; `upload_id` is the upload in which it is in storage, as far as is known."""

    number: int
    sha256: str
    upload_id: UUID | None


def put(tx: Transaction, instance_id: int, digests: Sequence[str]) -> None:
    """Store the digests of all parts of an instance, the first part's first."""
    tx.executemany(
        PUT,
        [
            {"instance_id": instance_id, "number": number, "sha256": digest}
            for number, digest in enumerate(digests, start=1)
        ],
    )


def of(tx: Transaction, instance_id: int) -> list[Part]:
    """Return the parts of an instance in their order; none when it goes as a whole or its digests are not known."""
    rows = tx.execute(OF, {"instance_id": instance_id}).fetchall()
    return [
        Part(row["number"], row["sha256"], None if row["upload_id"] is None else UUID(row["upload_id"])) for row in rows
    ]


def stored(tx: Transaction, instance_id: int, numbers: Iterable[int], upload_id: UUID) -> None:
    """Note that object storage has these parts."""
    tx.executemany(
        STORED,
        [{"instance_id": instance_id, "number": number, "upload_id": str(upload_id)} for number in numbers],
    )


def doubted(tx: Transaction, instance_id: int) -> None:
    """Note that nobody knows which parts are in storage: Works is asked for each."""
    tx.execute(DOUBTED, {"instance_id": instance_id})


def forget(tx: Transaction, instance_id: int) -> None:
    """Drop the parts of an instance that has its receipt."""
    tx.execute(FORGET, {"instance_id": instance_id})
