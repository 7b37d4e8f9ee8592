-- Commands that were acknowledged long ago are found, to be forgotten. Frozen.

CREATE INDEX command_done ON command (acknowledged_at) WHERE acknowledged_at IS NOT NULL;

-- Whose they are: a question of the deployment, answered with ids like the look-ups of 0001.

GRANT SELECT (organisation_id, acknowledged_at) ON command TO works_lookup;
CREATE POLICY lookup ON command FOR SELECT TO works_lookup USING (true);
GRANT CREATE ON SCHEMA public TO works_lookup;
SET LOCAL ROLE works_lookup;

CREATE FUNCTION lookup_commands_done(before timestamptz) RETURNS TABLE (organisation_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT DISTINCT c.organisation_id FROM command c WHERE c.acknowledged_at < $1 LIMIT 1000 $$;

REVOKE ALL ON FUNCTION lookup_commands_done(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup_commands_done(timestamptz) TO works_app;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM works_lookup;
