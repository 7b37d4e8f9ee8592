-- The worklists as gateways last read them. Frozen: a later change is a later revision.

-- One worklist server: when it was asked last, when it gave its last good list, and what is wrong with it.
CREATE TABLE worklist (
    connection_id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    checked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE,
    truncated BOOLEAN DEFAULT false NOT NULL,
    unreadable BIGINT DEFAULT 0 NOT NULL,
    failing_since TIMESTAMP WITH TIME ZONE,
    problem TEXT,
    remedy TEXT,
    PRIMARY KEY (connection_id),
    FOREIGN KEY(organisation_id, connection_id) REFERENCES connection (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

-- One scheduled step of the last good list. Facility and specialty are its connection's. Rows with the same
-- `merge_key` are the same step, known from two servers.
CREATE TABLE worklist_item (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    connection_id UUID NOT NULL,
    merge_key BYTEA NOT NULL,
    patient_name TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    issuer_of_patient_id TEXT NOT NULL,
    birth_date TEXT NOT NULL,
    sex TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    requested_procedure_id TEXT NOT NULL,
    requested_procedure_description TEXT NOT NULL,
    study_instance_uid TEXT,
    referring_physician TEXT NOT NULL,
    step_id TEXT NOT NULL,
    step_description TEXT NOT NULL,
    modality TEXT NOT NULL,
    station_ae_title TEXT NOT NULL,
    performing_physician TEXT NOT NULL,
    start_at TIMESTAMP WITH TIME ZONE NOT NULL,
    start_has_time BOOLEAN NOT NULL,
    guessed BOOLEAN NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(organisation_id, connection_id) REFERENCES connection (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX worklist_item_connection ON worklist_item (connection_id);
CREATE INDEX worklist_item_expires ON worklist_item (expires_at);

ALTER TABLE command DROP CONSTRAINT command_kind;
ALTER TABLE command ADD CONSTRAINT command_kind
    CHECK (kind IN ('deliver', 'cancel', 'synchronise', 'refresh_worklists'));

-- Row-level security, as in 0001.

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['worklist', 'worklist_item'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY organisation ON %I USING (organisation_id = '
            'nullif(current_setting(''works.organisation'', true), '''')::uuid)',
            tenant_table);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON worklist, worklist_item TO works_app;

-- Whose items are over: a question of the deployment, answered with ids like the look-ups of 0001.

GRANT SELECT (organisation_id, expires_at) ON worklist_item TO works_lookup;
CREATE POLICY lookup ON worklist_item FOR SELECT TO works_lookup USING (true);
GRANT CREATE ON SCHEMA public TO works_lookup;
SET LOCAL ROLE works_lookup;

CREATE FUNCTION lookup_worklists_expired(at timestamptz) RETURNS TABLE (organisation_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT DISTINCT i.organisation_id FROM worklist_item i WHERE i.expires_at <= $1 LIMIT 1000 $$;

REVOKE ALL ON FUNCTION lookup_worklists_expired(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup_worklists_expired(timestamptz) TO works_app;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM works_lookup;
