"""Tables `person`, `membership` and `person_dicom_identity`: visible to an organisation that the person belongs to."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from smartlink.works.store.database import Site

ORGANISATION_OF = """
    SELECT o.name, coalesce(array_agg(DISTINCT f.name ORDER BY f.name) FILTER (WHERE f.name IS NOT NULL), '{}')
        AS facilities
    FROM organisation o
    JOIN membership m ON m.organisation_id = o.id AND m.person_id = :person_id
    LEFT JOIN facility f ON f.id = m.facility_id
    WHERE o.id = :organisation_id
    GROUP BY o.name
"""
PASSWORD_HASH = "SELECT password_hash FROM person WHERE id = :person_id AND status = 'active'"  # noqa: S105 -- a query
ADD_MEMBERSHIP = """
    INSERT INTO membership (id, organisation_id, person_id, facility_id, role, specialty_ids, created_at)
    VALUES (:id, :organisation_id, :person_id, :facility_id, :role, :specialty_ids, :now)
"""
ADD_PERSON = """
    INSERT INTO person (id, email, display_name, given_name, family_name, phone, password_hash, status, created_at)
    VALUES (:id, :email, :display_name, :given_name, :family_name, :phone, :password_hash, 'active', :now)
"""
ADD_DICOM_NAME = """
    INSERT INTO person_dicom_identity (id, organisation_id, person_id, facility_id, kind, value_normalised)
    VALUES (:id, :organisation_id, :person_id, :facility_id, 'name', :name)
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class OrganisationOf:
    """An organisation as one of its people knows it."""

    name: str
    facilities: list[str]


def organisation_of(site: Site, person_id: uuid.UUID) -> OrganisationOf | None:
    """The organisation and the person's facilities in it; None for somebody who does not belong to it."""
    return site.one(OrganisationOf, ORGANISATION_OF, person_id=person_id, organisation_id=site.organisation_id)


def password_hash(site: Site, person_id: uuid.UUID) -> str | None:
    """What is kept of an active person's password."""
    kept: str | None = site.value(PASSWORD_HASH, person_id=person_id)
    return kept


def add_membership(
    site: Site,
    *,
    id: uuid.UUID,
    person_id: uuid.UUID,
    facility_id: uuid.UUID | None,
    role: str,
    specialty_ids: list[uuid.UUID],
    now: datetime,
) -> None:
    """The person belongs to this organisation from now on. To be written before the person itself."""
    site.run(
        ADD_MEMBERSHIP,
        id=id,
        organisation_id=site.organisation_id,
        person_id=person_id,
        facility_id=facility_id,
        role=role,
        specialty_ids=specialty_ids,
        now=now,
    )


def add_person(  # noqa: PLR0913 -- the columns of one row
    site: Site,
    *,
    id: uuid.UUID,
    email: str,
    display_name: str,
    given_name: str,
    family_name: str,
    phone: str | None,
    password_hash: str,
    now: datetime,
) -> None:
    """A new person, active at once."""
    site.run(
        ADD_PERSON,
        id=id,
        email=email,
        display_name=display_name,
        given_name=given_name,
        family_name=family_name,
        phone=phone,
        password_hash=password_hash,
        now=now,
    )


def add_dicom_name(site: Site, *, person_id: uuid.UUID, facility_id: uuid.UUID, name: str) -> None:
    """A further name under which ultrasound systems know the person."""
    site.run(
        ADD_DICOM_NAME,
        id=uuid.uuid4(),
        organisation_id=site.organisation_id,
        person_id=person_id,
        facility_id=facility_id,
        name=name,
    )
