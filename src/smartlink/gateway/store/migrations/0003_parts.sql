-- The parts of a large image, as it is uploaded. Their digests are computed with the image's own, in one pass.

CREATE TABLE part (
    instance_id INTEGER NOT NULL REFERENCES instance (id),
    number INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    -- The upload in which object storage has this part, as far as is known here; Works knows, and is asked when in doubt.
    upload_id TEXT,
    PRIMARY KEY (instance_id, number)
) STRICT, WITHOUT ROWID;
