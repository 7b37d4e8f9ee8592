-- Other bytes under the UID of an instance that is kept. In another Transfer Syntax they may still be the same image:
-- then a job compares them, and only what really differs is a conflict that a person decides. Frozen.

ALTER TABLE instance_conflict ADD COLUMN state TEXT DEFAULT 'conflict' NOT NULL;
ALTER TABLE instance_conflict ADD COLUMN differs TEXT[] DEFAULT '{}' NOT NULL;
ALTER TABLE instance_conflict ADD COLUMN compared_at TIMESTAMP WITH TIME ZONE;

-- Words that a column may hold.

ALTER TABLE instance_conflict ADD CONSTRAINT instance_conflict_state
    CHECK (state IN ('comparing', 'duplicate', 'conflict'));
