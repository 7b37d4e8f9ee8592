"""What a person may do in a facility, by their memberships."""

from dataclasses import dataclass
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class Standing:
    """A person at a facility: runs it, is a physician there, and of this specialty (an empty list means every one)."""

    person_id: UUID
    administrator: bool
    physician: bool
    reaches: bool


def of_person(site: Site, person_id: UUID, facility_id: UUID, specialty_id: UUID | None) -> Standing | None:
    """How the active person stands there; None for somebody who does not belong to the facility."""
    return site.one(
        Standing,
        "SELECT p.id AS person_id,"
        " bool_or(m.role IN ('facility_administrator', 'organisation_administrator')) AS administrator,"
        " bool_or(m.role = 'physician') AS physician,"
        " bool_or(m.role = 'physician' AND (m.specialty_ids = '{}' OR CAST(:specialty AS uuid) IS NULL"
        "  OR :specialty = ANY (m.specialty_ids))) AS reaches"
        " FROM person p JOIN membership m ON m.person_id = p.id"
        " WHERE p.id = :person AND p.status = 'active' AND (m.facility_id IS NULL OR m.facility_id = :facility)"
        " GROUP BY p.id",
        person=person_id,
        facility=facility_id,
        specialty=specialty_id,
    )


def runs_organisation(site: Site, person_id: UUID) -> bool:
    """Whether the active person is an administrator of the organisation."""
    found = site.value(
        "SELECT 1 FROM membership m JOIN person p ON p.id = m.person_id"
        " WHERE m.person_id = :person AND m.role = 'organisation_administrator' AND p.status = 'active' LIMIT 1",
        person=person_id,
    )
    return found is not None


@dataclass(frozen=True, slots=True)
class Workplace:
    """A facility to which a person belongs, and whether they run it."""

    id: UUID
    name: str
    runs: bool


def workplaces(site: Site, person_id: UUID) -> list[Workplace]:
    """The person's facilities by name."""
    return site.many(
        Workplace,
        "SELECT f.id, f.name,"
        " bool_or(m.role IN ('facility_administrator', 'organisation_administrator')) AS runs"
        " FROM facility f JOIN membership m ON m.facility_id IS NULL OR m.facility_id = f.id"
        " WHERE m.person_id = :person GROUP BY f.id, f.name ORDER BY f.name, f.id",
        person=person_id,
    )
