"""Defers jobs in the caller's own transaction: they exist if and only if it commits."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from procrastinate import App, SyncPsycopgConnector
from procrastinate.types import JSONValue

from smartlink.works.access import Site
from smartlink.works.tasks.names import ABANDON, COMPARE, DERIVE, DIGEST, INGEST, MAIL, PREVIEW, VERIFY

# An exam stands in its list, and leaves for the PACS, before the pictures of the ones before it are made.
_PRIORITY = {INGEST: 1, DERIVE: 1, VERIFY: 1, ABANDON: 0, COMPARE: 0, DIGEST: 0, MAIL: 0, PREVIEW: 0}


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

    def derive(self, site: Site, delivery_id: uuid.UUID) -> None:
        """One job makes the objects that this delivery needs and that do not exist yet."""
        self._defer(site, DERIVE, delivery_id=str(delivery_id))

    def verify(self, site: Site, upload_id: uuid.UUID) -> None:
        """One job reads an object that was put in parts and compares its digest."""
        self._defer(site, VERIFY, upload_id=str(upload_id))

    def abandon(self, site: Site, upload_id: uuid.UUID, at: datetime) -> None:
        """One job looks at `at` whether this upload was given up, and frees what was put of it."""
        self._defer(site, ABANDON, at, upload_id=str(upload_id))

    def compare(self, site: Site, upload_id: uuid.UUID) -> None:
        """One job compares this upload with the instance of the same UID, attribute by attribute."""
        self._defer(site, COMPARE, upload_id=str(upload_id))

    def digest(self, site: Site, facility_id: uuid.UUID) -> None:
        """One job writes the digest of a facility's failures."""
        self._defer(site, DIGEST, facility_id=str(facility_id))

    def mail(self, site: Site, mail_id: uuid.UUID) -> None:
        """One job sends this mail."""
        self._defer(site, MAIL, mail_id=str(mail_id))

    def _defer(self, site: Site, name: str, at: datetime | None = None, **values: JSONValue) -> None:
        job = self._app.configure_task(
            name, queue=name, priority=_PRIORITY[name], schedule_at=at, connection=site.driver_connection
        )
        job.defer(organisation_id=str(site.organisation_id), **values)
