-- Deletion: hidden at once, removed after some days, remembered for good. Legal hold and periods of retention. Frozen.

CREATE TABLE deletion (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    facility_id UUID NOT NULL,
    exam_id UUID NOT NULL,
    instance_id UUID,
    images BIGINT NOT NULL,
    reason TEXT NOT NULL,
    by_kind TEXT NOT NULL,
    deleted_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    remove_at TIMESTAMP WITH TIME ZONE NOT NULL,
    removed_at TIMESTAMP WITH TIME ZONE,
    undone_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX deletion_due ON deletion (remove_at) WHERE removed_at IS NULL AND undone_at IS NULL;
CREATE INDEX deletion_exam ON deletion (exam_id);

-- What was deleted is known again by the hash of its UID, also when nothing else of it is left.
CREATE TABLE tombstone (
    organisation_id UUID NOT NULL,
    uid_hash BYTEA NOT NULL,
    deletion_id UUID NOT NULL,
    PRIMARY KEY (organisation_id, uid_hash),
    FOREIGN KEY(organisation_id, deletion_id) REFERENCES deletion (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE TABLE legal_hold (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    exam_id UUID NOT NULL,
    reason TEXT NOT NULL,
    placed_by UUID,
    placed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lifted_by UUID,
    lifted_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    FOREIGN KEY(organisation_id, exam_id) REFERENCES exam (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE UNIQUE INDEX legal_hold_one ON legal_hold (exam_id) WHERE lifted_at IS NULL;

-- How long things are kept; an organisation without a row has the defaults.
CREATE TABLE retention (
    organisation_id UUID NOT NULL,
    removal_days BIGINT NOT NULL,
    exam_days BIGINT,
    PRIMARY KEY (organisation_id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

-- Objects whose rows are gone: removed from storage by a job, one after the other.
CREATE TABLE object_removal (
    organisation_id UUID NOT NULL,
    object_key TEXT NOT NULL,
    PRIMARY KEY (organisation_id, object_key),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

ALTER TABLE exam ADD COLUMN deletion_id UUID;
ALTER TABLE exam ADD FOREIGN KEY (organisation_id, deletion_id) REFERENCES deletion (organisation_id, id);
ALTER TABLE instance ADD COLUMN deletion_id UUID;
ALTER TABLE instance ADD FOREIGN KEY (organisation_id, deletion_id) REFERENCES deletion (organisation_id, id);
-- What came again after its deletion: kept, not shown as an image, until a person decides.
ALTER TABLE upload ADD COLUMN deletion_id UUID;
ALTER TABLE upload ADD FOREIGN KEY (organisation_id, deletion_id) REFERENCES deletion (organisation_id, id);
ALTER TABLE upload DROP CONSTRAINT upload_state;
ALTER TABLE upload ADD CONSTRAINT upload_state
    CHECK (state IN ('offered', 'verifying', 'confirmed', 'ingested', 'failed', 'withheld'));
ALTER TABLE upload ADD CONSTRAINT upload_withheld CHECK (state <> 'withheld' OR deletion_id IS NOT NULL);
CREATE INDEX upload_withheld_of ON upload (deletion_id) WHERE state = 'withheld';
CREATE INDEX upload_object ON upload (organisation_id, object_key);

ALTER TABLE deletion ADD CONSTRAINT deletion_by CHECK (by_kind IN ('person', 'operator', 'system'));
ALTER TABLE retention ADD CONSTRAINT retention_days CHECK (removal_days >= 1 AND (exam_days IS NULL OR exam_days >= 30));

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['deletion', 'tombstone', 'legal_hold', 'retention', 'object_removal'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY organisation ON %I USING (organisation_id = '
            'nullif(current_setting(''works.organisation'', true), '''')::uuid)',
            tenant_table);
    END LOOP;
END
$$;

-- Hidden at once, from every query there is or will be: only a transaction that says so sees what was deleted.
CREATE POLICY hidden ON exam AS RESTRICTIVE
    USING (deletion_id IS NULL OR current_setting('works.hidden', true) = 'shown');
CREATE POLICY hidden ON instance AS RESTRICTIVE
    USING (deletion_id IS NULL OR current_setting('works.hidden', true) = 'shown');

GRANT SELECT, INSERT, UPDATE, DELETE ON tombstone, legal_hold, retention, object_removal TO works_app;
-- That something was deleted is remembered for good.
GRANT SELECT, INSERT, UPDATE ON deletion TO works_app;

-- Where something is to be removed: a question of the deployment, answered with ids like the look-ups of 0001.

GRANT SELECT (organisation_id, remove_at, removed_at, undone_at) ON deletion TO works_lookup;
GRANT SELECT (organisation_id) ON object_removal TO works_lookup;
GRANT SELECT (organisation_id, exam_days) ON retention TO works_lookup;
CREATE POLICY lookup ON deletion FOR SELECT TO works_lookup USING (true);
CREATE POLICY lookup ON object_removal FOR SELECT TO works_lookup USING (true);
CREATE POLICY lookup ON retention FOR SELECT TO works_lookup USING (true);
GRANT CREATE ON SCHEMA public TO works_lookup;
SET LOCAL ROLE works_lookup;

CREATE FUNCTION lookup_removals_due(at timestamptz) RETURNS TABLE (organisation_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT d.organisation_id FROM deletion d
            WHERE d.remove_at <= $1 AND d.removed_at IS NULL AND d.undone_at IS NULL
          UNION SELECT o.organisation_id FROM object_removal o
          UNION SELECT r.organisation_id FROM retention r WHERE r.exam_days IS NOT NULL $$;

REVOKE ALL ON FUNCTION lookup_removals_due(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup_removals_due(timestamptz) TO works_app;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM works_lookup;
