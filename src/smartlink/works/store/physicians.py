"""The physicians of a facility, as far as an exam can name them (R76, R77)."""

from dataclasses import dataclass
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class PhysicianRow:
    """A person with the role of physician in the facility or in the whole organisation."""

    person_id: UUID
    display_name: str
    given_name: str
    family_name: str
    email: str
    phone: str
    active: bool
    specialty_ids: list[UUID]
    dicom_names: list[str]


def of_facility(site: Site, facility_id: UUID) -> list[PhysicianRow]:
    """Every physician of the facility once, inactive ones included."""
    return site.many(
        PhysicianRow,
        "SELECT p.id AS person_id, p.display_name, p.given_name, p.family_name, p.email,"
        " coalesce(p.phone, '') AS phone, p.status = 'active' AS active,"
        " array(SELECT DISTINCT s FROM membership n CROSS JOIN unnest(n.specialty_ids) AS s"
        "  WHERE n.person_id = p.id AND n.role = 'physician'"
        "  AND (n.facility_id IS NULL OR n.facility_id = :facility_id)) AS specialty_ids,"
        " array(SELECT d.value_normalised FROM person_dicom_identity d"
        "  WHERE d.person_id = p.id AND d.facility_id = :facility_id) AS dicom_names"
        " FROM person p WHERE EXISTS (SELECT 1 FROM membership m WHERE m.person_id = p.id AND m.role = 'physician'"
        "  AND (m.facility_id IS NULL OR m.facility_id = :facility_id)) ORDER BY p.id",
        facility_id=facility_id,
    )
