-- How the way to a PACS is secured, as JSON with the files of this machine; NULL: it is not (PS3.15 section B.12).
ALTER TABLE connection ADD COLUMN tls TEXT;

-- The port really bound for TLS.
ALTER TABLE service ADD COLUMN receiver_tls_port INTEGER;
