-- The catalogue. Moments are text in UTC, "2026-11-24T04:05:30.123456Z": fixed width, so that they sort.

CREATE TABLE licence (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    installation_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('unlicensed', 'active', 'revoked', 'released')),
    works_url TEXT,
    gateway_id TEXT,
    organisation_id TEXT,
    organisation_name TEXT,
    facility_id TEXT,
    facility_name TEXT,
    key_prefix TEXT,
    activated_at TEXT,
    revoked_at TEXT
) STRICT;

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    changed_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What Works said last about this facility (R96).
CREATE TABLE configuration (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    etag TEXT,
    default_specialty_id TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    fetched_at TEXT NOT NULL
) STRICT;

CREATE TABLE specialty (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE connection (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('pacs', 'worklist', 'ultrasound')),
    name TEXT NOT NULL,
    ae_title TEXT NOT NULL,
    ae_norm TEXT NOT NULL,
    host TEXT,
    port INTEGER,
    specialty_ids TEXT NOT NULL DEFAULT '[]',
    mapping TEXT,
    created_at TEXT NOT NULL,
    last_seen_at TEXT,
    last_image_at TEXT,
    status TEXT NOT NULL CHECK (status IN ('inactive', 'active')),
    -- Each change here counts `revision` up; `pushed_revision` is the one that Works has acknowledged.
    revision INTEGER NOT NULL DEFAULT 1,
    pushed_revision INTEGER NOT NULL DEFAULT 0,
    -- The id and version under which Works has this connection; NULL: it does not have it (R66).
    works_id TEXT,
    works_version INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    next_push_at TEXT NOT NULL,
    deleted_at TEXT
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX connection_ae ON connection (ae_norm) WHERE deleted_at IS NULL;
CREATE INDEX connection_unpushed ON connection (next_push_at) WHERE pushed_revision < revision;

-- Where a connection was seen from; an address is no part of its identity (R61).
CREATE TABLE connection_address (
    connection_id TEXT NOT NULL REFERENCES connection (id),
    address TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    PRIMARY KEY (connection_id, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE instance (
    id INTEGER PRIMARY KEY,
    spool_name TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL DEFAULT 'kept' CHECK (state IN ('kept', 'purged')),
    sop_class_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    study_instance_uid TEXT,
    series_instance_uid TEXT,
    connection_id TEXT REFERENCES connection (id),
    calling_ae_title TEXT NOT NULL,
    called_ae_title TEXT NOT NULL,
    peer_address TEXT NOT NULL,
    dataset_offset INTEGER NOT NULL,
    dataset_length INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    dataset_sha256 TEXT,
    object_sha256 TEXT,
    -- The catalogue's attributes as DICOM JSON; emptied when the instance is purged.
    attributes TEXT,
    unreadable TEXT,
    duplicate_of INTEGER REFERENCES instance (id),
    conflict INTEGER NOT NULL DEFAULT 0 CHECK (conflict IN (0, 1)),
    kept_at TEXT NOT NULL,
    -- When Works' receipt came; the janitor counts from here.
    receipt_at TEXT,
    purged_at TEXT
) STRICT;
CREATE INDEX instance_uid ON instance (sop_instance_uid, id);
CREATE INDEX instance_purgeable ON instance (receipt_at) WHERE state = 'kept' AND receipt_at IS NOT NULL;
CREATE INDEX instance_unreadable ON instance (id) WHERE unreadable IS NOT NULL AND state = 'kept';

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    instance_id INTEGER NOT NULL REFERENCES instance (id),
    destination TEXT NOT NULL,
    -- The connection that the instance came from; held deliveries are released by it.
    origin_id TEXT,
    state TEXT NOT NULL CHECK (
        state IN ('held', 'waiting', 'sending', 'sent', 'parked', 'exhausted', 'cancelled')
    ),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT NOT NULL,
    lease TEXT,
    lease_until TEXT,
    -- The upload that Works gave a ticket for: after a crash it is asked about before anything is put again.
    upload_id TEXT,
    cause TEXT,
    remedy TEXT,
    note TEXT,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    sent_at TEXT,
    UNIQUE (instance_id, destination)
) STRICT;
-- Claims and lists cost the same however long the backlog is.
CREATE INDEX delivery_ready ON delivery (destination, state, next_attempt_at, id);
CREATE INDEX delivery_listed ON delivery (state, id);
CREATE INDEX delivery_held ON delivery (origin_id, id) WHERE state = 'held';
CREATE INDEX delivery_leased ON delivery (lease_until) WHERE state = 'sending';

-- Totals that pages show, kept by the triggers below, so that no page counts the backlog.
CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    total INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER delivery_counted AFTER INSERT ON delivery BEGIN
    INSERT INTO counter (name, total) VALUES ('delivery/' || NEW.destination || '/' || NEW.state, 1)
    ON CONFLICT (name) DO UPDATE SET total = total + 1;
END;
CREATE TRIGGER delivery_recounted AFTER UPDATE OF state ON delivery WHEN OLD.state <> NEW.state BEGIN
    UPDATE counter SET total = total - 1 WHERE name = 'delivery/' || OLD.destination || '/' || OLD.state;
    INSERT INTO counter (name, total) VALUES ('delivery/' || NEW.destination || '/' || NEW.state, 1)
    ON CONFLICT (name) DO UPDATE SET total = total + 1;
END;
CREATE TRIGGER instance_counted AFTER INSERT ON instance BEGIN
    INSERT INTO counter (name, total) VALUES ('instance/' || NEW.state, 1)
    ON CONFLICT (name) DO UPDATE SET total = total + 1;
    INSERT INTO counter (name, total) SELECT 'instance/unreadable', 1 WHERE NEW.unreadable IS NOT NULL
    ON CONFLICT (name) DO UPDATE SET total = total + 1;
END;
CREATE TRIGGER instance_recounted AFTER UPDATE OF state ON instance WHEN OLD.state <> NEW.state BEGIN
    UPDATE counter SET total = total - 1 WHERE name = 'instance/' || OLD.state;
    INSERT INTO counter (name, total) VALUES ('instance/' || NEW.state, 1)
    ON CONFLICT (name) DO UPDATE SET total = total + 1;
END;
CREATE TRIGGER instance_duplicate_counted AFTER UPDATE OF duplicate_of ON instance
WHEN OLD.duplicate_of IS NULL AND NEW.duplicate_of IS NOT NULL BEGIN
    INSERT INTO counter (name, total) VALUES ('instance/duplicate', 1)
    ON CONFLICT (name) DO UPDATE SET total = total + 1;
END;
CREATE TRIGGER instance_conflict_counted AFTER UPDATE OF conflict ON instance
WHEN OLD.conflict = 0 AND NEW.conflict = 1 BEGIN
    INSERT INTO counter (name, total) VALUES ('instance/conflict', 1)
    ON CONFLICT (name) DO UPDATE SET total = total + 1;
END;

-- What the running service says of itself, for `smartlink status` and the console.
CREATE TABLE service (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    pid INTEGER NOT NULL,
    version TEXT NOT NULL,
    started_at TEXT NOT NULL,
    beat_at TEXT NOT NULL,
    stopped_at TEXT,
    receiver_ae_title TEXT,
    receiver_port INTEGER,
    receiver_problem TEXT
) STRICT;

-- How the way to Works is: written by the loops that use it.
CREATE TABLE works_link (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_heartbeat_at TEXT,
    last_sync_at TEXT,
    last_receipt_at TEXT,
    failing_since TEXT,
    problem TEXT,
    clock_skew_seconds REAL
) STRICT;
INSERT INTO works_link (id) VALUES (1);
