"""Every table of Works, once, for the queries and for the check that the migrations build exactly this.

Every tenant table has `organisation_id` and is under row-level security (`migrations/sql/0001_floor.sql`). A
foreign key between tenant tables includes the organisation, so that no row can point into another organisation:
PostgreSQL checks foreign keys without row-level security.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, UUID

from smartlink.link.test_exam import UID_ROOT
from smartlink.works.store.columns import at as _at
from smartlink.works.store.columns import digest as _digest
from smartlink.works.store.columns import identity as _id
from smartlink.works.store.columns import metadata
from smartlink.works.store.columns import one_organisation as _one_organisation
from smartlink.works.store.columns import organisation as _organisation
from smartlink.works.store.columns import text as _text
from smartlink.works.store.columns import uuid as _uuid
from smartlink.works.store.columns import whole as _whole
from smartlink.works.store.columns import within as _within
from smartlink.works.store.notice_tables import alarm, digest, failure_notice, mail, notice_recipient
from smartlink.works.store.retention_tables import deletion, legal_hold, object_removal, retention, tombstone
from smartlink.works.store.submission_tables import command, delivery, delivery_instance, derived_object, exam_identity
from smartlink.works.store.worklist_tables import worklist, worklist_item

__all__ = [
    "GLOBAL_TABLES",
    "alarm",
    "command",
    "deletion",
    "delivery",
    "delivery_instance",
    "derived_object",
    "digest",
    "exam_identity",
    "failure_notice",
    "legal_hold",
    "mail",
    "metadata",
    "notice_recipient",
    "object_removal",
    "retention",
    "tombstone",
    "worklist",
    "worklist_item",
]

# Tables of the deployment, not of one organisation. Everything else must have organisation_id.
GLOBAL_TABLES = frozenset({"organisation", "person", "assertion_seen", "sign_in_attempt"})

organisation = sa.Table("organisation", metadata, _id(), _text("name"), _at("created_at"))

facility = sa.Table(
    "facility",
    metadata,
    _id(),
    _organisation(),
    _text("name"),
    _text("time_zone"),
    _uuid("default_specialty_id", null=True),
    _at("created_at"),
    _one_organisation(),
)

specialty = sa.Table(
    "specialty",
    metadata,
    _id(),
    _organisation(),
    _uuid("facility_id"),
    _text("name"),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    _at("updated_at"),
    _one_organisation(),
    _within("facility_id", "facility"),
    sa.UniqueConstraint("facility_id", "name"),
)

person = sa.Table(
    "person",
    metadata,
    _id(),
    _text("email"),
    _text("display_name"),
    _text("given_name"),
    _text("family_name"),
    _text("phone", null=True),
    _text("password_hash"),
    _text("status"),
    _at("created_at"),
    sa.UniqueConstraint("email"),
)

membership = sa.Table(
    "membership",
    metadata,
    _id(),
    _organisation(),
    # Deferred: a person is visible only through a membership, so the membership is written first.
    sa.Column(
        "person_id",
        UUID(as_uuid=True),
        sa.ForeignKey("person.id", deferrable=True, initially="DEFERRED"),
        nullable=False,
    ),
    _uuid("facility_id", null=True),
    _text("role"),
    sa.Column("specialty_ids", ARRAY(UUID(as_uuid=True)), nullable=False, server_default=sa.text("'{}'")),
    _at("created_at"),
    _within("facility_id", "facility"),
    sa.UniqueConstraint("organisation_id", "person_id", "facility_id", "role", postgresql_nulls_not_distinct=True),
    sa.Index("membership_person", "person_id"),
)

person_dicom_identity = sa.Table(
    "person_dicom_identity",
    metadata,
    _id(),
    _organisation(),
    sa.Column("person_id", UUID(as_uuid=True), sa.ForeignKey("person.id"), nullable=False),
    _uuid("facility_id"),
    _text("kind"),
    _text("value_normalised"),
    _within("facility_id", "facility"),
    sa.UniqueConstraint("facility_id", "kind", "value_normalised", "person_id"),
)

web_session = sa.Table(
    "web_session",
    metadata,
    _id(),
    _organisation(),
    sa.Column("person_id", UUID(as_uuid=True), sa.ForeignKey("person.id"), nullable=False),
    _digest("token_hash"),
    _at("created_at"),
    _at("last_seen_at"),
    _at("expires_at"),
    sa.UniqueConstraint("token_hash"),
)

sign_in_attempt = sa.Table(
    "sign_in_attempt",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    _digest("subject_hash"),
    _at("at"),
    sa.Index("sign_in_attempt_subject", "subject_hash", "at"),
)

licence_key = sa.Table(
    "licence_key",
    metadata,
    _id(),
    _organisation(),
    _uuid("facility_id"),
    _digest("key_hash"),
    _text("prefix"),
    _uuid("created_by", null=True),
    _at("created_at"),
    _at("revoked_at", null=True),
    _one_organisation(),
    _within("facility_id", "facility"),
    sa.UniqueConstraint("key_hash"),
    sa.Index("licence_key_one_valid", "facility_id", unique=True, postgresql_where=sa.text("revoked_at IS NULL")),
)

gateway = sa.Table(
    "gateway",
    metadata,
    _id(),
    _organisation(),
    _uuid("facility_id"),
    _uuid("licence_key_id"),
    _text("installation_id"),
    _text("public_key"),
    _text("version"),
    _text("state"),
    _at("activated_at"),
    _at("last_heartbeat_at", null=True),
    sa.Column("status", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    _one_organisation(),
    _within("facility_id", "facility"),
    _within("licence_key_id", "licence_key"),
    sa.Index("gateway_one_active", "licence_key_id", unique=True, postgresql_where=sa.text("state = 'active'")),
)

gateway_token = sa.Table(
    "gateway_token",
    metadata,
    sa.Column("token_hash", BYTEA, primary_key=True),
    _organisation(),
    _uuid("gateway_id"),
    _at("expires_at"),
    _within("gateway_id", "gateway"),
    sa.Index("gateway_token_gateway", "gateway_id"),
)

assertion_seen = sa.Table(
    "assertion_seen",
    metadata,
    sa.Column("gateway_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("jti", sa.Text, primary_key=True),
    _at("expires_at"),
)

connection = sa.Table(
    "connection",
    metadata,
    _id(),
    _organisation(),
    _uuid("facility_id"),
    _uuid("gateway_id"),
    _text("kind"),
    _text("name"),
    _text("ae_title"),
    _text("ae_norm"),
    _text("host"),
    _whole("port", null=True),
    sa.Column("specialty_ids", ARRAY(UUID(as_uuid=True)), nullable=False, server_default=sa.text("'{}'")),
    _text("mapping", null=True),
    _text("status"),
    _whole("version", default="1"),
    _at("updated_at"),
    _at("last_seen_at", null=True),
    _at("deleted_at", null=True),
    _whole("silent_after_hours", null=True),
    _one_organisation(),
    _within("facility_id", "facility"),
    _within("gateway_id", "gateway"),
    sa.Index(
        "connection_one_ae", "facility_id", "ae_norm", unique=True, postgresql_where=sa.text("deleted_at IS NULL")
    ),
)

upload = sa.Table(
    "upload",
    metadata,
    _id(),
    _organisation(),
    _uuid("gateway_id"),
    _uuid("connection_id", null=True),
    _text("sop_class_uid"),
    _text("sop_instance_uid"),
    _text("series_instance_uid"),
    _text("study_instance_uid"),
    _text("transfer_syntax_uid"),
    sa.Column("attributes", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    _text("object_key"),
    _digest("object_sha256"),
    _digest("dataset_sha256"),
    _whole("size"),
    _text("state"),
    sa.Column("conflict", sa.Boolean, nullable=False, server_default=sa.false()),
    _at("received_at"),
    _at("offered_at"),
    _at("expires_at"),
    _at("confirmed_at", null=True),
    _at("ingested_at", null=True),
    _text("failure", null=True),
    _text("multipart_id", null=True),
    _whole("mismatches", default="0"),
    _uuid("deletion_id", null=True),
    _one_organisation(),
    _within("gateway_id", "gateway"),
    _within("connection_id", "connection"),
    _within("deletion_id", "deletion"),
    sa.Index("upload_sop_instance", "organisation_id", "sop_instance_uid"),
    sa.Index("upload_study", "organisation_id", "study_instance_uid"),
    sa.Index("upload_object", "organisation_id", "object_key"),
    sa.Index("upload_withheld_of", "deletion_id", postgresql_where=sa.text("state = 'withheld'")),
    sa.Index(
        "upload_open", "organisation_id", "gateway_id", postgresql_where=sa.text("state IN ('offered', 'confirmed')")
    ),
)

upload_part = sa.Table(
    "upload_part",
    metadata,
    sa.Column("upload_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    _organisation(),
    _whole("size"),
    _digest("sha256"),
    _within("upload_id", "upload"),
)

exam = sa.Table(
    "exam",
    metadata,
    _id(),
    _organisation(),
    _uuid("facility_id"),
    _uuid("specialty_id", null=True),
    _text("study_instance_uid"),
    _text("accession_number", null=True),
    _text("patient_name", null=True),
    _text("patient_id", null=True),
    _text("birth_date", null=True),
    _text("sex", null=True),
    _text("study_description", null=True),
    _at("study_at", null=True),
    _text("state"),
    _text("folder"),
    _uuid("owner_person_id", null=True),
    _text("reason", null=True),
    _text("raw_value", null=True),
    _text("tag", null=True),
    _at("assigned_at", null=True),
    _uuid("connection_id", null=True),
    _at("created_at"),
    _at("last_received_at"),
    _whole("version", default="1"),
    _at("submitted_at", null=True),
    sa.Column(
        "is_test",
        sa.Boolean,
        sa.Computed(f"starts_with(study_instance_uid, '{UID_ROOT}.')", persisted=True),
        nullable=False,
    ),
    _uuid("deletion_id", null=True),
    _one_organisation(),
    _within("deletion_id", "deletion"),
    _within("facility_id", "facility"),
    _within("connection_id", "connection"),
    sa.UniqueConstraint("organisation_id", "study_instance_uid"),
    sa.Index("exam_test", "created_at", postgresql_where=sa.text("is_test")),
    sa.Index("exam_folder", "organisation_id", "folder", "owner_person_id", "last_received_at"),
)

series = sa.Table(
    "series",
    metadata,
    _id(),
    _organisation(),
    _uuid("exam_id"),
    _text("series_instance_uid"),
    _text("modality", null=True),
    _whole("number", null=True),
    _text("description", null=True),
    _one_organisation(),
    _within("exam_id", "exam"),
    sa.UniqueConstraint("exam_id", "series_instance_uid"),
)

instance = sa.Table(
    "instance",
    metadata,
    _id(),
    _organisation(),
    _uuid("exam_id"),
    _uuid("series_id"),
    _text("sop_instance_uid"),
    _text("sop_class_uid"),
    _text("transfer_syntax_uid"),
    _whole("frames", default="1"),
    _whole("rows", null=True),
    _whole("columns", null=True),
    sa.Column("frame_time_ms", sa.Double, nullable=True),
    _whole("number", null=True),
    _whole("size"),
    _digest("dataset_sha256"),
    _digest("object_sha256"),
    _text("object_key"),
    _uuid("upload_id"),
    _uuid("connection_id", null=True),
    _at("received_at"),
    _at("ingested_at"),
    _text("preview_state"),
    _uuid("version_id", null=True),
    _at("decided_at", null=True),
    _uuid("decided_by", null=True),
    _uuid("deletion_id", null=True),
    _one_organisation(),
    _within("deletion_id", "deletion"),
    _within("exam_id", "exam"),
    _within("series_id", "series"),
    _within("upload_id", "upload"),
    _within("connection_id", "connection"),
    sa.UniqueConstraint("organisation_id", "sop_instance_uid"),
    sa.Index("instance_exam", "exam_id"),
)

instance_conflict = sa.Table(
    "instance_conflict",
    metadata,
    _id(),
    _organisation(),
    _uuid("instance_id"),
    _uuid("upload_id"),
    _digest("dataset_sha256"),
    _text("object_key"),
    _at("at"),
    sa.Column("state", sa.Text, nullable=False, server_default=sa.text("'conflict'")),
    sa.Column("differs", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
    _at("compared_at", null=True),
    _uuid("series_id", null=True),
    _whole("frames", default="1"),
    _whole("rows", null=True),
    _whole("columns", null=True),
    sa.Column("frame_time_ms", sa.Double, nullable=True),
    _whole("number", null=True),
    sa.Column("preview_state", sa.Text, nullable=False, server_default=sa.text("'waiting'")),
    _one_organisation(),
    _within("instance_id", "instance"),
    _within("upload_id", "upload"),
    _within("series_id", "series"),
    sa.UniqueConstraint("instance_id", "dataset_sha256"),
    sa.Index(
        "instance_conflict_open", "organisation_id", "instance_id", postgresql_where=sa.text("state = 'conflict'")
    ),
)

assignment = sa.Table(
    "assignment",
    metadata,
    _id(),
    _organisation(),
    _uuid("exam_id"),
    _text("folder"),
    _uuid("person_id", null=True),
    _text("reason", null=True),
    _text("raw_value", null=True),
    _text("tag", null=True),
    _text("decided_by"),
    _at("at"),
    _within("exam_id", "exam"),
    sa.Index("assignment_exam", "exam_id", "at"),
)

audit_event = sa.Table(
    "audit_event",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    _organisation(),
    _at("at"),
    _text("actor_kind"),
    _text("actor_id", null=True),
    _text("action"),
    _text("object_kind"),
    _text("object_id", null=True),
    _text("outcome"),
    sa.Column("detail", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    _text("ip", null=True),
    sa.Index("audit_event_at", "organisation_id", "at"),
)

audit_seal = sa.Table(
    "audit_seal",
    metadata,
    sa.Column(
        "organisation_id", UUID(as_uuid=True), sa.ForeignKey("organisation.id"), primary_key=True, nullable=False
    ),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("event_id", sa.BigInteger, sa.ForeignKey("audit_event.id"), nullable=False, unique=True),
    _digest("prev_hash"),
    _digest("hash"),
)
