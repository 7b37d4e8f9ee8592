"""Other bytes under the UID of an instance that is kept: whether they are the same image after all (R152).

States: comparing → duplicate | conflict, and conflict → used | aside once a person has decided (`versions`). Bytes in
the same Transfer Syntax are a conflict at once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site

COMPARING: Final = "comparing"
DUPLICATE: Final = "duplicate"
CONFLICT: Final = "conflict"
USED: Final = "used"
ASIDE: Final = "aside"


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
    compared_at: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What it is compared with: a version of the image that is known already."""

    object_key: str
    transfer_syntax_uid: str


def of_upload(site: Site, upload_id: UUID) -> Other | None:
    """What this upload brought beside an instance; None when it brought nothing new."""
    return site.one(
        Other,
        "SELECT c.id, c.instance_id, i.exam_id, c.upload_id, c.object_key, u.transfer_syntax_uid, c.state,"
        " c.compared_at FROM instance_conflict c JOIN instance i ON i.id = c.instance_id"
        " JOIN upload u ON u.id = c.upload_id WHERE c.upload_id = :upload AND c.id <> c.instance_id",
        upload=upload_id,
    )


def candidates(site: Site, other: Other) -> list[Kept]:
    """What it may be the same image as, the first that came before the others; not what is in its Transfer Syntax."""
    return [one for one in known(site, other) if one.transfer_syntax_uid != other.transfer_syntax_uid]


def known(site: Site, other: Other) -> list[Kept]:
    """Every other version of the image, the first that came before the others."""
    return site.many(
        Kept,
        # The row of the first one, made when another is used in its place, goes by the instance's own id.
        "SELECT object_key, transfer_syntax_uid FROM (SELECT i.object_key, i.transfer_syntax_uid, i.received_at AS at,"
        " 1 AS place FROM instance i WHERE i.id = :instance AND i.version_id IS NULL UNION ALL"
        " SELECT c.object_key, u.transfer_syntax_uid, c.at, CASE WHEN c.id = c.instance_id THEN 0 ELSE 2 END"
        " FROM instance_conflict c JOIN upload u ON u.id = c.upload_id WHERE c.instance_id = :instance"
        " AND c.id <> :id AND c.state IN ('conflict', 'used', 'aside')) AS known ORDER BY place, at",
        instance=other.instance_id,
        id=other.id,
    )


def describe(site: Site, other: Other, *, differs: tuple[str, ...], now: datetime) -> None:
    """In what a conflict that is certain differs from the first; what was decided of it stays."""
    site.run(
        "UPDATE instance_conflict SET differs = CAST(:differs AS text[]), compared_at = :now WHERE id = :id",
        id=other.id,
        differs=list(differs),
        now=now,
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
