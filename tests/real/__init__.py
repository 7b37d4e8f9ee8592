"""Real peers: both programs as processes, DCMTK, PostgreSQL and S3."""
