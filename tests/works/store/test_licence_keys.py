"""At most one licence key of a facility is valid."""

from __future__ import annotations

from smartlink.works.store import licence_keys
from tests.works.world import World


def test_the_newest_key_is_the_valid_one(world: World) -> None:
    place = world.organisation("Lakeside")
    world.key(place)
    newest = world.key(place)
    with world.access.organisation(place.organisation_id) as site:
        current = licence_keys.current(site, place.facility_id)
        assert current is not None
        assert newest.startswith(current.prefix)
        assert site.value("SELECT count(*) FROM licence_key WHERE revoked_at IS NULL") == 1
        assert licence_keys.lock(site, current.id) == current


def test_a_facility_of_another_organisation_cannot_be_locked(world: World) -> None:
    place, other = world.organisation("Lakeside"), world.organisation("Elsewhere")
    with world.access.organisation(other.organisation_id) as site:
        assert not licence_keys.lock_facility(site, place.facility_id)
        assert licence_keys.lock_facility(site, other.facility_id)
