"""The fixed cast: Lakeside with Alice, who runs the facility, and Bob, a physician; Charlie belongs elsewhere."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from argon2 import PasswordHasher

from smartlink.works.access import Access
from smartlink.works.people import directory
from smartlink.works.people.directory import NewPerson
from smartlink.works.people.passwords import Passwords

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PASSWORD = "correct horse battery"


@lru_cache(maxsize=1)
def passwords() -> Passwords:
    """Hashes that cost nothing: their price is the business of tests/works/people/test_passwords.py alone."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass(frozen=True)
class Home:
    """An organisation with one facility."""

    organisation_id: uuid.UUID
    facility_id: uuid.UUID


@dataclass(frozen=True)
class Cast:
    """Two organisations that must know nothing of each other."""

    lakeside: Home
    elsewhere: Home
    alice: uuid.UUID
    bob: uuid.UUID
    charlie: uuid.UUID


def home(access: Access, name: str) -> Home:
    """A new organisation with a facility."""
    organisation_id = directory.create_organisation(access, name, NOW)
    with access.organisation(organisation_id) as site:
        return Home(organisation_id, directory.create_facility(site, f"{name} General", "Europe/Madrid", NOW))


def person(
    access: Access, at: Home, given: str, *, role: str = "physician", email: str = "", password: str = PASSWORD
) -> uuid.UUID:
    """Somebody who works at that home's facility."""
    new = NewPerson(
        email=email or f"{given.lower()}@example.org",
        password=password,
        given_name=given,
        family_name="Example",
        role=role,
        facility_id=at.facility_id,
    )
    with access.organisation(at.organisation_id) as site:
        return directory.create_person(site, passwords(), new, NOW)


def assemble(access: Access) -> Cast:
    """Everybody, in a fresh database."""
    lakeside, elsewhere = home(access, "Lakeside"), home(access, "Elsewhere")
    return Cast(
        lakeside,
        elsewhere,
        alice=person(access, lakeside, "Alice", role="facility_administrator"),
        bob=person(access, lakeside, "Bob"),
        charlie=person(access, elsewhere, "Charlie"),
    )
