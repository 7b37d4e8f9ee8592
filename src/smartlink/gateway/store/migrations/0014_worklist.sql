-- Worklist servers: how each is asked, how it does, and its last good list.

-- How a worklist server is asked, as JSON; NULL: as by default, or it is none.
ALTER TABLE connection ADD COLUMN query TEXT;

CREATE TABLE worklist (
    connection_id TEXT PRIMARY KEY REFERENCES connection (id),
    -- When it was asked last, and when it last gave a whole list.
    checked_at TEXT NOT NULL,
    fetched_at TEXT,
    truncated INTEGER NOT NULL DEFAULT 0 CHECK (truncated IN (0, 1)),
    unreadable INTEGER NOT NULL DEFAULT 0,
    failing_since TEXT,
    problem TEXT,
    remedy TEXT,
    -- The state that Works has been told of, so that nothing is told twice and nothing is queued.
    told TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE worklist_item (
    connection_id TEXT NOT NULL REFERENCES connection (id),
    number INTEGER NOT NULL,
    content TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (connection_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX worklist_item_expires ON worklist_item (expires_at);
