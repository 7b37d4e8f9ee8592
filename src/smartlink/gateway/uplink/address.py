"""Which addresses may be called at all: https anywhere, plain http on this machine only."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def works_url(text: str) -> str:
    """Return the address of Works without a trailing slash, or raise ValueError with a sentence for a person."""
    check(text)
    parts = urlsplit(text)
    if parts.query or parts.fragment:
        raise ValueError("The address of Works ends after the host or a path, without ? or #.")
    return text.rstrip("/")


def check(text: str) -> None:
    """Raise ValueError unless `text` is an https address, or an http one on this machine."""
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("This is no web address.") from None
    if not host or parts.scheme not in {"https", "http"}:
        raise ValueError("A web address begins with https:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise ValueError("A web address carries no user name and no password.")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("Only https is allowed to another machine.")


def is_loopback(host: str) -> bool:
    """Tell whether `host` names this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
