"""A real mail server on a free port that keeps what it gets, and that tests can make refuse."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from socket import create_server
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session

from tests.gateway.uplink.authority import write_chain

USER, PASSWORD = "works", "the mail server's password"


@dataclass
class Mailbox:
    """What came, and what is refused: `refuse` is an answer to every recipient, such as `550 No such user`."""

    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[list[str]] = field(default_factory=list)
    refuse: str | None = None
    refuse_data: str | None = None
    port: int = 0
    signed_in: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: object, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient, or refuse."""
        del server, session, options
        if self.refuse is not None:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: object, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        """Take a mail, or refuse."""
        del server, session
        if self.refuse_data is not None:
            return self.refuse_data
        assert isinstance(envelope.content, bytes)
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        self.envelopes.append(list(envelope.rcpt_tos))
        return "250 OK"

    def check(self, _server: object, _session: Session, _envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Whether somebody may send."""
        self.signed_in.append(mechanism)
        known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=known, handled=False)

    def texts(self) -> list[str]:
        """The bodies of what came."""
        return [str(mail.get_content()).replace("\r\n", "\n") for mail in self.mails]

    def subjects(self) -> list[str]:
        """The subjects of what came."""
        return [str(mail["Subject"]) for mail in self.mails]


@contextmanager
def serving(
    mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> Iterator[Mailbox]:
    """Serve the mailbox on this machine; with a certificate, sign-in is asked for."""

    class Box(Controller):
        def _create_server(self) -> Any:
            assert self.loop is not None
            return self.loop.create_server(self._factory_invoker, sock=listening, ssl=self.ssl_context)

    listening = create_server(("127.0.0.1", mailbox.port))
    mailbox.port = int(listening.getsockname()[1])
    strict: dict[str, Any] = {
        "auth_required": True,
        "auth_require_tls": starttls is not None,
        "authenticator": mailbox.check,
    }
    box = Box(
        mailbox,
        hostname="127.0.0.1",
        port=mailbox.port,
        ssl_context=tls,
        server_hostname="mail.test",
        tls_context=starttls,
        require_starttls=starttls is not None,
        **(strict if tls or starttls else {}),
    )
    box.start()
    try:
        yield mailbox
    finally:
        box.stop()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for `localhost`, and the file by which one trusts it."""
    authority, public, private = (folder / name for name in ("authority.pem", "mail.pem", "mail.key"))
    write_chain(authority, public, private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, authority
