-- Storage Commitments whose result the one who asked is still to be told (PS3.4 Annex J); a row goes when it was told.
CREATE TABLE commitment (
    id INTEGER PRIMARY KEY,
    calling_ae_title TEXT NOT NULL,
    called_ae_title TEXT NOT NULL,
    address TEXT NOT NULL,
    transaction_uid TEXT NOT NULL,
    -- Pairs of SOP Class and SOP Instance UID.
    instances TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT NOT NULL,
    problem TEXT,
    UNIQUE (calling_ae_title, transaction_uid)
) STRICT;
CREATE INDEX commitment_due ON commitment (next_attempt_at, id);
