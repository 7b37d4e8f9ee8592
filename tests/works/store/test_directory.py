"""A specialty that nothing refers to can leave the lists; one that is used cannot."""

from __future__ import annotations

import uuid
from datetime import datetime

from smartlink.works.access import Access
from smartlink.works.store import directory
from tests.works.cast import Cast

ACTIVE = "SELECT active FROM specialty WHERE name = 'Old'"


def test_a_specialty_in_use_stays(access: Access, cast: Cast, now: datetime) -> None:
    facility = cast.lakeside.facility_id
    with access.organisation(cast.lakeside.organisation_id) as site:
        old = directory.add_specialty(site, id=uuid.uuid4(), facility_id=facility, name="Old", now=now)
        site.run("UPDATE membership SET specialty_ids = :ids", ids=[old])
        directory.retire_unused(site, facility, "Old", now)
        assert site.value(ACTIVE)
        site.run("UPDATE membership SET specialty_ids = '{}'")
        directory.retire_unused(site, facility, "Old", now)
        assert not site.value(ACTIVE)


def test_the_default_stays(access: Access, cast: Cast, now: datetime) -> None:
    facility = cast.lakeside.facility_id
    with access.organisation(cast.lakeside.organisation_id) as site:
        old = directory.add_specialty(site, id=uuid.uuid4(), facility_id=facility, name="Old", now=now)
        directory.make_default(site, facility, old)
        directory.retire_unused(site, facility, "Old", now)
        assert site.value(ACTIVE)
