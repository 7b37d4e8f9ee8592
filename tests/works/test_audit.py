"""The audit trail is appended to in the transaction of what it tells of, and the application cannot change it."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy as sa

from smartlink.works import audit
from smartlink.works.access import Access
from tests.works.cast import Cast

COUNT = "SELECT count(*) FROM audit_event WHERE action = 'look'"


def _look(site: audit.Site, now: datetime, cast: Cast) -> None:
    audit.record(
        site, now=now, actor_kind="person", actor_id=cast.bob, action="look", object_kind="exam", object_id="e1"
    )


def test_an_event_stands_and_belongs_to_its_organisation(access: Access, cast: Cast, now: datetime) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        _look(site, now, cast)
    with access.organisation(cast.lakeside.organisation_id) as site:
        assert site.value(COUNT) == 1
    with access.organisation(cast.elsewhere.organisation_id) as site:
        assert site.value(COUNT) == 0


def test_what_did_not_happen_is_not_told(access: Access, cast: Cast, now: datetime) -> None:
    with pytest.raises(RuntimeError), access.organisation(cast.lakeside.organisation_id) as site:
        _look(site, now, cast)
        raise RuntimeError
    with access.organisation(cast.lakeside.organisation_id) as site:
        assert site.value(COUNT) == 0


@pytest.mark.parametrize("change", ["UPDATE audit_event SET outcome = 'x'", "DELETE FROM audit_event"])
def test_the_application_cannot_change_what_was_told(access: Access, cast: Cast, change: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError), access.organisation(cast.lakeside.organisation_id) as site:
        site.run(change)
