"""Tables `web_session` (who is signed in) and `sign_in_attempt` (who tried in vain, as a hash)."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from smartlink.works.store.database import Site, Transaction

ADD = """
    INSERT INTO web_session (id, organisation_id, person_id, token_hash, created_at, last_seen_at, expires_at)
    VALUES (:id, :organisation_id, :person_id, :token_hash, :now, :now, :expires_at)
"""
GET = """
    SELECT s.person_id, s.created_at, s.last_seen_at, s.expires_at
    FROM web_session s JOIN person p ON p.id = s.person_id
    WHERE s.id = :id AND s.expires_at > :now AND p.status = 'active'
"""
TOUCH = "UPDATE web_session SET last_seen_at = :now, expires_at = :expires_at WHERE id = :id"
END = "DELETE FROM web_session WHERE id = :id RETURNING person_id"
REMOVE_ENDED = "DELETE FROM web_session WHERE expires_at <= :now"
ADD_ATTEMPT = "INSERT INTO sign_in_attempt (subject_hash, at) VALUES (:subject, :now)"
ATTEMPTS = "SELECT count(*) AS count, max(at) AS last_at FROM sign_in_attempt WHERE subject_hash = :subject"
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(encode(:subject, 'hex'), 5105))"
FORGET_ONE = """
    DELETE FROM sign_in_attempt
    WHERE id = (SELECT id FROM sign_in_attempt WHERE subject_hash = :subject AND at = :at ORDER BY id LIMIT 1)
"""
FORGET = "DELETE FROM sign_in_attempt WHERE subject_hash = :subject"
FORGET_BEFORE = "DELETE FROM sign_in_attempt WHERE at <= :before"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session that is not over."""

    person_id: uuid.UUID
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often somebody tried in vain, and when last."""

    count: int
    last_at: datetime | None


def add(
    site: Site, *, id: uuid.UUID, person_id: uuid.UUID, token_hash: bytes, now: datetime, expires_at: datetime
) -> None:
    """A new session."""
    site.run(
        ADD,
        id=id,
        organisation_id=site.organisation_id,
        person_id=person_id,
        token_hash=token_hash,
        now=now,
        expires_at=expires_at,
    )


def get(site: Site, session_id: uuid.UUID, now: datetime) -> SessionRow | None:
    """The session, unless it is over or its person no longer active."""
    return site.one(SessionRow, GET, id=session_id, now=now)


def touch(site: Site, session_id: uuid.UUID, *, now: datetime, expires_at: datetime) -> None:
    """The person acted."""
    site.run(TOUCH, id=session_id, now=now, expires_at=expires_at)


def end(site: Site, session_id: uuid.UUID) -> uuid.UUID | None:
    """The session is over; whose it was."""
    person: uuid.UUID | None = site.value(END, id=session_id)
    return person


def remove_ended(site: Site, now: datetime) -> None:
    """Sessions that ran out are removed."""
    site.run(REMOVE_ENDED, now=now)


def one_at_a_time(transaction: Transaction, subject: bytes) -> None:
    """Whoever else counts this subject's tries waits until this transaction ends."""
    transaction.run(ONE_AT_A_TIME, subject=subject)


def add_attempt(transaction: Transaction, subject: bytes, now: datetime) -> None:
    """Somebody tries."""
    transaction.run(ADD_ATTEMPT, subject=subject, now=now)


def attempts(transaction: Transaction, subject: bytes) -> Attempts:
    """How often this subject tried in vain, as far as it is remembered."""
    return transaction.one(Attempts, ATTEMPTS, subject=subject) or Attempts(0, None)


def forget_attempts(transaction: Transaction, subject: bytes) -> None:
    """The subject signed in after all."""
    transaction.run(FORGET, subject=subject)


def forget_attempt(transaction: Transaction, subject: bytes, at: datetime) -> None:
    """One try of that moment was not in vain."""
    transaction.run(FORGET_ONE, subject=subject, at=at)


def forget_attempts_before(transaction: Transaction, before: datetime) -> None:
    """Attempts that no longer count are removed."""
    transaction.run(FORGET_BEFORE, before=before)
