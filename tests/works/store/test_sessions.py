"""Sessions end, tries are forgotten."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from smartlink.works.access import Access
from smartlink.works.store import sessions
from tests.works.cast import Cast


def test_a_session_is_there_until_it_is_over(access: Access, cast: Cast, now: datetime) -> None:
    session = uuid.uuid4()
    end = now + timedelta(minutes=15)
    with access.organisation(cast.lakeside.organisation_id) as site:
        sessions.add(site, id=session, person_id=cast.bob, token_hash=b"h" * 32, now=now, expires_at=end)
        assert sessions.get(site, session, now) is not None
        assert sessions.get(site, session, end) is None
        sessions.remove_ended(site, end)
        assert site.value("SELECT count(*) FROM web_session") == 0


def test_old_tries_do_not_count(access: Access, now: datetime) -> None:
    with access.outside() as transaction:
        sessions.add_attempt(transaction, b"bob", now)
        sessions.add_attempt(transaction, b"bob", now + timedelta(minutes=1))
        assert sessions.attempts(transaction, b"bob") == sessions.Attempts(2, now + timedelta(minutes=1))
        sessions.forget_attempts_before(transaction, now)
        assert sessions.attempts(transaction, b"bob").count == 1
        sessions.forget_attempts(transaction, b"bob")
        assert sessions.attempts(transaction, b"bob") == sessions.Attempts(0, None)
