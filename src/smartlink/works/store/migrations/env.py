"""What Alembic runs to run the revisions: the connection is given by `store.schema`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
