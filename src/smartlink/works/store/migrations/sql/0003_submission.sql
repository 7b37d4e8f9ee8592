-- What a submitted exam needs: confirmed identity, derived objects, deliveries, commands. Frozen.
--
-- An exam is a draft until somebody submits it; only then does a delivery of it exist (drafts never leave). A delivery
-- is one exam on its way to one PACS; the rows below it are its instances, and say which object stands for each.

CREATE TABLE exam_identity (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    exam_id UUID NOT NULL,
    number BIGINT NOT NULL,
    patient_id TEXT,
    issuer_of_patient_id TEXT,
    patient_name TEXT,
    birth_date TEXT,
    sex TEXT,
    accession_number TEXT,
    requested_procedure_id TEXT,
    requested_procedure_description TEXT,
    study_instance_uid TEXT,
    former JSONB DEFAULT '{}'::jsonb NOT NULL,
    confirmed_by UUID,
    confirmed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    UNIQUE (exam_id, number),
    FOREIGN KEY(organisation_id, exam_id) REFERENCES exam (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE TABLE derived_object (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    instance_id UUID NOT NULL,
    identity_id UUID,
    transfer_syntax_uid TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    size BIGINT NOT NULL,
    object_sha256 BYTEA NOT NULL,
    dataset_sha256 BYTEA NOT NULL,
    object_key TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    UNIQUE NULLS NOT DISTINCT (instance_id, identity_id, transfer_syntax_uid),
    FOREIGN KEY(organisation_id, instance_id) REFERENCES instance (organisation_id, id),
    FOREIGN KEY(organisation_id, identity_id) REFERENCES exam_identity (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE TABLE delivery (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    exam_id UUID NOT NULL,
    connection_id UUID NOT NULL,
    gateway_id UUID,
    identity_id UUID,
    exam_version BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    resend BOOLEAN DEFAULT false NOT NULL,
    submitted_by UUID,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    replaced_by UUID,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id, exam_id) REFERENCES exam (organisation_id, id),
    FOREIGN KEY(organisation_id, connection_id) REFERENCES connection (organisation_id, id),
    FOREIGN KEY(organisation_id, gateway_id) REFERENCES gateway (organisation_id, id),
    FOREIGN KEY(organisation_id, identity_id) REFERENCES exam_identity (organisation_id, id),
    FOREIGN KEY(organisation_id, replaced_by) REFERENCES delivery (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX delivery_exam ON delivery (exam_id, created_at);

CREATE INDEX delivery_open ON delivery (organisation_id, connection_id)
    WHERE state IN ('preparing', 'queued', 'with_gateway', 'partial', 'outbox');

CREATE TABLE delivery_instance (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    delivery_id UUID NOT NULL,
    instance_id UUID NOT NULL,
    derived_object_id UUID,
    state TEXT NOT NULL,
    attempts BIGINT DEFAULT 0 NOT NULL,
    status TEXT,
    cause TEXT,
    remedy TEXT,
    accepted_transfer_syntaxes TEXT[] DEFAULT '{}' NOT NULL,
    reported_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    UNIQUE (delivery_id, instance_id),
    FOREIGN KEY(organisation_id, delivery_id) REFERENCES delivery (organisation_id, id),
    FOREIGN KEY(organisation_id, instance_id) REFERENCES instance (organisation_id, id),
    FOREIGN KEY(organisation_id, derived_object_id) REFERENCES derived_object (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX delivery_instance_instance ON delivery_instance (instance_id);

CREATE TABLE command (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    gateway_id UUID NOT NULL,
    number BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    delivery_id UUID,
    item_ids UUID[] DEFAULT '{}' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    leased_until TIMESTAMP WITH TIME ZONE,
    acknowledged_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    UNIQUE (organisation_id, id),
    FOREIGN KEY(organisation_id, gateway_id) REFERENCES gateway (organisation_id, id),
    FOREIGN KEY(organisation_id, delivery_id) REFERENCES delivery (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX command_open ON command (gateway_id, number) WHERE acknowledged_at IS NULL;

CREATE INDEX command_delivery ON command (delivery_id);

-- An exam's state and folder. Until now every exam was 'receiving', which its last arrival says better. The owner of
-- the table is bound by row-level security too, so it is lifted while the rows of all organisations are rewritten.

ALTER TABLE exam ADD COLUMN submitted_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE exam NO FORCE ROW LEVEL SECURITY;
UPDATE exam SET state = 'draft';
ALTER TABLE exam FORCE ROW LEVEL SECURITY;
ALTER TABLE exam DROP CONSTRAINT exam_folder_word;
ALTER TABLE exam DROP CONSTRAINT exam_owner;
ALTER TABLE exam ADD CONSTRAINT exam_folder_word CHECK (folder IN ('drafts', 'unassigned', 'completed'));
ALTER TABLE exam ADD CONSTRAINT exam_owner CHECK ((folder = 'unassigned') = (owner_person_id IS NULL));
ALTER TABLE exam ADD CONSTRAINT exam_state CHECK (state IN ('draft', 'submitted', 'completed'));
ALTER TABLE exam ADD CONSTRAINT exam_submitted CHECK ((state = 'draft') = (folder <> 'completed'));

-- Words that a column may hold.

ALTER TABLE delivery ADD CONSTRAINT delivery_state CHECK (state IN
    ('preparing', 'queued', 'with_gateway', 'delivered', 'partial', 'outbox', 'cancelled', 'replaced'));
ALTER TABLE delivery ADD CONSTRAINT delivery_reason CHECK (reason IN
    ('exhausted', 'refused', 'gateway_replaced', 'connection_deleted', 'no_gateway'));
ALTER TABLE delivery ADD CONSTRAINT delivery_outbox CHECK (state <> 'outbox' OR reason IS NOT NULL);
ALTER TABLE delivery_instance ADD CONSTRAINT delivery_instance_state CHECK (state IN
    ('preparing', 'queued', 'waiting', 'sent', 'parked', 'exhausted', 'syntax_refused', 'cancelled'));
ALTER TABLE command ADD CONSTRAINT command_kind CHECK (kind IN ('deliver', 'cancel', 'synchronise'));

-- Row-level security, as in 0001.

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['exam_identity', 'derived_object', 'delivery', 'delivery_instance', 'command']
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

GRANT SELECT, INSERT, UPDATE, DELETE ON exam_identity, derived_object, delivery, delivery_instance, command
    TO works_app;
