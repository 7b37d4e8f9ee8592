"""A mail is kept before it is sent; only one that waits can turn out, and a newer one replaces it."""

import uuid
from datetime import datetime, timedelta

from smartlink.works.access import Access, Site
from smartlink.works.store import mails
from tests.works.cast import NOW, Cast, Home


def add(site: Site, home: Home, recipient: str, now: datetime = NOW) -> uuid.UUID:
    """A mail that waits."""
    mail_id = uuid.uuid4()
    mails.add(
        site,
        id=mail_id,
        facility_id=home.facility_id,
        kind="digest",
        recipient=recipient,
        subject="Transfers fail",
        body="Three images wait.",
        now=now,
    )
    return mail_id


def test_a_mail_turns_out_once(access: Access, cast: Cast) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        mail_id = add(site, cast.lakeside, "alice@example.org")
        assert mails.turned(site, mail_id, state="waiting", problem="The server is away.", now=NOW)
        assert mails.turned(site, mail_id, state="sent", problem=None, now=NOW)
        assert not mails.turned(site, mail_id, state="refused", problem="late", now=NOW)
        kept = mails.get(site, mail_id)
        assert kept is not None
        assert (kept.state, kept.attempts, kept.problem) == ("sent", 2, None)


def test_a_mail_about_one_thing_is_replaced_only_by_one_about_the_same(access: Access, cast: Cast) -> None:
    home, this, that = cast.lakeside, uuid.uuid4(), uuid.uuid4()
    with access.organisation(home.organisation_id) as site:
        for subject in (this, that):
            mails.add(
                site,
                id=uuid.uuid4(),
                facility_id=home.facility_id,
                kind="silent",
                recipient="alice@example.org",
                subject="Nothing heard",
                body="Of a scanner.",
                now=NOW,
                subject_id=subject,
            )
        add(site, home, "alice@example.org")
        pair = ["silent", "silent_over"]
        assert mails.supersede(site, home.facility_id, NOW, kinds=pair, subject_id=this) == 1
        assert mails.supersede(site, home.facility_id, NOW, kinds=pair) == 0
        assert mails.supersede(site, home.facility_id, NOW, kinds=["digest"]) == 1


def test_a_newer_mail_replaces_those_that_wait(access: Access, cast: Cast) -> None:
    home, later = cast.lakeside, NOW + timedelta(hours=4)
    with access.organisation(home.organisation_id) as site:
        old, sent = add(site, home, "alice@example.org"), add(site, home, "bob@example.org")
        mails.turned(site, sent, state="sent", problem=None, now=NOW)
        mails.turned(site, old, state="waiting", problem="The server is away.", now=NOW)
        assert [mail.id for mail in mails.stuck(site, [home.facility_id], 10)] == [old]
        assert mails.supersede(site, home.facility_id, later, kinds=["digest", "recovered"]) == 1
        new = add(site, home, "alice@example.org", later)
        assert mails.stuck(site, [home.facility_id], 10) == []
        listed = mails.listing(site, [home.facility_id], 10)
        assert [(mail.id, mail.state) for mail in listed] == [(new, "waiting"), (old, "superseded"), (sent, "sent")]
    with access.organisation(cast.elsewhere.organisation_id) as site:
        assert mails.get(site, new) is None
