"""What stands above the folders because somebody must know.

Mails that do not get out, nobody who is told, and images of which a person must decide.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from smartlink.works.access import Site
from smartlink.works.notify import mailing, recipients
from smartlink.works.store import standing, versions
from smartlink.works.store.mails import Mail
from smartlink.works.store.standing import Workplace
from smartlink.works.store.versions import Undecided


@dataclass(frozen=True, slots=True)
class StuckMails:
    """Mails of one facility that people do not get: since when, why, and to whom."""

    facility: str
    problem: str
    refused: bool
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Warnings:
    """Everything there is to warn of; empty for most people, most of the time."""

    stuck: tuple[StuckMails, ...]
    untold: tuple[str, ...]
    """Facilities of which nobody hears when transfers fail."""
    undecided: Undecided | None


def of_person(site: Site, person_id: uuid.UUID, support: str | None) -> Warnings:
    """Stuck mails and undecided images for those who run the facility; that nobody is told, for all who work there."""
    places = standing.workplaces(site, person_id)
    run = [place for place in places if place.runs]
    mails = mailing.stuck(site, [place.id for place in run]) if run else []
    return Warnings(
        stuck=stuck(run, mails),
        untold=tuple(place.name for place in places if not recipients.of_facility(site, place.id, support=support)),
        undecided=versions.undecided(site, person_id) if run else None,
    )


def stuck(places: Sequence[Workplace], mails: Sequence[Mail]) -> tuple[StuckMails, ...]:
    """One for each facility and problem, with everybody who does not get the mail."""
    groups: dict[tuple[str, str, bool], list[str]] = {}
    names = {place.id: place.name for place in places}
    for mail in mails:
        key = (names[mail.facility_id], mail.problem or "", mail.state == "refused")
        groups.setdefault(key, []).append(mail.recipient)
    return tuple(StuckMails(*key, tuple(dict.fromkeys(to))) for key, to in groups.items())
