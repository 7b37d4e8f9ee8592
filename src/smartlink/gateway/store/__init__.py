"""The gateway's catalogue in SQLite, one module per table, and the spool of files. Nobody else imports sqlite3."""
