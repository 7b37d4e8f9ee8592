"""DICOM over TLS, both sides: the BCP 195 RFC 8996, 9325 Secure Transport Connection Profile (PS3.15 section B.12).

TLS 1.2 and 1.3, with the cipher suites that RFC 9325 section 4.2 recommends. A handshake is waited for as a whole. What
may be wrong is told by `tls_words`.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.calling import AssociationFailed
from smartlink.gateway.certificates import Pair, certificate_of, check_trust
from smartlink.gateway.dicom import tls_words
from smartlink.gateway.errors import Refused

if TYPE_CHECKING:
    from pathlib import Path

    from smartlink.gateway.calling import Peer, Tls

_CIPHERS_OF_TLS_1_2: Final = "ECDHE+AESGCM:@SECLEVEL=2"
"""Those of TLS 1.3 need no choice: all of them are recommended."""


class NotSecured(Exception):
    """A caller and we cannot agree on a secured connection; the text says why, for the list of refusals."""


class SecuredSocket(ssl.SSLSocket):
    """One secured connection. Unlike its base it goes on reading what is secured after it has said its last word."""

    def shutdown(self, how: int) -> None:
        """Tell the peer that nothing more comes, where it still listens, then do as a socket does."""
        if how == socket.SHUT_WR:
            with contextlib.suppress(OSError, ValueError):
                self.settimeout(0)
                self.unwrap()  # sends the alert at once; the peer's own is not waited for
        with contextlib.suppress(OSError):  # who was told so may be gone already
            socket.socket.shutdown(self, how)


@dataclass(frozen=True, slots=True)
class Identity:
    """How an acceptor shows who it is, and whom it lets in."""

    pair: Pair
    ca_file: Path | None
    """Whom to trust for the certificates of callers; None: they are not asked for one."""
    required: bool
    """Whether a caller without a certificate is turned away."""


class ServerSide:
    """Secures what an acceptor takes. Files are read anew when they change: a renewed certificate needs no restart."""

    def __init__(self, identity: Identity) -> None:
        """Take the files; nothing is read before the first caller."""
        self._identity = identity
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._read_at: tuple[object, ...] = ()

    def wrap(self, sock: socket.socket) -> ssl.SSLSocket:
        """Return the connection as one that is going to be secured, or raise NotSecured when we cannot ourselves."""
        try:
            context = self._current()
        except (Refused, OSError) as problem:
            raise NotSecured(f"TLS cannot be used here: {problem}") from problem
        return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)

    def shake_hands(self, sock: ssl.SSLSocket, seconds: float) -> None:
        """Secure the connection within so many seconds in all, or raise NotSecured."""
        sock.settimeout(seconds)
        try:
            sock.do_handshake()
        except TimeoutError:
            raise NotSecured("TLS: the handshake did not end in time") from None
        except OSError as problem:
            raise NotSecured(f"TLS: {tls_words.of_caller(problem)}") from problem

    def _current(self) -> ssl.SSLContext:
        """Return what the files say now, or what they said before a renewal that is not finished."""
        with self._lock:
            try:
                self._read_anew()
            except (Refused, OSError):
                if self._context is None:
                    raise
            assert self._context is not None  # noqa: S101 - read, now or before
            return self._context

    def _read_anew(self) -> None:
        identity = self._identity
        files = [identity.pair.certificate, identity.pair.key, identity.ca_file or identity.pair.certificate]
        read_at = tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in (path.stat() for path in files))
        if read_at != self._read_at:
            self._context, self._read_at = server_context(identity), read_at


def server_context(identity: Identity) -> ssl.SSLContext:
    """Return what an acceptor needs, or raise Refused with what is wrong with its files."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # an Association is never resumed
    _load_pair(context, identity.pair)
    if identity.ca_file is not None:
        _load_trust(context, identity.ca_file)
        context.verify_mode = ssl.CERT_REQUIRED if identity.required else ssl.CERT_OPTIONAL
    return context


def client_context(tls: Tls, shown_by: str) -> ssl.SSLContext:
    """Return what a requestor needs, or raise Refused with what is wrong with its files."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    if tls.ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _load_trust(context, tls.ca_file)
    if tls.certificate is not None:
        _load_pair(context, Pair(shown_by, tls.certificate, tls.key or tls.certificate))
    return context


def secure(peer: Peer, tls: Tls, sock: socket.socket, seconds: float) -> ssl.SSLSocket:
    """Return the connection to a peer, secured within so many seconds; or close it and raise AssociationFailed."""
    try:
        context = client_context(tls, peer.called_ae_title)
        secured = context.wrap_socket(sock, server_hostname=tls.server_name or peer.host, do_handshake_on_connect=False)
    except (Refused, OSError, ValueError) as problem:
        sock.close()
        raise tls_words.unusable(peer, problem) from problem
    try:
        secured.settimeout(seconds)
        secured.do_handshake()
    except OSError as problem:
        secured.close()
        raise tls_words.of_peer(peer, problem, seconds) from problem
    return secured


def failure_of(peer: Peer, problem: OSError, seconds: float) -> AssociationFailed | None:
    """Return what a failed receive or send means when it is about TLS: TLS 1.3 tells a requestor only then."""
    return tls_words.of_peer(peer, problem, seconds) if isinstance(problem, ssl.SSLError) else None


def words_of(sock: socket.socket) -> str:
    """Return by what a connection is secured, for a person; nothing when it is not."""
    if not isinstance(sock, ssl.SSLSocket):
        return ""
    cipher = sock.cipher()
    return f"{sock.version()}, {cipher[0]}" if cipher else ""


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS_OF_TLS_1_2)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # Whoever lists a certificate among those to trust means it, whether it issued itself or not.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.sslsocket_class = SecuredSocket
    return context


def _load_pair(context: ssl.SSLContext, pair: Pair) -> None:
    certificate_of(pair)
    try:
        context.load_cert_chain(pair.certificate, pair.key, password=_no_password)
    except (OSError, ValueError) as problem:
        raise Refused(f"The certificate {pair.certificate} and its key cannot be used together.") from problem


def _load_trust(context: ssl.SSLContext, path: Path) -> None:
    check_trust(path)
    try:
        context.load_verify_locations(path)
    except OSError as problem:
        raise Refused(f"The certificates in {path} cannot be used.") from problem


def _no_password() -> str:
    """Keep OpenSSL from asking at the terminal."""
    return ""
