"""What somebody may do in a facility follows from the memberships alone."""

from __future__ import annotations

import uuid

from smartlink.works.store import standing
from tests.works.exams.stage import Stage, stage

__all__ = ["stage"]


def test_roles_and_specialties_decide(stage: Stage) -> None:
    place = stage.place
    other = stage.world.second_facility(place)
    radiologist = stage.world.person(place, "Dr. Ray", "Ray", "Ex", specialties=[place.other_specialty_id])
    with stage.world.access.organisation(stage.organisation_id) as site:

        def stands(person: uuid.UUID, specialty: uuid.UUID | None, facility: uuid.UUID) -> tuple[bool, bool, bool]:
            found = standing.of_person(site, person, facility, specialty)
            assert found is not None
            return found.administrator, found.physician, found.reaches

        cardiology, radiology = place.specialty_id, place.other_specialty_id
        assert stands(stage.bob, cardiology, place.facility_id) == (False, True, True)
        assert stands(stage.alice, cardiology, place.facility_id) == (True, False, False)
        assert stands(radiologist, cardiology, place.facility_id) == (False, True, False)
        assert stands(radiologist, radiology, place.facility_id) == (False, True, True)
        assert stands(radiologist, None, place.facility_id) == (False, True, True)
        assert standing.of_person(site, stage.bob, other.facility_id, None) is None
        assert standing.of_person(site, uuid.uuid4(), place.facility_id, None) is None


def test_a_person_s_facilities_say_which_of_them_they_run(stage: Stage) -> None:
    place = stage.place
    elsewhere = stage.world.organisation("Elsewhere")
    with stage.world.access.organisation(stage.organisation_id) as site:
        (bobs,), (alices,) = (standing.workplaces(site, person) for person in (stage.bob, stage.alice))
        assert (bobs.id, bobs.runs, alices.id, alices.runs) == (place.facility_id, False, place.facility_id, True)
        site.run("UPDATE membership SET facility_id = NULL WHERE person_id = :alice", alice=stage.alice)
        stage.world.second_facility(place)
        assert [each.runs for each in standing.workplaces(site, stage.alice)] == [True, True]
    with stage.world.access.organisation(elsewhere.organisation_id) as site:
        assert standing.workplaces(site, stage.alice) == []
