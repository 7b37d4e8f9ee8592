"""Certificates and keys as files: whether they can be used, and for how long. What is private is never shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from smartlink.gateway.errors import Refused
from smartlink.gateway.platform.files import others_may_read
from smartlink.gateway.retry import Outage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from smartlink.gateway.connections import Connection
    from smartlink.gateway.settings import SmartLinkSettings

log = structlog.get_logger()

WARN_BEFORE: Final = timedelta(days=30)
_TELL_EVERY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, by the files that hold them, and who shows it to others."""

    shown_by: str
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Found:
    """What is to be known of a pair: until when its certificate is valid, and what is wrong with it now."""

    pair: Pair
    expires_at: datetime | None
    problem: str | None


def pairs_in_use(settings: SmartLinkSettings, connections: Iterable[Connection]) -> list[Pair]:
    """Return every certificate that this gateway shows to others: the receiver's, and those for single PACS."""
    found = []
    if settings.tls_port is not None and settings.tls_certificate and settings.tls_key:
        found.append(Pair("receiver", Path(settings.tls_certificate), Path(settings.tls_key)))
    return found + [pair for one in connections for pair in pairs_of(one)]


def pairs_of(connection: Connection) -> list[Pair]:
    """Return the certificate that a connection shows to its PACS, if it has one."""
    tls = connection.tls
    if tls is None or tls.certificate is None:
        return []
    return [Pair(str(connection.ae_title), tls.certificate, tls.key or tls.certificate)]


def check_pair(pair: Pair, now: datetime) -> datetime:
    """Return until when a certificate is valid, or raise Refused with what is wrong with it or its key."""
    leaf = certificate_of(pair)
    if now >= leaf.not_valid_after_utc:
        raise Refused(f"The certificate {pair.certificate} expired on {leaf.not_valid_after_utc:%Y-%m-%d}. Renew it.")
    if now < leaf.not_valid_before_utc:
        raise Refused(
            f"The certificate {pair.certificate} is valid only from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on."
            " Check the clock of this machine."
        )
    return leaf.not_valid_after_utc


def certificate_of(pair: Pair) -> x509.Certificate:
    """Return the certificate of a pair that belongs together and is kept as it should be, or raise Refused."""
    chain = _certificates(pair.certificate)
    if others_may_read(pair.key):
        raise Refused(f"Other accounts may read the private key {pair.key}. Take that from them: chmod 600 {pair.key}")
    try:
        key = serialization.load_pem_private_key(_bytes(pair.key), password=None)
    except TypeError:
        raise Refused(
            f"The private key {pair.key} has a password. Store it without one, readable by this program alone."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise Refused(f"{pair.key} holds no private key in PEM form.") from None
    leaf = chain[0]
    if _public(key.public_key()) != _public(leaf.public_key()):
        raise Refused(
            f"The private key {pair.key} does not belong to the certificate {pair.certificate}."
            " The certificate of this machine comes first in its file, those that issued it after it."
        )
    return leaf


def check_receiver(settings: SmartLinkSettings, now: datetime) -> None:
    """Raise Refused unless the receiver's TLS port, if it is to have one, can be served with its files."""
    for pair in pairs_in_use(settings, ()):
        check_pair(pair, now)
    if settings.tls_port is not None and settings.tls_ca_file is not None:
        check_trust(Path(settings.tls_ca_file))


def check_trust(path: Path) -> None:
    """Raise Refused unless the file holds certificates that may be trusted."""
    _certificates(path)


def looked_at(pair: Pair, now: datetime) -> Found:
    """Return what is to be known of a pair; never raises."""
    try:
        return Found(pair, check_pair(pair, now), None)
    except Refused as refusal:
        return Found(pair, None, str(refusal))


class Watch:
    """Says in the log when a certificate expires within 30 days, or cannot be used: at once, then once a day."""

    def __init__(self, pairs: Callable[[], Sequence[Pair]]) -> None:
        self._pairs = pairs
        self._troubles: dict[tuple[Pair, str | None], Outage] = {}

    def tick(self, now: datetime) -> bool:
        """Look at every certificate in use."""
        seen = {(one.pair, one.problem): one for one in (looked_at(pair, now) for pair in self._pairs())}
        wrong = {key: one for key, one in seen.items() if _is_wrong(one, now)}
        self._troubles = {key: self._troubles.get(key) or Outage(lambda: _TELL_EVERY) for key in wrong}
        for key, found in wrong.items():
            if self._troubles[key].should_be_told(now):
                _tell(found, now)
        return False


def _is_wrong(found: Found, now: datetime) -> bool:
    return found.expires_at is None or found.expires_at - now <= WARN_BEFORE


def _tell(found: Found, now: datetime) -> None:
    if found.expires_at is None:
        log.error("certificate_unusable", shown_by=found.pair.shown_by, why=found.problem)
        return
    log.error(
        "certificate_expires",
        shown_by=found.pair.shown_by,
        certificate=str(found.pair.certificate),
        expires_at=found.expires_at,
        days_left=(found.expires_at - now).days,
        action="Renew it in the same file: it is taken over by itself.",
    )


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_bytes(path))
    except ValueError:
        raise Refused(f"{path} holds no certificate in PEM form.") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise Refused(f"{path} cannot be read: {problem.strerror or type(problem).__name__}.") from problem


def _public(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined] # each kind of key has it, their union has not
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded
