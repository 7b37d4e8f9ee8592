-- What diagnostics and the journey of an exam ask for and nothing kept so far.

-- The free space of the data folder's volume, once an hour: where it goes (design 1.2).
CREATE TABLE disk_sample (
    at TEXT PRIMARY KEY,
    free INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- When an upload's object was in storage; `sent_at` is when Works confirmed it.
ALTER TABLE delivery ADD COLUMN put_at TEXT;
CREATE INDEX instance_study ON instance (study_instance_uid, id);
