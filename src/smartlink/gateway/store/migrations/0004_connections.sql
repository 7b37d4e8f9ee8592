-- Connections that a person adds, edits and deletes.
SELECT 1;
