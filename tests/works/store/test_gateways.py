"""Gateways, their tokens and the assertions that were used."""

from __future__ import annotations

from datetime import timedelta

from smartlink.works.store import gateways
from tests.works.world import World


def test_an_assertion_can_be_used_once(world: World) -> None:
    place = world.organisation("Lakeside")
    world.gateway(place)
    with world.access.organisation(place.organisation_id) as site:
        known = gateways.active_in_facility(site, place.facility_id)
        assert known is not None
        later = world.now + timedelta(minutes=1)
        use = {"jti": "once", "expires_at": later, "now": world.now}
        assert gateways.use_assertion(site, known.id, **use)  # type: ignore[arg-type]  # the values above
        assert not gateways.use_assertion(site, known.id, **use)  # type: ignore[arg-type]  # the values above


def test_a_revoked_gateway_is_no_longer_the_facility_s(world: World) -> None:
    place = world.organisation("Lakeside")
    world.gateway(place)
    with world.access.organisation(place.organisation_id) as site:
        known = gateways.active_in_facility(site, place.facility_id)
        assert known is not None
        assert gateways.revoke_in_facility(site, place.facility_id) == [known.id]
        assert gateways.active_in_facility(site, place.facility_id) is None
        again = gateways.get(site, known.id)
        assert again is not None
        assert again.state == "revoked"
