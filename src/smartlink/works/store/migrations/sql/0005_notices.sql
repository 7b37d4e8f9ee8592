-- What fails at gateways, who is told, and the mails that tell it. Frozen: a later change is a later revision.

-- Everything that fails at a gateway, as it last said; each replaces the one before.
CREATE TABLE failure_notice (
    gateway_id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    facility_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    notify_hours BIGINT NOT NULL,
    failing BOOLEAN NOT NULL,
    snapshot JSONB DEFAULT '{}'::jsonb NOT NULL,
    PRIMARY KEY (gateway_id),
    FOREIGN KEY(organisation_id, gateway_id) REFERENCES gateway (organisation_id, id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX failure_notice_facility ON failure_notice (facility_id);

-- How far the digests of a facility are. `announced_at`: since when people know of a failure that has not ended yet.
CREATE TABLE digest (
    facility_id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    announced_at TIMESTAMP WITH TIME ZONE,
    told_at TIMESTAMP WITH TIME ZONE,
    due_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (facility_id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX digest_due ON digest (due_at) WHERE due_at IS NOT NULL;

-- Who is told: a facility administrator that was chosen, or a further address.
CREATE TABLE notice_recipient (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    facility_id UUID NOT NULL,
    person_id UUID,
    email TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    UNIQUE NULLS NOT DISTINCT (facility_id, person_id, email),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id),
    FOREIGN KEY(person_id) REFERENCES person (id)
);

-- One mail to one address, kept so that one sees what went out and what does not.
CREATE TABLE mail (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    facility_id UUID NOT NULL,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT DEFAULT 0 NOT NULL,
    problem TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

CREATE INDEX mail_facility ON mail (facility_id, created_at);

ALTER TABLE notice_recipient ADD CONSTRAINT notice_recipient_one CHECK ((person_id IS NULL) <> (email IS NULL));
ALTER TABLE notice_recipient ADD CONSTRAINT notice_recipient_email CHECK (email = lower(email));
ALTER TABLE mail ADD CONSTRAINT mail_kind CHECK (kind IN ('digest', 'recovered'));
ALTER TABLE mail ADD CONSTRAINT mail_state CHECK (state IN ('waiting', 'sent', 'refused', 'superseded'));

DO $$
DECLARE
    tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['failure_notice', 'digest', 'notice_recipient', 'mail'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format(
            'CREATE POLICY organisation ON %I USING (organisation_id = '
            'nullif(current_setting(''works.organisation'', true), '''')::uuid)',
            tenant_table);
    END LOOP;
END
$$;

GRANT SELECT, INSERT, UPDATE, DELETE ON failure_notice, digest, notice_recipient, mail TO works_app;

-- Whose digest is due: a question of the deployment, answered with ids like the look-ups of 0001.

GRANT SELECT (organisation_id, facility_id, due_at) ON digest TO works_lookup;
CREATE POLICY lookup ON digest FOR SELECT TO works_lookup USING (true);
GRANT CREATE ON SCHEMA public TO works_lookup;
SET LOCAL ROLE works_lookup;

CREATE FUNCTION lookup_digests_due(at timestamptz) RETURNS TABLE (organisation_id uuid, facility_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT d.organisation_id, d.facility_id FROM digest d WHERE d.due_at <= $1 ORDER BY d.due_at LIMIT 1000 $$;

REVOKE ALL ON FUNCTION lookup_digests_due(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup_digests_due(timestamptz) TO works_app;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM works_lookup;
