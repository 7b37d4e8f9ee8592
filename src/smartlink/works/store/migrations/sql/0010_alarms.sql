-- What is wrong with the fleet itself: a gateway offline, a scanner silent, a disk that fills up; and test exams. Frozen.

-- One row for each thing that is wrong or was told of lately. `subject_id` is a gateway, or an ultrasound system.
CREATE TABLE alarm (
    facility_id UUID NOT NULL,
    kind TEXT NOT NULL,
    subject_id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    announced_at TIMESTAMP WITH TIME ZONE,
    told_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (facility_id, kind, subject_id),
    FOREIGN KEY(organisation_id, facility_id) REFERENCES facility (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

ALTER TABLE alarm ADD CONSTRAINT alarm_kind CHECK (kind IN ('offline', 'silent', 'disk'));
ALTER TABLE alarm ENABLE ROW LEVEL SECURITY;
ALTER TABLE alarm FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON alarm USING (organisation_id = nullif(current_setting('works.organisation', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON alarm TO works_app;

-- After so many hours without a word of this ultrasound system people are told; NULL is never.
ALTER TABLE connection ADD COLUMN silent_after_hours BIGINT;
ALTER TABLE connection ADD CONSTRAINT connection_silent_after CHECK (silent_after_hours BETWEEN 1 AND 8760);

-- A mail about one thing is overtaken only by a newer one about the same.
ALTER TABLE mail ADD COLUMN subject_id UUID;
ALTER TABLE mail DROP CONSTRAINT mail_kind;
ALTER TABLE mail ADD CONSTRAINT mail_kind CHECK (kind IN (
    'digest', 'recovered', 'offline', 'offline_over', 'silent', 'silent_over', 'disk', 'disk_over'));

-- The root of test exams is `smartlink.link.test_exam.UID_ROOT`: who has it is one, whatever else was lost.
ALTER TABLE exam ADD COLUMN is_test BOOLEAN NOT NULL
    GENERATED ALWAYS AS (starts_with(study_instance_uid, '2.25.123930371326250780398993775782816780580.')) STORED;
CREATE INDEX exam_test ON exam (created_at) WHERE is_test;
CREATE INDEX upload_study ON upload (organisation_id, study_instance_uid);

-- Whose gateways are to be watched, and whose test exams are old: questions of the deployment, answered with ids.
GRANT SELECT (organisation_id, facility_id, state) ON gateway TO works_lookup;
GRANT SELECT (organisation_id, facility_id) ON alarm TO works_lookup;
GRANT SELECT (id, organisation_id, is_test, created_at) ON exam TO works_lookup;
CREATE POLICY lookup ON alarm FOR SELECT TO works_lookup USING (true);
CREATE POLICY lookup ON exam FOR SELECT TO works_lookup USING (true);
GRANT CREATE ON SCHEMA public TO works_lookup;
SET LOCAL ROLE works_lookup;

CREATE FUNCTION lookup_watched() RETURNS TABLE (organisation_id uuid, facility_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT g.organisation_id, g.facility_id FROM gateway g WHERE g.state = 'active'
          UNION SELECT a.organisation_id, a.facility_id FROM alarm a $$;

CREATE FUNCTION lookup_test_exams(before timestamptz) RETURNS TABLE (organisation_id uuid, exam_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
    AS $$ SELECT e.organisation_id, e.id FROM exam e WHERE e.is_test AND e.created_at < $1 LIMIT 1000 $$;

REVOKE ALL ON FUNCTION lookup_watched(), lookup_test_exams(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lookup_watched(), lookup_test_exams(timestamptz) TO works_app;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM works_lookup;
