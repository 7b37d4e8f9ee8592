"""Defers jobs in the caller's own transaction: they exist if and only if it commits."""

import uuid
from collections.abc import Sequence

from procrastinate import App, SyncPsycopgConnector
from procrastinate.types import JSONValue

from smartlink.works.access import Site
from smartlink.works.tasks.names import INGEST, PREVIEW

# An exam stands in its list before the pictures of the ones before it are made.
_PRIORITY = {INGEST: 1, PREVIEW: 0}


class Producer:
    """Opens no connection of its own."""

    def __init__(self) -> None:
        """An App that only knows how to write jobs down; the worker has another one."""
        self._app = App(connector=SyncPsycopgConnector())

    def ingest(self, site: Site, upload_ids: Sequence[uuid.UUID]) -> None:
        """One job takes these confirmed uploads into their exams."""
        self._defer(site, INGEST, upload_ids=[str(one) for one in upload_ids])

    def preview(self, site: Site, instance_id: uuid.UUID) -> None:
        """One job makes the pictures of this instance."""
        self._defer(site, PREVIEW, instance_id=str(instance_id))

    def _defer(self, site: Site, name: str, **values: JSONValue) -> None:
        job = self._app.configure_task(name, queue=name, priority=_PRIORITY[name], connection=site.driver_connection)
        job.defer(organisation_id=str(site.organisation_id), **values)
