-- Two versions of one image: what a page shows of the other one, and which one counts. Frozen.

ALTER TABLE instance_conflict ADD CONSTRAINT instance_conflict_within UNIQUE (organisation_id, id);
ALTER TABLE instance_conflict ADD COLUMN series_id UUID;
ALTER TABLE instance_conflict ADD COLUMN frames BIGINT DEFAULT 1 NOT NULL;
ALTER TABLE instance_conflict ADD COLUMN "rows" BIGINT;
ALTER TABLE instance_conflict ADD COLUMN "columns" BIGINT;
ALTER TABLE instance_conflict ADD COLUMN frame_time_ms DOUBLE PRECISION;
ALTER TABLE instance_conflict ADD COLUMN number BIGINT;
ALTER TABLE instance_conflict ADD COLUMN preview_state TEXT DEFAULT 'waiting' NOT NULL;
ALTER TABLE instance_conflict ADD FOREIGN KEY (organisation_id, series_id) REFERENCES series (organisation_id, id);

ALTER TABLE instance_conflict DROP CONSTRAINT instance_conflict_state;
ALTER TABLE instance_conflict ADD CONSTRAINT instance_conflict_state
    CHECK (state IN ('comparing', 'duplicate', 'conflict', 'aside', 'used'));

CREATE INDEX instance_conflict_open ON instance_conflict (organisation_id, instance_id) WHERE state = 'conflict';

-- Which version counts: NULL is the first one, which goes by the instance's own id.

ALTER TABLE instance ADD COLUMN version_id UUID;
ALTER TABLE instance ADD COLUMN decided_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE instance ADD COLUMN decided_by UUID;

-- What was ordered before another version was used stays what it was ordered as; NULL is the version that counts.

ALTER TABLE delivery_instance ADD COLUMN version_id UUID;
ALTER TABLE delivery_instance ADD FOREIGN KEY (organisation_id, version_id)
    REFERENCES instance_conflict (organisation_id, id);

-- What was derived was derived from one version; NULL is the first one.

ALTER TABLE derived_object ADD COLUMN version_id UUID;
ALTER TABLE derived_object ADD FOREIGN KEY (organisation_id, version_id)
    REFERENCES instance_conflict (organisation_id, id);
ALTER TABLE derived_object DROP CONSTRAINT derived_object_instance_id_identity_id_transfer_syntax_uid_key;
ALTER TABLE derived_object ADD CONSTRAINT derived_object_once
    UNIQUE NULLS NOT DISTINCT (instance_id, version_id, identity_id, transfer_syntax_uid);
