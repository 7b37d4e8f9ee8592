"""Organisations and people are made with input that was checked once."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import datetime

import pytest

from smartlink.works.access import Access
from smartlink.works.errors import Conflict, Invalid, NotFound
from smartlink.works.people import directory
from smartlink.works.people.directory import NewPerson
from tests.works.cast import PASSWORD, Cast, passwords

DEFAULT = "SELECT s.name FROM facility f JOIN specialty s ON s.id = f.default_specialty_id"
EVE = NewPerson("eve@example.org", PASSWORD, "Eve", "Egger", "physician", dicom_names=("EGGER^E",))


@pytest.mark.proves("R97")
def test_a_facility_has_exactly_one_default_specialty_from_the_start(access: Access, cast: Cast, now: datetime) -> None:
    facility = cast.lakeside.facility_id
    with access.organisation(cast.lakeside.organisation_id) as site:
        assert (
            site.value("SELECT s.name FROM facility f JOIN specialty s ON s.id = f.default_specialty_id") == "General"
        )
        known = directory.create_specialty(site, facility, "Cardiology", now, default=True)
        assert directory.create_specialty(site, facility, " Cardiology ", now) == known
        assert site.value("SELECT default_specialty_id FROM facility") == known
        assert site.value("SELECT count(*) FROM specialty WHERE active") == 1


def test_a_person_is_known_by_name_and_dicom_name(access: Access, cast: Cast, now: datetime) -> None:
    eve = dataclasses.replace(EVE, facility_id=cast.lakeside.facility_id)
    with access.organisation(cast.lakeside.organisation_id) as site:
        directory.create_person(site, passwords(), eve, now)
        assert site.value("SELECT display_name FROM person WHERE email = 'eve@example.org'") == "Eve Egger"
        assert site.value("SELECT value_normalised FROM person_dicom_identity") == "EGGER^E"
        with pytest.raises(Conflict):
            directory.create_person(site, passwords(), eve, now)


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "eve"},
        {"password": "short"},
        {"role": "king"},
        {"given_name": "", "family_name": " "},
        {"facility_id": None},
    ],
)
def test_what_cannot_be_meant_is_refused(access: Access, cast: Cast, now: datetime, wrong: dict[str, str]) -> None:
    eve = dataclasses.replace(EVE, facility_id=cast.lakeside.facility_id)
    new = dataclasses.replace(eve, **wrong)  # type: ignore[arg-type]  # the table above
    with access.organisation(cast.lakeside.organisation_id) as site, pytest.raises(Invalid):
        directory.create_person(site, passwords(), new, now)


def test_a_facility_of_somebody_else_is_not_there(access: Access, cast: Cast, now: datetime) -> None:
    strange = dataclasses.replace(EVE, facility_id=cast.elsewhere.facility_id)
    with access.organisation(cast.lakeside.organisation_id) as site:
        with pytest.raises(NotFound):
            directory.create_person(site, passwords(), strange, now)
        with pytest.raises(NotFound):
            directory.create_specialty(site, cast.elsewhere.facility_id, "Cardiology", now)
    with access.organisation(uuid.uuid4()) as site, pytest.raises(NotFound):
        directory.create_facility(site, "Nowhere", "UTC", now)
