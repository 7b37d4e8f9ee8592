"""A mail goes out once, waits while the server is away, and is not tried for ever where nobody lives."""

import uuid

import pytest
from structlog.testing import capture_logs

from smartlink.works.access import Access
from smartlink.works.errors import TryAgain
from smartlink.works.notify import mailing
from smartlink.works.notify.post import NoPost, Server, SMTPPost
from smartlink.works.store import mails
from tests.works.cast import NOW, Cast
from tests.works.mailserver import Mailbox, serving
from tests.works.store.test_mails import add


def state(access: Access, cast: Cast, mail_id: uuid.UUID) -> tuple[str, int, str | None]:
    """How far a mail is."""
    with access.organisation(cast.lakeside.organisation_id) as site:
        mail = mails.get(site, mail_id)
    assert mail is not None
    return mail.state, mail.attempts, mail.problem


@pytest.mark.proves("R113")
def test_a_mail_waits_for_the_server_and_goes_out_once(access: Access, cast: Cast) -> None:
    home = cast.lakeside
    with access.organisation(home.organisation_id) as site:
        mail_id = add(site, home, "alice@example.org")
    with serving(Mailbox()) as mailbox:
        pass
    post = SMTPPost(Server("127.0.0.1", mailbox.port, "none", "works@example.org"))
    with capture_logs() as lines, pytest.raises(TryAgain):
        mailing.send(access, post, home.organisation_id, mail_id, NOW)
    assert "alice" not in str(lines)
    assert state(access, cast, mail_id)[:2] == ("waiting", 1)
    with access.organisation(home.organisation_id) as site:
        assert [mail.id for mail in mailing.stuck(site, [home.facility_id])] == [mail_id]
    with serving(mailbox), capture_logs():
        for _ in range(2):
            mailing.send(access, post, home.organisation_id, mail_id, NOW)
    assert mailbox.subjects() == ["Transfers fail"]
    assert state(access, cast, mail_id) == ("sent", 2, None)


def test_an_address_that_is_refused_for_good_is_not_tried_again(access: Access, cast: Cast) -> None:
    home = cast.lakeside
    with access.organisation(home.organisation_id) as site:
        mail_id = add(site, home, "nobody@example.org")
    with serving(Mailbox(refuse="550 No such user")) as mailbox, capture_logs():
        post = SMTPPost(Server("127.0.0.1", mailbox.port, "none", "works@example.org"))
        for _ in range(2):
            mailing.send(access, post, home.organisation_id, mail_id, NOW)
    assert state(access, cast, mail_id) == ("refused", 1, "The mail server refuses this address (550).")


def test_a_mail_of_another_organisation_is_not_sent(access: Access, cast: Cast) -> None:
    with access.organisation(cast.lakeside.organisation_id) as site:
        mail_id = add(site, cast.lakeside, "alice@example.org")
    mailing.send(access, NoPost(), cast.elsewhere.organisation_id, mail_id, NOW)
    assert state(access, cast, mail_id) == ("waiting", 0, None)
