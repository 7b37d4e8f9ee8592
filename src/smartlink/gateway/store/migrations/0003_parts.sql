-- Uploads in parts.
SELECT 1;
