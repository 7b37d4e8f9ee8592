"""Connections by id and by AE title, in one facility."""

from __future__ import annotations

from smartlink.works.store import connections
from tests.works.world import World


def test_a_connection_is_found_by_its_folded_ae_title(world: World) -> None:
    place = world.organisation("Lakeside")
    gateway = world.gateway(place, ae_title="Us01")
    with world.access.organisation(place.organisation_id) as site:
        found = connections.lock_by_ae_title(site, place.facility_id, "us01")
        assert found is not None
        assert found.id == gateway.connection_id
        assert connections.get(site, found.id) == found
        assert connections.of_facility(site, place.facility_id) == [found]
        assert connections.lock_by_ae_title(site, place.facility_id, "us02") is None
        assert connections.active_specialties(site, place.facility_id, list(found.specialty_ids)) == set(
            found.specialty_ids
        )
