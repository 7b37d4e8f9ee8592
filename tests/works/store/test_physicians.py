"""The physicians of a facility, as the assignment compares them."""

from __future__ import annotations

from smartlink.works.store import physicians
from tests.works.world import World


def test_a_facility_s_physicians_come_with_their_registered_names(world: World) -> None:
    place = world.organisation("Lakeside")
    other = world.second_facility(place)
    bob = world.person(place, "Dr. Bob Brandt", "Bob", "Brandt", registered=["BRANDT^B"])
    world.person(other, "Dr. Eve Egger", "Eve", "Egger", status="inactive")
    with world.access.organisation(place.organisation_id) as site:
        (row,) = physicians.of_facility(site, place.facility_id)
        assert (row.person_id, row.dicom_names, row.active) == (bob, ["BRANDT^B"], True)
        (row,) = physicians.of_facility(site, other.facility_id)
        assert not row.active
