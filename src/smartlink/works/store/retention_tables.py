"""The tables of deletion, legal hold and retention (`0011_deletion.sql`)."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from smartlink.works.store import columns as c

deletion = sa.Table(
    "deletion",
    c.metadata,
    c.identity(),
    c.organisation(),
    c.uuid("facility_id"),
    c.uuid("exam_id"),
    c.uuid("instance_id", null=True),
    c.whole("images"),
    c.text("reason"),
    c.text("by_kind"),
    c.uuid("deleted_by", null=True),
    c.at("deleted_at"),
    c.at("remove_at"),
    c.at("removed_at", null=True),
    c.at("undone_at", null=True),
    c.one_organisation(),
    c.within("facility_id", "facility"),
    sa.Index("deletion_due", "remove_at", postgresql_where=sa.text("removed_at IS NULL AND undone_at IS NULL")),
    sa.Index("deletion_exam", "exam_id"),
)


def _whose() -> sa.Column[object]:
    """The organisation as part of the key."""
    return sa.Column("organisation_id", UUID(as_uuid=True), sa.ForeignKey("organisation.id"), primary_key=True)


tombstone = sa.Table(
    "tombstone",
    c.metadata,
    _whose(),
    sa.Column("uid_hash", sa.LargeBinary, primary_key=True),
    c.uuid("deletion_id"),
    c.within("deletion_id", "deletion"),
)

legal_hold = sa.Table(
    "legal_hold",
    c.metadata,
    c.identity(),
    c.organisation(),
    c.uuid("exam_id"),
    c.text("reason"),
    c.uuid("placed_by", null=True),
    c.at("placed_at"),
    c.uuid("lifted_by", null=True),
    c.at("lifted_at", null=True),
    c.within("exam_id", "exam"),
    sa.Index("legal_hold_one", "exam_id", unique=True, postgresql_where=sa.text("lifted_at IS NULL")),
)

retention = sa.Table(
    "retention",
    c.metadata,
    _whose(),
    c.whole("removal_days"),
    c.whole("exam_days", null=True),
)

object_removal = sa.Table(
    "object_removal",
    c.metadata,
    _whose(),
    sa.Column("object_key", sa.Text, primary_key=True),
)
