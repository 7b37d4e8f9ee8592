-- When an instance was entered here, behind its answer; what was ordered is found by its study.

ALTER TABLE instance ADD COLUMN entered_at TEXT;
CREATE INDEX order_item_study ON order_item (study_instance_uid);
