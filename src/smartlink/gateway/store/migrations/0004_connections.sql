-- Connections that a person adds, edits and deletes.

-- Images of this ultrasound system also go to the PACS of its specialties, as soon as they are kept (R44).
ALTER TABLE connection ADD COLUMN send_directly INTEGER NOT NULL DEFAULT 0 CHECK (send_directly IN (0, 1));

-- When the peer last answered us at its present AE title, address and port (R42, R49).
ALTER TABLE connection ADD COLUMN verified_at TEXT;

-- A deleted connection that Works turned out to have after all: it is deleted there, too (R84).
ALTER TABLE connection ADD COLUMN works_deleted_at TEXT;
