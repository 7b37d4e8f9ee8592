"""The tables of notices: what fails at gateways, who is told, and the mails (`migrations/sql/0005_notices.sql`)."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID

from smartlink.works.store import columns as c

failure_notice = sa.Table(
    "failure_notice",
    c.metadata,
    sa.Column("gateway_id", UUID(as_uuid=True), primary_key=True),
    c.organisation(),
    c.uuid("facility_id"),
    c.at("at"),
    c.at("received_at"),
    c.whole("notify_hours"),
    sa.Column("failing", sa.Boolean, nullable=False),
    sa.Column("snapshot", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    c.within("gateway_id", "gateway"),
    c.within("facility_id", "facility"),
    sa.Index("failure_notice_facility", "facility_id"),
)

digest = sa.Table(
    "digest",
    c.metadata,
    sa.Column("facility_id", UUID(as_uuid=True), primary_key=True),
    c.organisation(),
    c.at("announced_at", null=True),
    c.at("told_at", null=True),
    c.at("due_at", null=True),
    c.within("facility_id", "facility"),
    sa.Index("digest_due", "due_at", postgresql_where=sa.text("due_at IS NOT NULL")),
)

notice_recipient = sa.Table(
    "notice_recipient",
    c.metadata,
    c.identity(),
    c.organisation(),
    c.uuid("facility_id"),
    sa.Column("person_id", UUID(as_uuid=True), sa.ForeignKey("person.id"), nullable=True),
    c.text("email", null=True),
    c.at("created_at"),
    c.within("facility_id", "facility"),
    sa.UniqueConstraint("facility_id", "person_id", "email", postgresql_nulls_not_distinct=True),
)

mail = sa.Table(
    "mail",
    c.metadata,
    c.identity(),
    c.organisation(),
    c.uuid("facility_id"),
    c.text("kind"),
    c.text("recipient"),
    c.text("subject"),
    c.text("body"),
    c.text("state"),
    c.whole("attempts", default="0"),
    c.text("problem", null=True),
    c.at("created_at"),
    c.at("changed_at"),
    c.uuid("subject_id", null=True),
    c.within("facility_id", "facility"),
    sa.Index("mail_facility", "facility_id", "created_at"),
)

alarm = sa.Table(
    "alarm",
    c.metadata,
    sa.Column("facility_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("subject_id", UUID(as_uuid=True), primary_key=True),
    c.organisation(),
    c.at("since"),
    c.at("announced_at", null=True),
    c.at("told_at", null=True),
    c.within("facility_id", "facility"),
)
