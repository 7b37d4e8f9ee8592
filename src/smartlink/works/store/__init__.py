"""Works' memory: PostgreSQL, its roles and row-level security, and one module of named SQL per table group.

The only importer of psycopg, SQLAlchemy and Alembic. Nobody outside sees a row, a cursor or a session: functions
take a `Site` (see `works.access`) and return frozen values.
"""
