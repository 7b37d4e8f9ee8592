"""The application adds deletions and changes them, and never removes one: that something was deleted is kept."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from smartlink.works.access import Access
from smartlink.works.store.retention_tables import deletion, legal_hold, object_removal, retention, tombstone
from tests.works.cast import Cast


@pytest.mark.parametrize("table", [deletion, legal_hold, object_removal, retention, tombstone], ids=str)
def test_the_application_may_do_what_it_needs(access: Access, cast: Cast, table: sa.Table) -> None:
    statement = f"DELETE FROM {table.name}"
    if table is deletion:
        with pytest.raises(sa.exc.ProgrammingError), access.organisation(cast.lakeside.organisation_id) as site:
            site.run(statement)
    else:
        with access.organisation(cast.lakeside.organisation_id) as site:
            assert site.run(statement) == 0
