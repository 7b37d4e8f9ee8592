"""What a gateway mirrors of its facility: names, specialties and the default one (R96)."""

from dataclasses import dataclass
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class FacilityRow:
    """A facility with its organisation's name."""

    organisation_name: str
    id: UUID
    name: str
    time_zone: str
    default_specialty_id: UUID | None


@dataclass(frozen=True, slots=True)
class SpecialtyRow:
    """An active specialty."""

    id: UUID
    name: str


def facility(site: Site, facility_id: UUID) -> FacilityRow | None:
    """One facility of the organisation."""
    return site.one(
        FacilityRow,
        "SELECT o.name AS organisation_name, f.id, f.name, f.time_zone, f.default_specialty_id"
        " FROM facility f JOIN organisation o ON o.id = f.organisation_id WHERE f.id = :id",
        id=facility_id,
    )


def specialties(site: Site, facility_id: UUID) -> list[SpecialtyRow]:
    """The active specialties of a facility, by name."""
    return site.many(
        SpecialtyRow,
        "SELECT id, name FROM specialty WHERE facility_id = :id AND active ORDER BY name, id",
        id=facility_id,
    )
