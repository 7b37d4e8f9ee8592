"""Signing in, as use cases for the pages: which organisations, then a session or a refusal that reveals nothing.

An unknown e-mail address takes the same time, gets the same answers and is counted like a known one (R9). Five wrong
tries in a quarter of an hour pause an address; fifty pause whoever makes them.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from smartlink.works import audit
from smartlink.works.access import Access
from smartlink.works.people.passwords import LONGEST, Passwords
from smartlink.works.store import lookups, people, sessions
from smartlink.works.store.lookups import MembershipIds

IDLE: Final = timedelta(minutes=15)
LONGEST_SESSION: Final = timedelta(hours=12)
PAUSE: Final = timedelta(minutes=15)
TRIES: Final = 5
TRIES_FROM_ONE_PLACE: Final = 50
_TOUCH_AFTER: Final = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Choice:
    """An organisation that a person belongs to, with the facilities they work in."""

    id: uuid.UUID
    name: str
    facilities: list[str]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session; `token` is kept by the browser and nowhere else."""

    token: str = field(repr=False)
    organisation_id: uuid.UUID
    person_id: uuid.UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Refused:
    """Not signed in. `paused_minutes` says how long every further try is refused unread."""

    tries_left: int
    paused_minutes: int | None


@dataclass(frozen=True, slots=True)
class Session:
    """A valid session."""

    person_id: uuid.UUID
    organisation_id: uuid.UUID
    expires_at: datetime


class SignIn:
    """The door."""

    def __init__(self, access: Access, passwords: Passwords) -> None:
        """Take the way to the database and the checker of passwords."""
        self._access = access
        self._passwords = passwords

    def organisations(self, email: str) -> list[Choice]:
        """The organisations in which this person may sign in, by name; none for an unknown address."""
        choices = []
        for ids in self._memberships(email):
            with self._access.organisation(ids.organisation_id) as site:
                found = people.organisation_of(site, ids.person_id)
            if found is not None:
                choices.append(Choice(ids.organisation_id, found.name, list(found.facilities)))
        return sorted(choices, key=lambda choice: choice.name)

    def sign_in(
        self, email: str, organisation_id: uuid.UUID | None, password: str, now: datetime, *, place: str = ""
    ) -> SignedIn | Refused:
        """A session for the right password, in the organisation named or in the only one; else a refusal.

        `place` is the network address of whoever tries.
        """
        subjects = {_subject(f"email:{email.strip().lower()}"): TRIES}
        if place:
            subjects[_subject(f"place:{place}")] = TRIES_FROM_ONE_PLACE
        paused = self._begin_try(subjects, now)
        if paused is not None:
            return Refused(0, paused)
        chosen = _chosen(self._memberships(email), organisation_id)
        session = self._open(chosen, password[:LONGEST], now)
        if session is None:
            return self._refuse(next(iter(subjects)), chosen, now)
        by_email, *by_place = subjects
        with self._access.outside() as transaction:
            sessions.forget_attempts(transaction, by_email)
            for subject in by_place:
                sessions.forget_attempt(transaction, subject, now)
        return session

    def session(self, token: str, now: datetime, *, touch: bool) -> Session | None:
        """The session behind a token, unless it is over; `touch` says that a person acts, which keeps it alive."""
        with self._access.outside() as transaction:
            ids = lookups.session(transaction, _hash(token))
        if ids is None:
            return None
        with self._access.organisation(ids.organisation_id) as site:
            found = sessions.get(site, ids.session_id, now)
            if found is None:
                return None
            expires_at = found.expires_at
            if touch and now - found.last_seen_at > _TOUCH_AFTER:
                expires_at = min(now + IDLE, found.created_at + LONGEST_SESSION)
                sessions.touch(site, ids.session_id, now=now, expires_at=expires_at)
        return Session(found.person_id, ids.organisation_id, expires_at)

    def sign_out(self, token: str, now: datetime) -> None:
        """The session is over. Harmless when there is none."""
        with self._access.outside() as transaction:
            ids = lookups.session(transaction, _hash(token))
        if ids is None:
            return
        with self._access.organisation(ids.organisation_id) as site:
            person_id = sessions.end(site, ids.session_id)
            _record(site, "sign_out", person_id, now)

    def _memberships(self, email: str) -> list[MembershipIds]:
        with self._access.outside() as transaction:
            return lookups.memberships_of(transaction, email.strip().lower())

    def _begin_try(self, subjects: dict[bytes, int], now: datetime) -> int | None:
        """Count a try before it is read, so that tries at the same time are counted too; None when it may be read.

        Otherwise the minutes for which no further try is read.
        """
        with self._access.outside() as transaction:
            sessions.one_at_a_time(transaction, next(iter(subjects)))
            sessions.forget_attempts_before(transaction, now - PAUSE)
            last = [
                attempts.last_at
                for subject, most in subjects.items()
                if (attempts := sessions.attempts(transaction, subject)).count >= most and attempts.last_at
            ]
            if not last:
                for subject in subjects:
                    sessions.add_attempt(transaction, subject, now)
        return None if not last else max(1, -(-int((max(last) + PAUSE - now).total_seconds()) // 60))

    def _open(self, chosen: MembershipIds | None, password: str, now: datetime) -> SignedIn | None:
        """The session, if the password is right. The hash is checked outside of any transaction: it takes its time."""
        kept = None
        if chosen is not None:
            with self._access.organisation(chosen.organisation_id) as site:
                kept = people.password_hash(site, chosen.person_id)
        if not self._passwords.verify(kept, password) or chosen is None:
            return None
        token, expires_at = secrets.token_urlsafe(32), now + IDLE
        with self._access.organisation(chosen.organisation_id) as site:
            sessions.remove_ended(site, now)
            sessions.add(
                site,
                id=uuid.uuid4(),
                person_id=chosen.person_id,
                token_hash=_hash(token),
                now=now,
                expires_at=expires_at,
            )
            _record(site, "sign_in", chosen.person_id, now)
        return SignedIn(token, chosen.organisation_id, chosen.person_id, expires_at)

    def _refuse(self, subject: bytes, chosen: MembershipIds | None, now: datetime) -> Refused:
        with self._access.outside() as transaction:
            count = sessions.attempts(transaction, subject).count
        if chosen is not None:
            with self._access.organisation(chosen.organisation_id) as site:
                _record(site, "sign_in", chosen.person_id, now, outcome="failure")
        left = max(0, TRIES - count)
        return Refused(left, None if left else int(PAUSE.total_seconds()) // 60)


def _chosen(memberships: list[MembershipIds], organisation_id: uuid.UUID | None) -> MembershipIds | None:
    """The one membership that is meant; None when it is not clear or not theirs."""
    if organisation_id is None:
        return memberships[0] if len(memberships) == 1 else None
    return next((ids for ids in memberships if ids.organisation_id == organisation_id), None)


def _record(
    site: audit.Site, action: str, person_id: uuid.UUID | None, now: datetime, *, outcome: audit.Outcome = "success"
) -> None:
    who = None if person_id is None else str(person_id)
    audit.record(
        site,
        now=now,
        actor_kind="person",
        actor_id=who,
        action=action,
        object_kind="person",
        object_id=who,
        outcome=outcome,
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", errors="replace")).digest()


def _subject(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", errors="replace")).digest()
