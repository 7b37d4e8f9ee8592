-- The audit trail is a chain, one for each organisation: every event is sealed with the seal before it. Frozen.

ALTER TABLE audit_event ADD COLUMN ip TEXT;

CREATE TABLE audit_seal (
    organisation_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (organisation_id, seq),
    UNIQUE (event_id),
    FOREIGN KEY (organisation_id) REFERENCES organisation (id),
    FOREIGN KEY (event_id) REFERENCES audit_event (id)
);

ALTER TABLE audit_seal ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_seal FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON audit_seal
    USING (organisation_id = nullif(current_setting('works.organisation', true), '')::uuid);

-- The application reads seals; only the trigger below writes them, as the owner of the tables.
GRANT SELECT ON audit_seal TO works_app;

-- What is sealed: every column in one fixed order, as text that a program outside of this database can check.
CREATE FUNCTION audit_text(event audit_event, seq bigint) RETURNS text
    LANGUAGE sql STABLE SET search_path = public, pg_temp
    AS $$ SELECT jsonb_build_array(
        event.organisation_id, seq, event.id,
        to_char(event.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), event.actor_kind, event.actor_id,
        event.action, event.object_kind, event.object_id, event.outcome, event.ip, event.detail)::text $$;

-- Runs at the end of the transaction, after every other lock is taken: two transactions that each tell of something
-- wait for each other here and nowhere else, so they cannot wait in a circle.
CREATE FUNCTION audit_chain() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
DECLARE
    last_seq bigint;
    last_hash bytea;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.organisation_id::text, 5105));
    SELECT s.seq, s.hash INTO last_seq, last_hash FROM audit_seal s
        WHERE s.organisation_id = NEW.organisation_id ORDER BY s.seq DESC LIMIT 1;
    last_seq := coalesce(last_seq, 0) + 1;
    last_hash := coalesce(last_hash, decode(repeat('00', 32), 'hex'));
    INSERT INTO audit_seal (organisation_id, seq, event_id, prev_hash, hash) VALUES (
        NEW.organisation_id, last_seq, NEW.id, last_hash,
        sha256(last_hash || convert_to(audit_text(NEW, last_seq), 'UTF8')));
    RETURN NULL;
END
$$;

CREATE FUNCTION audit_is_kept() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'The audit trail is only ever added to.'; END $$;

REVOKE ALL ON FUNCTION audit_text(audit_event, bigint), audit_chain(), audit_is_kept() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_text(audit_event, bigint) TO works_app;

-- What was told before this revision is sealed in the order in which it was told.
ALTER TABLE audit_event NO FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_seal NO FORCE ROW LEVEL SECURITY;
DO $$
DECLARE
    told audit_event;
    last_seq bigint;
    last_hash bytea;
    place uuid := NULL;
BEGIN
    FOR told IN SELECT * FROM audit_event ORDER BY organisation_id, id LOOP
        IF place IS DISTINCT FROM told.organisation_id THEN
            place := told.organisation_id;
            last_seq := 0;
            last_hash := decode(repeat('00', 32), 'hex');
        END IF;
        last_seq := last_seq + 1;
        INSERT INTO audit_seal (organisation_id, seq, event_id, prev_hash, hash) VALUES (
            place, last_seq, told.id, last_hash,
            sha256(last_hash || convert_to(audit_text(told, last_seq), 'UTF8')))
            RETURNING hash INTO last_hash;
    END LOOP;
END
$$;
ALTER TABLE audit_event FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_seal FORCE ROW LEVEL SECURITY;

CREATE CONSTRAINT TRIGGER audit_chained AFTER INSERT ON audit_event
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_chain();
CREATE TRIGGER audit_event_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept();
CREATE TRIGGER audit_seal_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept();
