-- Orders of Works: instances on their way to a PACS.
SELECT 1;
