"""Table `notice_recipient`, and the administrators it chooses from: who is told when transfers fail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site

ADMINISTRATORS: Final = """
    SELECT DISTINCT p.id AS person_id, p.email, p.display_name,
        r.id IS NOT NULL AS chosen, m.role
    FROM membership m
    JOIN person p ON p.id = m.person_id
    LEFT JOIN notice_recipient r ON r.facility_id = :facility_id AND r.person_id = p.id
    WHERE p.status = 'active' AND (
        (m.role = 'facility_administrator' AND m.facility_id = :facility_id)
        OR m.role = 'organisation_administrator')
    ORDER BY p.email, m.role
"""
ADDRESSES: Final = """
    SELECT array_agg(email ORDER BY email) FROM notice_recipient
    WHERE facility_id = :facility_id AND email IS NOT NULL
"""
ADD: Final = """
    INSERT INTO notice_recipient (id, organisation_id, facility_id, person_id, email, created_at)
    VALUES (:id, :organisation_id, :facility_id, :person_id, :email, :now) ON CONFLICT DO NOTHING
"""
REMOVE: Final = """
    DELETE FROM notice_recipient
    WHERE facility_id = :facility_id
        AND (email = :email OR person_id IN (SELECT id FROM person WHERE person.email = :email))
"""


@dataclass(frozen=True, slots=True)
class Administrator:
    """An active administrator who may be told; `chosen`: the facility named this person."""

    person_id: UUID
    email: str
    display_name: str
    chosen: bool
    role: str


def administrators(site: Site, facility_id: UUID) -> list[Administrator]:
    """The facility's and the organisation's active administrators, by e-mail address."""
    return site.many(Administrator, ADMINISTRATORS, facility_id=facility_id)


def addresses(site: Site, facility_id: UUID) -> list[str]:
    """The further addresses of a facility."""
    found: list[str] | None = site.value(ADDRESSES, facility_id=facility_id)
    return list(found or ())


def add(site: Site, *, id: UUID, facility_id: UUID, person_id: UUID | None, email: str | None, now: datetime) -> bool:
    """Add a person or an address; False when it was there already. Raises Clash for another organisation's facility."""
    added = site.run(
        ADD,
        id=id,
        organisation_id=site.organisation_id,
        facility_id=facility_id,
        person_id=person_id,
        email=email,
        now=now,
    )
    return added == 1


def remove(site: Site, facility_id: UUID, email: str) -> int:
    """Take out the person or the address with this e-mail; how many entries that were."""
    return site.run(REMOVE, facility_id=facility_id, email=email)
