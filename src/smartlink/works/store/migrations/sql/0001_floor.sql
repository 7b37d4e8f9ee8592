-- The floor of Works: tables, row-level security, look-ups, grants. Frozen: a later change is a later revision.
--
-- Run by the owner of the database. The roles works_app and works_lookup exist already (store/roles.py). Runs on
-- PostgreSQL 15 and 18.

CREATE TABLE assertion_seen (
    gateway_id UUID NOT NULL,
    jti TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (gateway_id, jti)
);

CREATE TABLE organisation (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE person (
    id UUID NOT NULL,
    email TEXT NOT NULL,
    display_name TEXT NOT NULL,
    given_name TEXT NOT NULL,
    family_name TEXT NOT NULL,
    phone TEXT,
    password_hash TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (email)
);

CREATE TABLE sign_in_attempt (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    subject_hash BYTEA NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX sign_in_attempt_subject ON sign_in_attempt (subject_hash, at);

CREATE TABLE audit_event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    action TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id TEXT,
    outcome TEXT NOT NULL,
    detail JSONB DEFAULT '{}'::jsonb NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX audit_event_at ON audit_event (organisation_id, at);

CREATE TABLE facility (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    default_specialty_id UUID,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE TABLE web_session (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    person_id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (token_hash),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE licence_key (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    facility_id UUID NOT NULL,
    key_hash BYTEA NOT NULL,
    prefix TEXT NOT NULL,
    created_by UUID,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    UNIQUE (key_hash),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE UNIQUE INDEX licence_key_one_valid ON licence_key (facility_id) WHERE revoked_at IS NULL;

CREATE TABLE membership (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    person_id UUID NOT NULL,
    facility_id UUID,
    role TEXT NOT NULL,
    specialty_ids UUID[] DEFAULT '{}' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    UNIQUE NULLS NOT DISTINCT (organisation_id, person_id, facility_id, role),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    FOREIGN KEY(person_id) REFERENCES person (id) DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX membership_person ON membership (person_id);

CREATE TABLE person_dicom_identity (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    person_id UUID NOT NULL,
    facility_id UUID NOT NULL,
    kind TEXT NOT NULL,
    value_normalised TEXT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    UNIQUE (facility_id, kind, value_normalised, person_id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE specialty (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    facility_id UUID NOT NULL,
    name TEXT NOT NULL,
    active BOOLEAN DEFAULT true NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    UNIQUE (facility_id, name),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE TABLE gateway (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    facility_id UUID NOT NULL,
    licence_key_id UUID NOT NULL,
    installation_id TEXT NOT NULL,
    public_key TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    activated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_heartbeat_at TIMESTAMP WITH TIME ZONE,
    status JSONB DEFAULT '{}'::jsonb NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    FOREIGN KEY(organisation_id, licence_key_id) REFERENCES licence_key (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE UNIQUE INDEX gateway_one_active ON gateway (licence_key_id) WHERE state = 'active';

CREATE TABLE connection (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    facility_id UUID NOT NULL,
    gateway_id UUID NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    ae_title TEXT NOT NULL,
    ae_norm TEXT NOT NULL,
    host TEXT NOT NULL,
    port BIGINT,
    specialty_ids UUID[] DEFAULT '{}' NOT NULL,
    mapping TEXT,
    status TEXT NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen_at TIMESTAMP WITH TIME ZONE,
    deleted_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    FOREIGN KEY(organisation_id, gateway_id) REFERENCES gateway (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE UNIQUE INDEX connection_one_ae ON connection (facility_id, ae_norm) WHERE deleted_at IS NULL;

CREATE TABLE gateway_token (
    token_hash BYTEA NOT NULL,
    organisation_id UUID NOT NULL,
    gateway_id UUID NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (token_hash),
    FOREIGN KEY(organisation_id, gateway_id) REFERENCES gateway (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX gateway_token_gateway ON gateway_token (gateway_id);

CREATE TABLE exam (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    facility_id UUID NOT NULL,
    specialty_id UUID,
    study_instance_uid TEXT NOT NULL,
    accession_number TEXT,
    patient_name TEXT,
    patient_id TEXT,
    birth_date TEXT,
    sex TEXT,
    study_description TEXT,
    study_at TIMESTAMP WITH TIME ZONE,
    state TEXT NOT NULL,
    folder TEXT NOT NULL,
    owner_person_id UUID,
    reason TEXT,
    raw_value TEXT,
    tag TEXT,
    assigned_at TIMESTAMP WITH TIME ZONE,
    connection_id UUID,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    version BIGINT DEFAULT 1 NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    FOREIGN KEY(organisation_id, connection_id) REFERENCES connection (organisation_id, id),
    UNIQUE (organisation_id, study_instance_uid),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX exam_folder ON exam (organisation_id, folder, owner_person_id, last_received_at);

CREATE TABLE upload (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    gateway_id UUID NOT NULL,
    connection_id UUID,
    sop_class_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    series_instance_uid TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    attributes JSONB DEFAULT '{}'::jsonb NOT NULL,
    object_key TEXT NOT NULL,
    object_sha256 BYTEA NOT NULL,
    dataset_sha256 BYTEA NOT NULL,
    size BIGINT NOT NULL,
    state TEXT NOT NULL,
    conflict BOOLEAN DEFAULT false NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    offered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    ingested_at TIMESTAMP WITH TIME ZONE,
    failure TEXT,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id, gateway_id) REFERENCES gateway (organisation_id, id),
    FOREIGN KEY(organisation_id, connection_id) REFERENCES connection (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX upload_open ON upload (organisation_id, gateway_id) WHERE state IN ('offered', 'confirmed');

CREATE INDEX upload_sop_instance ON upload (organisation_id, sop_instance_uid);

CREATE TABLE assignment (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    exam_id UUID NOT NULL,
    folder TEXT NOT NULL,
    person_id UUID,
    reason TEXT,
    raw_value TEXT,
    tag TEXT,
    decided_by TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(organisation_id, exam_id) REFERENCES exam (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX assignment_exam ON assignment (exam_id, at);

CREATE TABLE series (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    exam_id UUID NOT NULL,
    series_instance_uid TEXT NOT NULL,
    modality TEXT,
    number BIGINT,
    description TEXT,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id, exam_id) REFERENCES exam (organisation_id, id),
    UNIQUE (exam_id, series_instance_uid),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE TABLE instance (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    exam_id UUID NOT NULL,
    series_id UUID NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    frames BIGINT DEFAULT 1 NOT NULL,
    rows BIGINT,
    columns BIGINT,
    frame_time_ms DOUBLE PRECISION,
    number BIGINT,
    size BIGINT NOT NULL,
    dataset_sha256 BYTEA NOT NULL,
    object_sha256 BYTEA NOT NULL,
    object_key TEXT NOT NULL,
    upload_id UUID NOT NULL,
    connection_id UUID,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ingested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    preview_state TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id, exam_id) REFERENCES exam (organisation_id, id),
    FOREIGN KEY(organisation_id, series_id) REFERENCES series (organisation_id, id),
    FOREIGN KEY(organisation_id, upload_id) REFERENCES upload (organisation_id, id),
    FOREIGN KEY(organisation_id, connection_id) REFERENCES connection (organisation_id, id),
    UNIQUE (organisation_id, sop_instance_uid),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX instance_exam ON instance (exam_id);

CREATE TABLE instance_conflict (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    instance_id UUID NOT NULL,
    upload_id UUID NOT NULL,
    dataset_sha256 BYTEA NOT NULL,
    object_key TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(organisation_id, instance_id) REFERENCES instance (organisation_id, id),
    FOREIGN KEY(organisation_id, upload_id) REFERENCES upload (organisation_id, id),
    UNIQUE (instance_id, dataset_sha256),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

-- Words that a column may hold.

ALTER TABLE person ADD CONSTRAINT person_status CHECK (status IN ('active', 'inactive'));
ALTER TABLE person ADD CONSTRAINT person_email CHECK (email = lower(email));
ALTER TABLE membership ADD CONSTRAINT membership_role
    CHECK (role IN ('organisation_administrator', 'facility_administrator', 'physician', 'auditor'));
ALTER TABLE gateway ADD CONSTRAINT gateway_state CHECK (state IN ('active', 'revoked', 'released'));
ALTER TABLE connection ADD CONSTRAINT connection_kind CHECK (kind IN ('pacs', 'worklist', 'ultrasound'));
ALTER TABLE upload ADD CONSTRAINT upload_state CHECK (state IN ('offered', 'confirmed', 'ingested', 'failed'));
ALTER TABLE exam ADD CONSTRAINT exam_folder_word CHECK (folder IN ('drafts', 'unassigned'));
ALTER TABLE exam ADD CONSTRAINT exam_owner
    CHECK ((folder = 'drafts') = (owner_person_id IS NOT NULL));
ALTER TABLE assignment ADD CONSTRAINT assignment_folder CHECK (folder IN ('drafts', 'unassigned'));

-- Row-level security. A transaction that has not said its organisation reads nothing and writes nothing.

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOR tenant_table IN
        SELECT c.relname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id' AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY organisation ON %I USING (organisation_id = '
            'nullif(current_setting(''works.organisation'', true), '''')::uuid)',
            tenant_table);
    END LOOP;
END
$$;

ALTER TABLE organisation ENABLE ROW LEVEL SECURITY;
ALTER TABLE organisation FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON organisation
    USING (id = nullif(current_setting('works.organisation', true), '')::uuid);

-- A person belongs to no organisation but is seen only through a membership in the current one. The membership is
-- written first (its foreign key is deferred), so that the same sentence covers reading and writing.
ALTER TABLE person ENABLE ROW LEVEL SECURITY;
ALTER TABLE person FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON person
    USING (EXISTS (
        SELECT 1 FROM membership
        WHERE membership.person_id = person.id
          AND membership.organisation_id = nullif(current_setting('works.organisation', true), '')::uuid));

-- The look-ups that precede an organisation. They run as works_lookup, which nobody can sign in as, which does not
-- bypass row-level security and owns nothing but these functions: policies for it alone let it read these columns.

GRANT SELECT (id, email) ON person TO works_lookup;
GRANT SELECT (organisation_id, person_id) ON membership TO works_lookup;
GRANT SELECT (id, organisation_id, token_hash) ON web_session TO works_lookup;
GRANT SELECT (id, organisation_id, key_hash) ON licence_key TO works_lookup;
GRANT SELECT (id, organisation_id) ON gateway TO works_lookup;
GRANT SELECT (token_hash, organisation_id, gateway_id, expires_at) ON gateway_token TO works_lookup;

CREATE POLICY lookup ON person FOR SELECT TO works_lookup USING (true);
CREATE POLICY lookup ON membership FOR SELECT TO works_lookup USING (true);
CREATE POLICY lookup ON web_session FOR SELECT TO works_lookup USING (true);
CREATE POLICY lookup ON licence_key FOR SELECT TO works_lookup USING (true);
CREATE POLICY lookup ON gateway FOR SELECT TO works_lookup USING (true);
CREATE POLICY lookup ON gateway_token FOR SELECT TO works_lookup USING (true);

GRANT CREATE ON SCHEMA public TO works_lookup;
SET LOCAL ROLE works_lookup;

CREATE FUNCTION lookup_memberships_of(email text) RETURNS TABLE (organisation_id uuid, person_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT DISTINCT m.organisation_id, m.person_id FROM person p JOIN membership m ON m.person_id = p.id
          WHERE p.email = lower($1) $$;

CREATE FUNCTION lookup_person(email text) RETURNS TABLE (person_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT p.id FROM person p WHERE p.email = lower($1) $$;

CREATE FUNCTION lookup_session(token_hash bytea) RETURNS TABLE (organisation_id uuid, session_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT s.organisation_id, s.id FROM web_session s WHERE s.token_hash = $1 $$;

CREATE FUNCTION lookup_licence_key(key_hash bytea) RETURNS TABLE (organisation_id uuid, licence_key_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT k.organisation_id, k.id FROM licence_key k WHERE k.key_hash = $1 $$;

CREATE FUNCTION lookup_gateway(gateway_id uuid) RETURNS TABLE (organisation_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT g.organisation_id FROM gateway g WHERE g.id = $1 $$;

CREATE FUNCTION lookup_gateway_token(token_hash bytea, at timestamptz)
    RETURNS TABLE (organisation_id uuid, gateway_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT t.organisation_id, t.gateway_id FROM gateway_token t WHERE t.token_hash = $1 AND t.expires_at > $2 $$;

REVOKE ALL ON FUNCTION lookup_memberships_of(text), lookup_person(text), lookup_session(bytea),
    lookup_licence_key(bytea), lookup_gateway(uuid), lookup_gateway_token(bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup_memberships_of(text), lookup_person(text), lookup_session(bytea),
    lookup_licence_key(bytea), lookup_gateway(uuid), lookup_gateway_token(bytea, timestamptz) TO works_app;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM works_lookup;

-- What the application may do. The audit trail is only ever added to.

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO works_app;
REVOKE UPDATE, DELETE ON audit_event FROM works_app;
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM works_app;
REVOKE DELETE ON organisation, person FROM works_app;
