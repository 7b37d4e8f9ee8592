"""The tables of worklists: how each server does, and its last good list (`migrations/sql/0012_worklist.sql`)."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from smartlink.works.store import columns as c

worklist = sa.Table(
    "worklist",
    c.metadata,
    sa.Column("connection_id", UUID(as_uuid=True), primary_key=True),
    c.organisation(),
    c.at("checked_at"),
    c.at("received_at"),
    c.at("fetched_at", null=True),
    sa.Column("truncated", sa.Boolean, nullable=False, server_default=sa.false()),
    c.whole("unreadable", default="0"),
    c.at("failing_since", null=True),
    c.text("problem", null=True),
    c.text("remedy", null=True),
    c.within("connection_id", "connection"),
)

worklist_item = sa.Table(
    "worklist_item",
    c.metadata,
    c.identity(),
    c.organisation(),
    c.uuid("connection_id"),
    c.digest("merge_key"),
    c.text("patient_name"),
    c.text("patient_id"),
    c.text("issuer_of_patient_id"),
    c.text("birth_date"),
    c.text("sex"),
    c.text("accession_number"),
    c.text("requested_procedure_id"),
    c.text("requested_procedure_description"),
    c.text("study_instance_uid", null=True),
    c.text("referring_physician"),
    c.text("step_id"),
    c.text("step_description"),
    c.text("modality"),
    c.text("station_ae_title"),
    c.text("performing_physician"),
    c.at("start_at"),
    sa.Column("start_has_time", sa.Boolean, nullable=False),
    sa.Column("guessed", sa.Boolean, nullable=False),
    c.at("expires_at"),
    c.within("connection_id", "connection"),
    sa.Index("worklist_item_connection", "connection_id"),
    sa.Index("worklist_item_expires", "expires_at"),
)
