-- The way to the PACS: what Works orders, whose files they are, and how each destination does.

-- Whose file an instance is: one that a scanner sent, or one that was fetched from Works to be delivered.
ALTER TABLE instance ADD COLUMN source TEXT NOT NULL DEFAULT 'scanner' CHECK (source IN ('scanner', 'works'));
CREATE INDEX instance_fetched ON instance (id) WHERE source = 'works' AND state = 'kept';

-- The last C-STORE Status, as shown; NULL: no response yet.
ALTER TABLE delivery ADD COLUMN status TEXT;
-- A JSON list, when the PACS refused the stored Transfer Syntax and accepted these.
ALTER TABLE delivery ADD COLUMN accepted_syntaxes TEXT;
-- Attempts that failed by the instance's own fault, and since when.
ALTER TABLE delivery ADD COLUMN faults INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN first_fault_at TEXT;
-- A person's wish to try again opens a new retry window; NULL: it began at `created_at`.
ALTER TABLE delivery ADD COLUMN window_from TEXT;

-- How a destination does, also across restarts: Continue Retry Until counts from `failing_since` (R144).
CREATE TABLE destination (
    id TEXT PRIMARY KEY,
    failing_since TEXT,
    layer TEXT,
    problem TEXT,
    last_accepted_at TEXT
) STRICT, WITHOUT ROWID;

-- Commands of Works that are written down: one that comes again is acknowledged again and changes nothing.
CREATE TABLE command (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    received_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One ordered instance. Without `delivery_id` its file is yet to be fetched, or never will be: then `outcome` says why.
CREATE TABLE order_item (
    id TEXT PRIMARY KEY,
    -- The delivery, by its id at Works.
    order_id TEXT NOT NULL,
    destination TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    size INTEGER NOT NULL,
    object_sha256 TEXT NOT NULL,
    dataset_sha256 TEXT NOT NULL,
    resend INTEGER NOT NULL CHECK (resend IN (0, 1)),
    unwanted INTEGER NOT NULL DEFAULT 0 CHECK (unwanted IN (0, 1)),
    ordered_at TEXT NOT NULL,
    delivery_id INTEGER REFERENCES delivery (id),
    outcome TEXT CHECK (outcome IN ('parked', 'exhausted', 'cancelled')),
    cause TEXT,
    remedy TEXT,
    faults INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    -- Each change that Works is to be told counts `revision` up; `told_revision` is the one that it has.
    revision INTEGER NOT NULL DEFAULT 0,
    told_revision INTEGER NOT NULL DEFAULT 0,
    told_state TEXT,
    told_cause TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX order_item_wanted ON order_item (next_attempt_at, id) WHERE delivery_id IS NULL AND outcome IS NULL;
CREATE INDEX order_item_untold ON order_item (changed_at, id) WHERE told_revision < revision;
CREATE INDEX order_item_unwanted ON order_item (delivery_id) WHERE unwanted = 1;
CREATE INDEX order_item_order ON order_item (order_id);
CREATE INDEX order_item_delivery ON order_item (delivery_id) WHERE delivery_id IS NOT NULL;

-- Works is told of each end, and of each new reason for waiting; an attempt that fails as the one before is no news.
CREATE TRIGGER delivery_news AFTER UPDATE OF state ON delivery
WHEN OLD.state <> NEW.state AND (
    NEW.state IN ('sent', 'parked', 'exhausted', 'cancelled') OR (NEW.state = 'waiting' AND NEW.cause IS NOT NULL)
) BEGIN
    UPDATE order_item SET revision = revision + 1, changed_at = NEW.changed_at
    WHERE delivery_id = NEW.id AND (told_state IS NOT NEW.state OR told_cause IS NOT NEW.cause);
END;
