"""The one way to reach what belongs to an organisation.

`Access.organisation` opens a transaction and tells the database whose it is, for this transaction only (a setting
of the session would leak to the next user of the pooled connection). Everything in `store` that reads or writes an
organisation's rows takes the `Site` that comes out of it.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from smartlink.works.store.database import Database, Site, Transaction

__all__ = ["Access", "Site"]


class Access:
    """Opens transactions, each for one organisation."""

    def __init__(self, database: Database) -> None:
        """`database` signs in as works_app, which row-level security binds."""
        self._database = database

    @contextmanager
    def organisation(self, organisation_id: uuid.UUID) -> Iterator[Site]:
        """A transaction that sees this organisation only; committed at the end, undone when something is raised."""
        with self._database.transaction() as transaction:
            transaction.value("SELECT set_config('works.organisation', :id, true)", id=str(organisation_id))
            yield Site(transaction.connection, organisation_id)

    @contextmanager
    def outside(self) -> Iterator[Transaction]:
        """A transaction of no organisation: only `store.lookups` and the deployment's own tables answer in it."""
        with self._database.transaction() as transaction:
            yield transaction
