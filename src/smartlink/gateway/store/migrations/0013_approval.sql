-- Ultrasound systems that registered themselves may have to wait until an administrator lets them (R67).
ALTER TABLE connection ADD COLUMN approval TEXT NOT NULL DEFAULT 'approved'
    CHECK (approval IN ('approved', 'waiting', 'blocked'));

-- Bytes that came from it while it waited.
ALTER TABLE connection ADD COLUMN waiting_bytes INTEGER NOT NULL DEFAULT 0;
