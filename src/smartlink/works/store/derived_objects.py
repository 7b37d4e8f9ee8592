"""Derived objects: what is sent in an original's place, made once for an identity and a Transfer Syntax.

The original is never altered. `to_derive` says what a delivery still needs, `add` keeps what was made, `use` lets an
item be sent as it; `submission.ready` then orders what is prepared.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class DerivedRow:
    """One derived object. `identity_id` is None where only the Transfer Syntax differs from the original's."""

    id: UUID
    instance_id: UUID
    identity_id: UUID | None
    transfer_syntax_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    size: int
    object_sha256: bytes
    dataset_sha256: bytes
    object_key: str
    created_at: datetime
    version_id: UUID | None = None
    """The version of the image that it was made from; None for the first."""


@dataclass(frozen=True, slots=True)
class ToDerive:
    """One item that waits for an object: `preparing` for the identity, `syntax_refused` for a Transfer Syntax too."""

    item_id: UUID
    state: str
    identity_id: UUID | None
    accepted_transfer_syntaxes: list[str]
    instance_id: UUID
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    transfer_syntax_uid: str
    size: int
    object_sha256: bytes
    object_key: str
    refused_transfer_syntax_uid: str
    """Of the object that stood for it so far: the original, or one that was derived before."""
    version_id: UUID | None
    """The version of the image that was ordered; None for the first."""


_COLUMNS: Final = ", ".join(DerivedRow.__slots__)
ORDERED_VERSION: Final = (
    "LEFT JOIN (SELECT c.id, c.dataset_sha256, c.object_key, u.sop_class_uid, u.transfer_syntax_uid, u.size,"
    " u.object_sha256 FROM instance_conflict c JOIN upload u ON u.id = c.upload_id) v ON v.id = n.version_id"
)
"""Joins `v` to an item `n` that was ordered as another version than the one that counts now; else it is all NULL."""


def to_derive(site: Site, delivery_id: UUID) -> list[ToDerive]:
    """The items of the delivery whose object is not settled, with the original that it is made from."""
    return site.many(
        ToDerive,
        "SELECT n.id AS item_id, n.state, d.identity_id, n.accepted_transfer_syntaxes,"  # noqa: S608 - constants
        " i.id AS instance_id,"
        " coalesce(v.sop_class_uid, i.sop_class_uid) AS sop_class_uid, i.sop_instance_uid, e.study_instance_uid,"
        " coalesce(v.transfer_syntax_uid, i.transfer_syntax_uid) AS transfer_syntax_uid,"
        " coalesce(v.size, i.size) AS size, coalesce(v.object_sha256, i.object_sha256) AS object_sha256,"
        " coalesce(v.object_key, i.object_key) AS object_key,"
        " coalesce(o.transfer_syntax_uid, v.transfer_syntax_uid, i.transfer_syntax_uid) AS refused_transfer_syntax_uid,"
        " nullif(coalesce(n.version_id, i.version_id), i.id) AS version_id"
        " FROM delivery_instance n JOIN delivery d ON d.id = n.delivery_id"
        f" JOIN exam e ON e.id = d.exam_id JOIN instance i ON i.id = n.instance_id {ORDERED_VERSION}"
        " LEFT JOIN derived_object o ON o.id = n.derived_object_id WHERE n.delivery_id = :id"
        " AND (n.state = 'syntax_refused' OR n.state = 'preparing' AND n.derived_object_id IS NULL)"
        " ORDER BY i.number NULLS LAST, i.received_at, i.id",
        id=delivery_id,
    )


def siblings(site: Site, delivery_id: UUID) -> list[str]:
    """The UIDs of every instance and series of the delivery's exam."""
    found: list[str] | None = site.value(
        "SELECT array_agg(uid) FROM (SELECT i.sop_instance_uid AS uid FROM instance i JOIN delivery d"
        " ON d.exam_id = i.exam_id WHERE d.id = :id UNION SELECT s.series_instance_uid FROM series s"
        " JOIN delivery d ON d.exam_id = s.exam_id WHERE d.id = :id) AS every",
        id=delivery_id,
    )
    return found or []


def find(
    site: Site, instance_id: UUID, version_id: UUID | None, identity_id: UUID | None, transfer_syntax_uid: str
) -> DerivedRow | None:
    """The object that was made of this version of the instance for this identity and Transfer Syntax."""
    return site.one(
        DerivedRow,
        f"SELECT {_COLUMNS} FROM derived_object WHERE instance_id = :instance_id"  # noqa: S608 - constant
        " AND version_id IS NOT DISTINCT FROM :version_id"
        " AND identity_id IS NOT DISTINCT FROM :identity_id AND transfer_syntax_uid = :syntax",
        instance_id=instance_id,
        version_id=version_id,
        identity_id=identity_id,
        syntax=transfer_syntax_uid,
    )


def add(site: Site, row: DerivedRow) -> DerivedRow:
    """Keep what was made; the one that was made before, when there is one."""
    site.run(
        f"INSERT INTO derived_object (organisation_id, {_COLUMNS}) VALUES (:organisation_id, :id,"  # noqa: S608
        " :instance_id, :identity_id, :transfer_syntax_uid, :sop_class_uid, :sop_instance_uid, :study_instance_uid,"
        " :size, :object_sha256, :dataset_sha256, :object_key, :created_at, :version_id)"
        " ON CONFLICT DO NOTHING",
        organisation_id=site.organisation_id,
        **asdict(row),
    )
    return find(site, row.instance_id, row.version_id, row.identity_id, row.transfer_syntax_uid) or row


def use(site: Site, item_id: UUID, derived_object_id: UUID | None) -> None:
    """The item is sent as this object (None: as the original) once `submission.ready` orders it."""
    site.run(
        "UPDATE delivery_instance SET derived_object_id = :derived, state = 'preparing', cause = NULL, remedy = NULL"
        " WHERE id = :id AND state IN ('preparing', 'syntax_refused')",
        id=item_id,
        derived=derived_object_id,
    )
