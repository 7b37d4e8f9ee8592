"""Other bytes under the UID of an instance that is kept: whether they are the same image after all (R152).

States: comparing → duplicate | conflict. Bytes in the same Transfer Syntax are a conflict at once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site

COMPARING: Final = "comparing"
DUPLICATE: Final = "duplicate"
CONFLICT: Final = "conflict"


@dataclass(frozen=True, slots=True)
class Other:
    """What stands beside an instance."""

    id: UUID
    instance_id: UUID
    exam_id: UUID
    upload_id: UUID
    object_key: str
    transfer_syntax_uid: str
    state: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What it is compared with: the instance, or what is in conflict with it already."""

    object_key: str
    transfer_syntax_uid: str


def of_upload(site: Site, upload_id: UUID) -> Other | None:
    """What this upload brought beside an instance; None when it brought nothing new."""
    return site.one(
        Other,
        "SELECT c.id, c.instance_id, i.exam_id, c.upload_id, c.object_key, u.transfer_syntax_uid, c.state"
        " FROM instance_conflict c JOIN instance i ON i.id = c.instance_id JOIN upload u ON u.id = c.upload_id"
        " WHERE c.upload_id = :upload",
        upload=upload_id,
    )


def candidates(site: Site, other: Other) -> list[Kept]:
    """What it may be the same image as: the instance first, then what was found to differ from it."""
    return site.many(
        Kept,
        "SELECT object_key, transfer_syntax_uid FROM (SELECT i.object_key, i.transfer_syntax_uid, i.received_at AS at,"
        " 0 AS place FROM instance i WHERE i.id = :instance UNION ALL SELECT c.object_key, u.transfer_syntax_uid, c.at,"
        " 1 FROM instance_conflict c JOIN upload u ON u.id = c.upload_id WHERE c.instance_id = :instance"
        " AND c.id <> :id AND c.state = 'conflict') AS known WHERE transfer_syntax_uid <> :syntax ORDER BY place, at",
        instance=other.instance_id,
        id=other.id,
        syntax=other.transfer_syntax_uid,
    )


def settle(site: Site, other: Other, *, state: str, differs: tuple[str, ...], now: datetime) -> None:
    """The comparison is done, for the upload that brought it and for those of the same bytes."""
    site.run(
        "UPDATE instance_conflict SET state = :state, differs = CAST(:differs AS text[]), compared_at = :now"
        " WHERE id = :id",
        id=other.id,
        state=state,
        differs=list(differs),
        now=now,
    )
    site.run(
        "UPDATE upload SET conflict = :conflict WHERE state = 'ingested' AND (sop_instance_uid, dataset_sha256) ="
        " (SELECT i.sop_instance_uid, c.dataset_sha256 FROM instance_conflict c JOIN instance i"
        " ON i.id = c.instance_id WHERE c.id = :id)",
        id=other.id,
        conflict=state == CONFLICT,
    )
