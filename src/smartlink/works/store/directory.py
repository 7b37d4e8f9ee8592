"""Tables `organisation`, `facility` and `specialty`, as they are made."""

import uuid
from datetime import datetime

from smartlink.works.store.database import Site

ADD_ORGANISATION = "INSERT INTO organisation (id, name, created_at) VALUES (:id, :name, :now)"
ADD_FACILITY = """
    INSERT INTO facility (id, organisation_id, name, time_zone, created_at)
    VALUES (:id, :organisation_id, :name, :time_zone, :now)
"""
ADD_SPECIALTY = """
    INSERT INTO specialty (id, organisation_id, facility_id, name, active, updated_at)
    VALUES (:id, :organisation_id, :facility_id, :name, true, :now)
    ON CONFLICT (facility_id, name) DO UPDATE SET active = true, updated_at = :now
    RETURNING id
"""
MAKE_DEFAULT = "UPDATE facility SET default_specialty_id = :specialty_id WHERE id = :facility_id"
RETIRE_UNUSED = """
    UPDATE specialty s SET active = false, updated_at = :now
    FROM facility f
    WHERE f.id = s.facility_id AND s.facility_id = :facility_id AND s.name = :name AND s.active
        AND f.default_specialty_id IS DISTINCT FROM s.id
        AND NOT EXISTS (SELECT 1 FROM connection c WHERE s.id = ANY (c.specialty_ids))
        AND NOT EXISTS (SELECT 1 FROM exam e WHERE e.specialty_id = s.id)
        AND NOT EXISTS (SELECT 1 FROM membership m WHERE s.id = ANY (m.specialty_ids))
"""


def add_organisation(site: Site, *, id: uuid.UUID, name: str, now: datetime) -> None:
    """A new organisation: the site is its own."""
    site.run(ADD_ORGANISATION, id=id, name=name, now=now)


def add_facility(site: Site, *, id: uuid.UUID, name: str, time_zone: str, now: datetime) -> None:
    """A new facility, without specialties yet."""
    site.run(ADD_FACILITY, id=id, organisation_id=site.organisation_id, name=name, time_zone=time_zone, now=now)


def add_specialty(site: Site, *, id: uuid.UUID, facility_id: uuid.UUID, name: str, now: datetime) -> uuid.UUID:
    """The facility's specialty of this name, active: a new one or the one there was."""
    known: uuid.UUID = site.value(
        ADD_SPECIALTY, id=id, organisation_id=site.organisation_id, facility_id=facility_id, name=name, now=now
    )
    return known


def make_default(site: Site, facility_id: uuid.UUID, specialty_id: uuid.UUID) -> None:
    """New ultrasound systems of the facility get this specialty from now on."""
    site.run(MAKE_DEFAULT, facility_id=facility_id, specialty_id=specialty_id)


def retire_unused(site: Site, facility_id: uuid.UUID, name: str, now: datetime) -> None:
    """The specialty of this name leaves the lists, if it is not the default and nothing refers to it."""
    site.run(RETIRE_UNUSED, facility_id=facility_id, name=name, now=now)
