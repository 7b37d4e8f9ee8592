"""Letters over real SMTP: encrypted, signed in, refused now or for ever, and never with a secret in a text."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from smartlink.works import settings
from smartlink.works.notify.post import (
    Letter,
    NoPost,
    NotSent,
    Refused,
    Server,
    ServerAway,
    SMTPPost,
    Sparing,
    post_of,
)
from tests.works.cast import NOW
from tests.works.mailserver import PASSWORD, USER, Mailbox, certificate, serving

LETTER = Letter(uuid.uuid4(), "alice@example.org", "Transfers fail at São João", "Three images wait.\n", NOW)


def server(mailbox: Mailbox, **changes: object) -> SMTPPost:
    """What sends to the mailbox."""
    given = {"host": "127.0.0.1", "port": mailbox.port, "security": "none", "sender": "works@example.org"} | changes
    return SMTPPost(Server(**given))  # type: ignore[arg-type]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with serving(Mailbox()) as box:
        yield box


def test_a_letter_arrives_as_it_was_written(mailbox: Mailbox) -> None:
    server(mailbox).send(LETTER)
    (mail,) = mailbox.mails
    assert mailbox.envelopes == [["alice@example.org"]]
    assert (mail["To"], mail["From"], mail["Subject"]) == (LETTER.recipient, "works@example.org", LETTER.subject)
    assert mail["Message-ID"] == f"<{LETTER.id}@example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mailbox.texts() == [LETTER.body]


@pytest.mark.parametrize(
    ("refuse", "refuse_data", "kind", "said"),
    [
        ("550 No such user: alice", None, Refused, "refuses this address (550)"),
        ("451 Greylisted", None, NotSent, "not take this address now (451)"),
        (None, "452 Disk full", NotSent, "refuses the mail (452)"),
        (None, "554 Policy", NotSent, "refuses the mail (554)"),
    ],
)
def test_a_refusal_says_again_or_never(
    mailbox: Mailbox, refuse: str | None, refuse_data: str | None, kind: type[Exception], said: str
) -> None:
    mailbox.refuse, mailbox.refuse_data = refuse, refuse_data
    with pytest.raises(kind) as refusal:
        server(mailbox).send(LETTER)
    assert said in str(refusal.value)
    assert "alice" not in str(refusal.value)


def test_a_server_that_is_away_is_tried_again() -> None:
    with serving(Mailbox()) as gone:
        pass
    with pytest.raises(NotSent, match="does not answer"):
        server(gone).send(LETTER)


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # aiosmtpd does not see that TLS began with the first byte
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_encrypted_and_signed_in(security: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trusted = certificate(tmp_path)
    contexts = {"tls" if security == "tls" else "starttls": context}
    with serving(Mailbox(), **contexts) as mailbox:
        known = {"host": "localhost", "security": security, "user": USER}
        post = server(mailbox, **known, password=PASSWORD)
        with pytest.raises(NotSent, match="not trusted"):
            post.send(LETTER)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        post.send(LETTER)
        assert mailbox.subjects() == [LETTER.subject]
        with pytest.raises(NotSent, match="user name and password") as refusal:
            server(mailbox, **known, password="wrong secret").send(LETTER)
        assert "secret" not in str(refusal.value) + repr(post)


def test_an_unencrypted_server_gets_nothing_that_was_to_be_encrypted(mailbox: Mailbox) -> None:
    with pytest.raises(NotSent, match="encryption"):
        server(mailbox, security="starttls").send(LETTER)
    with pytest.raises(NotSent, match="TLS"):
        server(mailbox, security="tls").send(LETTER)
    assert mailbox.mails == []


def test_without_a_server_letters_wait_and_say_what_is_missing() -> None:
    post = post_of(settings.read())
    assert isinstance(post, NoPost)
    with pytest.raises(NotSent, match="WORKS_SMTP_HOST"):
        post.send(LETTER)


def test_the_settings_name_the_server(mailbox: Mailbox) -> None:
    post = post_of(
        settings.read(
            smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_security="none", mail_from="works@example.org"
        )
    )
    post.send(LETTER)
    assert len(mailbox.mails) == 1


class Changing:
    """Another server each time."""

    def __init__(self, posts: list[SMTPPost]) -> None:
        self.posts = posts

    def send(self, letter: Letter) -> None:
        """See Post."""
        self.posts.pop(0).send(letter)


def test_a_server_that_is_away_is_left_alone_for_a_minute(mailbox: Mailbox) -> None:
    with serving(Mailbox()) as gone:
        pass
    times = [NOW, NOW, NOW + timedelta(seconds=59), NOW + timedelta(seconds=60)]
    sparing = Sparing(Changing([server(gone), server(mailbox)]), lambda: times.pop(0))
    with pytest.raises(ServerAway, match="does not answer"):
        sparing.send(LETTER)
    for _ in range(2):
        with pytest.raises(ServerAway, match="a moment ago"):
            sparing.send(LETTER)
    sparing.send(LETTER)
    assert len(mailbox.mails) == 1
