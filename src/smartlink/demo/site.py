"""The invented hospital of the demo: made with the commands of Works, as an operator would."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from smartlink.demo.programs import Program


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in."""

    given_name: str
    family_name: str
    email: str
    role: str
    password: str

    @property
    def name(self) -> str:
        """As people say it."""
        return f"{self.given_name} {self.family_name}"


@dataclass(frozen=True, slots=True)
class Site:
    """What was made: ids, the licence key, and who can sign in."""

    organisation_id: str
    facility_id: str
    licence_key: str
    administrator: Person
    physicians: tuple[Person, ...]
    specialties: tuple[str, ...] = ("Cardiology",)
    """The first is the default one."""

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody who can sign in."""
        return (*self.physicians, self.administrator)


def person(given: str, family: str, role: str = "physician", *, domain: str = "santelmo.example") -> Person:
    """An invented person with a password of their own."""
    plain = {"í": "i", "á": "a"}
    local = "".join(plain.get(letter, letter) for letter in f"{given}.{family}".lower())
    return Person(given, family, f"{local}@{domain}", role, secrets.token_urlsafe(12))


def cast(domain: str = "santelmo.example") -> tuple[Person, tuple[Person, ...]]:
    """The demo's administrator and physicians."""
    physicians = (person("Lucía", "Ferrer", domain=domain), person("Tomás", "Quiroga", domain=domain))
    return person("Nora", "Beltrán", "organisation_administrator", domain=domain), physicians


def make(
    works: Program,
    administrator: Person,
    physicians: tuple[Person, ...],
    *,
    organisation: str = "San Telmo Health",
    facility: str = "Hospital San Telmo",
    specialties: tuple[str, ...] = ("Cardiology", "Emergency Medicine"),
    tell: Callable[[str], None] = lambda _: None,
) -> Site:
    """Make organisation, facility, specialties (the first is the default), people and a licence key.

    `tell` is told what is being made.
    """
    tell(organisation)
    organisation_id = str(works.ask("create-organisation", organisation)["id"])
    within: tuple[str, ...] = ("--organisation", organisation_id)
    tell(facility)
    facility_id = str(works.ask("create-facility", facility, *within)["id"])
    within = (*within, "--facility", facility_id)
    for number, specialty in enumerate(specialties):
        tell(specialty)
        works.ask("create-specialty", specialty, *within, *(("--default",) if number == 0 else ()))
    for one in (administrator, *physicians):
        tell(one.name)
        _make_person(works, one, within)
    tell("License key")
    key = str(works.ask("create-licence-key", *within)["key"])
    return Site(organisation_id, facility_id, key, administrator, physicians, specialties)


def _make_person(works: Program, one: Person, within: tuple[str, ...]) -> None:
    named = ("--given-name", one.given_name, "--family-name", one.family_name, "--role", one.role)
    works.ask("create-user", one.email, *within, *named, "--password-stdin", stdin=f"{one.password}\n")
