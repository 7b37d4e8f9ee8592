"""What a gateway mirrors of its facility."""

from __future__ import annotations

from datetime import datetime

from smartlink.works.access import Access
from smartlink.works.people import directory
from smartlink.works.store import configuration
from tests.works.cast import Cast


def test_a_facility_and_its_active_specialties_are_told(access: Access, cast: Cast, now: datetime) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        directory.create_specialty(site, cast.lakeside.facility_id, "Cardiology", now)
        told = configuration.facility(site, cast.lakeside.facility_id)
        assert told is not None
        assert (told.organisation_name, told.name, told.time_zone) == ("Lakeside", "Lakeside General", "Europe/Madrid")
        names = [one.name for one in configuration.specialties(site, cast.lakeside.facility_id)]
        assert names == ["Cardiology", "General"]
        assert configuration.facility(site, cast.elsewhere.facility_id) is None
