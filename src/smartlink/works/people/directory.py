"""Organisations, facilities, specialties and people: making them, with input checked once, here."""

import re
import uuid
import zoneinfo
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from smartlink.works import audit
from smartlink.works.access import Access, Site
from smartlink.works.errors import Conflict, Invalid, NotFound
from smartlink.works.people.passwords import SHORTEST, Passwords
from smartlink.works.store import directory, lookups, people
from smartlink.works.store.database import Clash

ROLES: Final = ("organisation_administrator", "facility_administrator", "physician", "auditor")
FIRST_SPECIALTY: Final = "General"
_LONGEST_NAME: Final = 64
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Somebody to be made known in an organisation; `password` is ignored for a person known elsewhere already."""

    email: str
    password: str = field(repr=False)
    given_name: str
    family_name: str
    role: str
    display_name: str = ""
    phone: str | None = None
    facility_id: uuid.UUID | None = None
    specialty_ids: tuple[uuid.UUID, ...] = ()
    dicom_names: tuple[str, ...] = ()
    """Further names under which ultrasound systems know them (R76)."""


def create_organisation(access: Access, name: str, now: datetime) -> uuid.UUID:
    """A new organisation. Raises Invalid."""
    organisation_id = uuid.uuid4()
    with access.organisation(organisation_id) as site:
        directory.add_organisation(site, id=organisation_id, name=_name(name), now=now)
        _made(site, "organisation", organisation_id, now)
    return organisation_id


def create_facility(site: Site, name: str, time_zone: str, now: datetime) -> uuid.UUID:
    """A new facility, with a default specialty that can be renamed (R97). Raises Invalid, NotFound."""
    if time_zone not in zoneinfo.available_timezones():
        message = f"There is no time zone {time_zone!r}; write it as in Europe/Madrid."
        raise Invalid(message)
    facility_id = uuid.uuid4()
    try:
        with site.attempt():
            directory.add_facility(site, id=facility_id, name=_name(name), time_zone=time_zone, now=now)
    except Clash as clash:
        message = "There is no such organisation."
        raise NotFound(message) from clash
    create_specialty(site, facility_id, FIRST_SPECIALTY, now, default=True)
    _made(site, "facility", facility_id, now)
    return facility_id


def create_specialty(
    site: Site, facility_id: uuid.UUID, name: str, now: datetime, *, default: bool = False
) -> uuid.UUID:
    """A specialty of the facility; the one by this name when there is one already. Raises Invalid, NotFound.

    The first one that is made the default replaces the facility's untouched first specialty.
    """
    specialty_id = uuid.uuid4()
    try:
        with site.attempt():
            known = directory.add_specialty(site, id=specialty_id, facility_id=facility_id, name=_name(name), now=now)
    except Clash as clash:
        message = "There is no such facility."
        raise NotFound(message) from clash
    if default:
        directory.make_default(site, facility_id, known)
        directory.retire_unused(site, facility_id, FIRST_SPECIALTY, now)
    _made(site, "specialty", known, now)
    return known


def create_person(site: Site, passwords: Passwords, new: NewPerson, now: datetime) -> uuid.UUID:
    """A person with a membership in this organisation. Raises Invalid, Conflict, NotFound."""
    email = _checked(new)
    known = lookups.person(site, email)
    person_id = known or uuid.uuid4()
    try:
        with site.attempt():
            people.add_membership(
                site,
                id=uuid.uuid4(),
                person_id=person_id,
                facility_id=new.facility_id,
                role=new.role,
                specialty_ids=list(new.specialty_ids),
                now=now,
            )
    except Clash as clash:
        if "facility" in clash.constraint and clash.constraint.endswith("fkey"):
            message = "There is no such facility."
            raise NotFound(message) from clash
        message = "This person has that role already."
        raise Conflict(message) from clash
    if known is None:
        people.add_person(
            site,
            id=person_id,
            email=email,
            display_name=new.display_name or f"{new.given_name} {new.family_name}".strip(),
            given_name=new.given_name,
            family_name=new.family_name,
            phone=new.phone,
            password_hash=passwords.hash(new.password),
            now=now,
        )
    if new.facility_id is not None:
        for text in new.dicom_names:
            people.add_dicom_name(site, person_id=person_id, facility_id=new.facility_id, name=_name(text))
    _made(site, "person", person_id, now)
    return person_id


def address(text: str) -> str:
    """The e-mail address in its one form. Raises Invalid."""
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email):
        message = "Write the whole e-mail address, such as name@hospital.example."
        raise Invalid(message)
    return email


def _checked(new: NewPerson) -> str:
    """The e-mail address in its one form; raises Invalid for whatever cannot be meant."""
    email = address(new.email)
    if new.role not in ROLES:
        message = f"There is no role {new.role!r}. Roles are: {', '.join(ROLES)}."
        raise Invalid(message)
    if len(new.password) < SHORTEST:
        message = f"A password has at least {SHORTEST} characters."
        raise Invalid(message)
    if not (new.given_name.strip() or new.family_name.strip() or new.display_name.strip()):
        message = "A person needs a name."
        raise Invalid(message)
    if new.role != "organisation_administrator" and new.facility_id is None:
        message = f"The role {new.role} belongs to a facility: name it."
        raise Invalid(message)
    return email


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 0 < len(name) <= _LONGEST_NAME:
        message = f"A name has 1 to {_LONGEST_NAME} characters."
        raise Invalid(message)
    return name


def _made(site: Site, kind: str, made: uuid.UUID, now: datetime) -> None:
    audit.record(
        site, now=now, actor_kind="operator", actor_id=None, action="create", object_kind=kind, object_id=str(made)
    )
