"""Who is told: chosen facility administrators and further addresses, and the deployment's support (R113)."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from smartlink.works import audit
from smartlink.works.access import Site
from smartlink.works.errors import Conflict, NotFound
from smartlink.works.people.directory import address
from smartlink.works.store import configuration
from smartlink.works.store import recipients as rows
from smartlink.works.store.recipients import Administrator

_FACILITY = "facility_administrator"


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who is told of a facility's failures, and why."""

    administrators: tuple[str, ...]
    addresses: tuple[str, ...]
    chosen: bool
    """Whether the administrators were chosen; otherwise they are all that there are."""


def of_facility(site: Site, facility_id: uuid.UUID, *, support: str | None) -> tuple[str, ...]:
    """Every address that a mail of this facility goes to, each once."""
    found = told(site, facility_id)
    return tuple(dict.fromkeys([*found.administrators, *found.addresses, *([support.lower()] if support else [])]))


def told(site: Site, facility_id: uuid.UUID) -> Recipients:
    """Who is told: chosen administrators who still are ones, or all of the facility's, or else the organisation's."""
    known = rows.administrators(site, facility_id)
    chosen = [one for one in known if one.chosen]
    own = [one for one in known if one.role == _FACILITY]
    further = rows.addresses(site, facility_id)
    return Recipients(_emails(chosen or own or known), tuple(further), bool(chosen))


def add(site: Site, facility_id: uuid.UUID, text: str, now: datetime) -> bool:
    """Tell this address, too: an administrator's chooses that person, any other is a further address.

    False for a further address. Raises Invalid, NotFound, Conflict.
    """
    email = address(text)
    _known(site, facility_id)
    person = next((one for one in rows.administrators(site, facility_id) if one.email == email), None)
    added = rows.add(
        site,
        id=uuid.uuid4(),
        facility_id=facility_id,
        person_id=None if person is None else person.person_id,
        email=email if person is None else None,
        now=now,
    )
    if not added:
        message = "This address is told already."
        raise Conflict(message)
    _record(site, facility_id, "recipient_added", now)
    return person is not None


def remove(site: Site, facility_id: uuid.UUID, text: str, now: datetime) -> None:
    """Tell this address no more. Raises Invalid, NotFound."""
    email = address(text)
    _known(site, facility_id)
    if not rows.remove(site, facility_id, email):
        message = "This address was neither chosen nor added."
        raise NotFound(message)
    _record(site, facility_id, "recipient_removed", now)


def _known(site: Site, facility_id: uuid.UUID) -> None:
    if configuration.facility(site, facility_id) is None:
        message = "There is no such facility."
        raise NotFound(message)


def _emails(people: list[Administrator]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.email for one in people))


def _record(site: Site, facility_id: uuid.UUID, action: str, now: datetime) -> None:
    audit.record(
        site,
        now=now,
        actor_kind="operator",
        actor_id=None,
        action=action,
        object_kind="facility",
        object_id=facility_id,
    )
