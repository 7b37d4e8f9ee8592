"""Mail behind one interface: a letter goes to one address, or an error says again or never.

The only importer of smtplib. Passwords and addresses stay out of every text.
"""

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Literal, Protocol
from uuid import UUID

from smartlink.ui.translations import marked
from smartlink.works.errors import GiveUp, TryAgain
from smartlink.works.settings import Settings

_NEVER: Final = range(500, 600)
_REST: Final = timedelta(minutes=1)
Clock = Callable[[], datetime]
_NO_SERVER: Final = marked("Works has no mail server: set WORKS_SMTP_HOST and WORKS_MAIL_FROM.")


class NotSent(TryAgain):
    """The letter did not get through this time."""


class ServerAway(NotSent):
    """There is no mail server to be talked to just now: no use in trying the next letter at once."""


class Refused(GiveUp):
    """The mail server does not take letters for this address."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one address. The same id makes the same Message-ID, so that a repeat can be told from another."""

    id: UUID
    recipient: str
    subject: str
    body: str
    at: datetime


class Post(Protocol):
    """What carries letters."""

    def send(self, letter: Letter) -> None:
        """Hand the letter over. Raises NotSent for another time, Refused for never."""


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server and how to talk to it."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    user: str | None = None
    password: str = field(default="", repr=False)
    seconds: float = 10.0


class NoPost:
    """In place of a mail server that nobody has set: letters wait."""

    def send(self, letter: Letter) -> None:  # noqa: ARG002 - the port's signature
        """Say what is missing."""
        raise NotSent(_NO_SERVER)


class SMTPPost:
    """One connection for each letter: they are few, and a server that went away is met at the next one."""

    def __init__(self, server: Server) -> None:
        """Nothing is opened before the first letter."""
        self._server = server

    def send(self, letter: Letter) -> None:
        """See Post."""
        server = self._server
        try:
            with self._connected() as smtp:
                if server.user is not None:
                    smtp.login(server.user, server.password)
                smtp.send_message(message(letter, server.sender), server.sender, [letter.recipient])
        except smtplib.SMTPRecipientsRefused as refused:
            code = next(iter(refused.recipients.values()))[0]
            if code in _NEVER:
                raise Refused(f"The mail server refuses this address ({code}).") from None
            raise NotSent(f"The mail server does not take this address now ({code}).") from None
        except smtplib.SMTPAuthenticationError:
            raise NotSent(marked("The mail server does not accept user name and password.")) from None
        except smtplib.SMTPResponseException as answer:
            raise NotSent(f"The mail server refuses the mail ({answer.smtp_code}).") from None
        except smtplib.SMTPNotSupportedError:
            raise NotSent(
                marked("The mail server does not offer what the settings ask for: encryption or sign-in.")
            ) from None
        except ssl.SSLError:
            raise NotSent(marked("The mail server's certificate is not trusted, or it does not speak TLS.")) from None
        except (smtplib.SMTPException, OSError) as away:
            raise ServerAway(f"The mail server does not answer ({type(away).__name__}).") from None

    def _connected(self) -> smtplib.SMTP:
        """A connection as secure as the settings ask for, checked against the system's trust store."""
        server = self._server
        if server.security == "tls":
            trust = ssl.create_default_context()
            return smtplib.SMTP_SSL(server.host, server.port, timeout=server.seconds, context=trust)
        smtp = smtplib.SMTP(server.host, server.port, timeout=server.seconds)
        if server.security == "starttls":
            try:
                smtp.starttls(context=ssl.create_default_context())
            except BaseException:
                smtp.close()
                raise
        return smtp


class Sparing:
    """Leaves a server that did not answer alone for a minute: waiting for it would hold up other work."""

    def __init__(self, post: Post, clock: Clock) -> None:
        """`post` is tried when the rest is over."""
        self._post = post
        self._clock = clock
        self._rest_until: datetime | None = None

    def send(self, letter: Letter) -> None:
        """See Post."""
        if self._rest_until is not None and self._clock() < self._rest_until:
            raise ServerAway(marked("The mail server did not answer a moment ago."))
        try:
            self._post.send(letter)
        except ServerAway:
            self._rest_until = self._clock() + _REST
            raise
        self._rest_until = None


def post_of(settings: Settings) -> Post:
    """What carries letters under these settings."""
    if settings.smtp_host is None or settings.mail_from is None:
        return NoPost()
    password = settings.smtp_password
    return SMTPPost(
        Server(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=settings.smtp_security,
            sender=settings.mail_from,
            user=settings.smtp_user,
            password="" if password is None else password.get_secret_value(),
        )
    )


def message(letter: Letter, sender: str) -> EmailMessage:
    """The letter as it goes over the wire."""
    made = EmailMessage()
    made["From"] = sender
    made["To"] = letter.recipient
    made["Subject"] = letter.subject
    made["Date"] = format_datetime(letter.at)
    made["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(letter.body)
    return made
