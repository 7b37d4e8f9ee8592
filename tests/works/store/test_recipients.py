"""Administrators can be chosen, further addresses added, and neither twice."""

import uuid

import pytest

from smartlink.works.access import Access, Site
from smartlink.works.store import recipients
from smartlink.works.store.database import Clash
from tests.works.cast import NOW, Cast, Home


def add(site: Site, home: Home, *, person_id: uuid.UUID | None = None, email: str | None = None) -> bool:
    """Add a recipient."""
    return recipients.add(
        site, id=uuid.uuid4(), facility_id=home.facility_id, person_id=person_id, email=email, now=NOW
    )


def test_administrators_are_offered_and_chosen(access: Access, cast: Cast) -> None:
    home = cast.lakeside
    with access.organisation(home.organisation_id) as site:
        (alice,) = recipients.administrators(site, home.facility_id)
        assert (alice.person_id, alice.email, alice.chosen) == (cast.alice, "alice@example.org", False)
        assert add(site, home, person_id=cast.alice)
        assert not add(site, home, person_id=cast.alice)
        assert recipients.administrators(site, home.facility_id)[0].chosen
        assert recipients.remove(site, home.facility_id, "alice@example.org") == 1
        assert not recipients.administrators(site, home.facility_id)[0].chosen


def test_further_addresses_belong_to_one_facility(access: Access, cast: Cast) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        assert add(site, cast.lakeside, email="it@example.org")
        assert recipients.addresses(site, cast.lakeside.facility_id) == ["it@example.org"]
    with access.organisation(cast.elsewhere.organisation_id) as site:
        assert recipients.addresses(site, cast.elsewhere.facility_id) == []
        assert recipients.remove(site, cast.lakeside.facility_id, "it@example.org") == 0
    with pytest.raises(Clash), access.organisation(cast.elsewhere.organisation_id) as site:
        add(site, cast.lakeside, email="charlie@example.org")
