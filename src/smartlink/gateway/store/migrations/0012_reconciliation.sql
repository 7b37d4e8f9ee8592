-- What was sent and what each side has of it, as found by the daily comparison; one row for each connection.
CREATE TABLE reconciliation (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    since TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    -- JSON: counts and differences, by UIDs; no patient data.
    report TEXT NOT NULL
) STRICT;
CREATE INDEX reconciliation_connection ON reconciliation (connection_id, id);
