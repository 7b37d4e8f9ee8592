"""Organisations and people for the tests of the pages."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from smartlink.works.access import Access
from smartlink.works.people.sign_in import SignIn
from tests.works.cast import passwords

PASSWORD = "correct horse battery staple"


@lru_cache(maxsize=1)
def _hash() -> str:
    """Everybody here has the same password."""
    return passwords().hash(PASSWORD)


@dataclass(frozen=True)
class Place:
    """An organisation with one facility of two specialties."""

    organisation_id: uuid.UUID
    facility_id: uuid.UUID
    specialty_id: uuid.UUID
    other_specialty_id: uuid.UUID


def sign_in_of(access: Access) -> SignIn:
    """The real use case."""
    return SignIn(access, passwords())


def add_place(access: Access, organisation: str, facility: str, now: datetime) -> Place:
    """A new organisation with Cardiology and Radiology; somebody is told when its transfers fail."""
    place = Place(*(uuid.uuid4() for _ in range(4)))
    with access.organisation(place.organisation_id) as site:
        site.run(
            "INSERT INTO organisation (id, name, created_at) VALUES (:id, :name, :now)",
            id=place.organisation_id,
            name=organisation,
            now=now,
        )
        site.run(
            "INSERT INTO facility (id, organisation_id, name, time_zone, default_specialty_id, created_at)"
            " VALUES (:id, :organisation, :name, 'Europe/Madrid', :specialty, :now)",
            id=place.facility_id,
            organisation=place.organisation_id,
            name=facility,
            specialty=place.specialty_id,
            now=now,
        )
        site.run(
            "INSERT INTO notice_recipient (id, organisation_id, facility_id, email, created_at)"
            " VALUES (:id, :organisation, :facility, 'it@example.org', :now)",
            id=uuid.uuid4(),
            organisation=place.organisation_id,
            facility=place.facility_id,
            now=now,
        )
        for specialty, name in ((place.specialty_id, "Cardiology"), (place.other_specialty_id, "Radiology")):
            site.run(
                "INSERT INTO specialty (id, organisation_id, facility_id, name, updated_at)"
                " VALUES (:id, :organisation, :facility, :name, :now)",
                id=specialty,
                organisation=place.organisation_id,
                facility=place.facility_id,
                name=name,
                now=now,
            )
    return place


def add_person(access: Access, place: Place, email: str, display: str, now: datetime) -> uuid.UUID:
    """A physician of the place's first specialty, with PASSWORD."""
    person_id = uuid.uuid4()
    add_membership(access, place, person_id, now, email=email, display=display)
    return person_id


def add_membership(
    access: Access, place: Place, person_id: uuid.UUID, now: datetime, *, email: str = "", display: str = ""
) -> None:
    """The person belongs to the place; made new when an e-mail address is given."""
    with access.organisation(place.organisation_id) as site:
        site.run(
            "INSERT INTO membership (id, organisation_id, person_id, facility_id, role, specialty_ids, created_at)"
            " VALUES (:id, :organisation, :person, :facility, 'physician', :specialties, :now)",
            id=uuid.uuid4(),
            organisation=place.organisation_id,
            person=person_id,
            facility=place.facility_id,
            specialties=[place.specialty_id],
            now=now,
        )
        if email:
            site.run(
                "INSERT INTO person (id, email, display_name, given_name, family_name, password_hash, status,"
                " created_at) VALUES (:id, :email, :display, '', '', :hash, 'active', :now)",
                id=person_id,
                email=email,
                display=display,
                hash=_hash(),
                now=now,
            )
