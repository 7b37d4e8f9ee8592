-- Uploads in parts: large objects, whose digest no store verifies as a whole, so that Works reads them first.

ALTER TABLE upload ADD COLUMN multipart_id TEXT;
ALTER TABLE upload ADD COLUMN mismatches BIGINT DEFAULT 0 NOT NULL;
ALTER TABLE upload DROP CONSTRAINT upload_state;
ALTER TABLE upload ADD CONSTRAINT upload_state
    CHECK (state IN ('offered', 'verifying', 'confirmed', 'ingested', 'failed'));

-- What a part must be: its ticket was bound to this length and digest. Whether it is there, the store knows.

CREATE TABLE upload_part (
    upload_id UUID NOT NULL,
    number BIGINT NOT NULL,
    organisation_id UUID NOT NULL,
    size BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    PRIMARY KEY (upload_id, number),
    FOREIGN KEY(organisation_id, upload_id) REFERENCES upload (organisation_id, id),
    FOREIGN KEY(organisation_id) REFERENCES organisation (id)
);

ALTER TABLE upload_part ENABLE ROW LEVEL SECURITY;
ALTER TABLE upload_part FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON upload_part
    USING (organisation_id = nullif(current_setting('works.organisation', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON upload_part TO works_app;
